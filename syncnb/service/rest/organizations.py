"""Organisations of a CSS (rest-api.md, 4.26-4.28)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import Denied, empty, json
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused
from syncnb.service.rest.callers import read_json
from syncnb.service.wire import Malformed, is_name, member


class Organizations:
    """List, register and delete organisations.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request, identity: Identity, path: str) -> Response:
        """Answer a request; `path` is what follows ``/api/v1/organizations/``."""
        org = path.removesuffix("/")
        if "/" in org:
            return empty(400)
        if identity.kind not in ("admin", "syncadmin"):
            raise Denied
        if org and identity.kind == "admin" and identity.org != org:
            raise Denied
        if request.method not in (("PUT", "DELETE") if org else ("GET",)):
            return empty(405)
        if not self._service.is_css:
            raise Refused("an edge node has no organisations")
        if not org:
            return await self._list(identity)
        if not is_name(org):
            raise Refused(f"{org!r} is not a valid organisation ID")
        if request.method == "PUT":
            return await self._register(request, org)
        await self._service.store.write(lambda tx: tx.remove_organization(org))
        return empty(204)

    async def _list(self, identity: Identity) -> Response:
        known = await self._service.store.read(lambda tx: tx.organizations())
        if not known:
            return empty(404)
        mine = identity.kind == "syncadmin"
        return json(
            [
                {"org-id": org, "address": address}
                for org, address in known.items()
                if mine or org == identity.org
            ]
        )

    async def _register(self, request: Request, org: str) -> Response:
        body = await read_json(self._service, request)
        if not isinstance(body, dict) or member(body, "orgID") != org:
            raise Refused("orgID is not that of the URL")
        for name in ("user", "password", "address"):
            if not isinstance(member(body, name) or "", str):
                raise Malformed(f"{name} is not a string")
        address = member(body, "address") or ""
        await self._service.store.write(lambda tx: tx.put_organization(org, address))
        return empty(204)
