"""Conditions of a ``PUT``: only if the object is still what the caller knows (RFC 9110, 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from starlette.requests import Request

from syncnb.service.lifecycle import Changed
from syncnb.service.store import Key, ObjectRecord, Transaction


def object_tag(record: ObjectRecord) -> str:
    """The ``ETag`` of an object: its instance."""
    return f'"{record.instance_id}"'


def data_tag(record: ObjectRecord) -> str:
    """The ``ETag`` of the data of an object: what a client knows from the metadata."""
    return f'"{record.data_id or record.instance_id}"'


def holds(tags: str, tag: str) -> bool:
    """Whether a list of tags has one; for ``If-None-Match``, which compares weakly.

    Examples
    --------
    >>> holds('"5", W/"7"', '"7"'), holds("*", '"7"'), holds("", '"7"')
    (True, True, False)
    """
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in tags.split(","))


def _holds_strongly(tags: str, tag: str) -> bool:
    return any(one.strip() in (tag, "*") for one in tags.split(","))


@dataclass(frozen=True)
class Condition:
    """What ``If-Match`` and ``If-None-Match`` of a request demand.

    Parameters
    ----------
    match, none_match : str or None
        The headers; None if there is none.
    of_data : bool
        Whether they are about the data, and not about the object.
    """

    match: str | None
    none_match: str | None
    of_data: bool

    @classmethod
    def of(cls, request: Request, *, of_data: bool = False) -> Self:
        """Those of a request."""
        headers = request.headers
        match, none_match = headers.getlist("if-match"), headers.getlist("if-none-match")
        return cls(_joined(match), _joined(none_match), of_data)

    def check(self, tx: Transaction, key: Key) -> None:
        """Refuse if the object is another one; in the transaction that changes it.

        Raises
        ------
        Changed
            It is.
        """
        if self.match is not None or self.none_match is not None:
            self.require(tx.object(key), key)

    def require(self, record: ObjectRecord | None, key: Key) -> None:
        """The same, of a record that was read."""
        tag = ""
        if record is not None:
            tag = data_tag(record) if self.of_data else object_tag(record)
        if self.match is not None and not (tag and _holds_strongly(self.match, tag)):
            raise Changed(f"{key} is {tag or 'not there'}, not {self.match}: nothing was done")
        if self.none_match is not None and tag and holds(self.none_match, tag):
            raise Changed(f"{key} is there as {tag}: nothing was done")


def _joined(values: list[str]) -> str | None:
    return ", ".join(values) if values else None
