"""What the calls of every area share: paths, requests, and answers that are checked."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from syncnb.client.checks import check_meta_data
from syncnb.client.transport import Transport
from syncnb.client.watched import Watching
from syncnb.errors import WrongSideError
from syncnb.metadata import ObjectMetaData, check_stored_name


class Calls:
    """Calls of one service, as one organisation sees it.

    Parameters
    ----------
    transport : Transport
        Sends them.
    org_id : str
        Organisation at a CSS; empty for an ESS.
    """

    def __init__(self, transport: Transport, org_id: str) -> None:
        self._transport = transport
        self.org_id = org_id

    def _only_css(self, operation: str) -> None:
        """Say that a call is for a CSS, which a client is for that has an organisation."""
        if not self.org_id:
            raise WrongSideError(operation, "CSS")

    def _only_ess(self, operation: str) -> None:
        if self.org_id:
            raise WrongSideError(operation, "ESS")

    def _path(self, *names: str) -> tuple[str, ...]:
        return ("objects", *((self.org_id,) if self.org_id else ()), *names)

    def _object_path(self, object_type: str, object_id: str, *rest: str) -> tuple[str, ...]:
        """That of an object that may be there."""
        check_stored_name("object_type", object_type)
        check_stored_name("object_id", object_id)
        return self._path(object_type, object_id, *rest)

    def _subject(self, object_type: str, object_id: str = "") -> str:
        name = (
            f"object {object_type}/{object_id}" if object_id else f"objects of type {object_type}"
        )
        return f"{name} in organisation {self.org_id!r}" if self.org_id else name

    def _call(
        self,
        method: str,
        object_type: str,
        object_id: str | None = None,
        *rest: str,
        operation: str,
        params: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> requests.Response:
        """One request about a type, or about an object if there is an ID."""
        if object_id is None:
            check_stored_name("object_type", object_type)
            path = self._path(object_type)
        else:
            path = self._object_path(object_type, object_id, *rest)
        return self._transport.request(
            method,
            path,
            params=params,
            json=json,
            headers=headers,
            operation=operation,
            subject=self._subject(object_type, object_id or ""),
            accept=accept,
        )

    def _put(
        self, meta_data: ObjectMetaData, operation: str, *rest: str, json: object = None
    ) -> None:
        check_meta_data(meta_data)
        object_type, object_id = meta_data.object_type, meta_data.object_id
        self._call("PUT", object_type, object_id, *rest, operation=operation, json=json)

    def _of_organization(
        self, operation: str, params: Mapping[str, str | None]
    ) -> requests.Response:
        """What a CSS lists of the whole organisation."""
        return self._transport.request(
            "GET",
            ("objects", self.org_id),
            params={name: value for name, value in params.items() if value is not None},
            operation=operation,
            subject=f"organisation {self.org_id!r}",
            accept=(404,),
        )

    def _watch(
        self,
        operation: str,
        path: tuple[str, ...],
        subject: str,
        etag: str,
        wait: float,
        params: Mapping[str, str],
    ) -> tuple[requests.Response, Watching]:
        headers = {"Prefer": f"wait={max(int(wait), 1)}"} if wait > 0 else {}
        if etag:
            headers["If-None-Match"] = etag
        answer = self._transport.request(
            "GET",
            path,
            params=params,
            headers=headers,
            operation=operation,
            subject=subject,
            patience=wait,
            accept=(304, 404),
        )
        return answer, Watching(answer, etag)
