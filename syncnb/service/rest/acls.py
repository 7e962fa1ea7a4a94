"""Access control lists (rest-api.md, 4.29-4.31)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import Denied, empty, json
from syncnb.service.lifecycle import Refused
from syncnb.service.rest.callers import identify, read_json
from syncnb.service.security import EVERYTHING
from syncnb.service.store import AclEntry, Transaction
from syncnb.service.wire import Malformed, boolean, is_name, member

_KINDS = ("objects", "destinations")
_USER_TYPES = ("user", "node")
_ROLES = ("aclReader", "aclWriter")


class AccessLists:
    """What is below ``/security/`` on a CSS.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; `path` is what follows ``/api/v1/security/``."""
        parts = path.removesuffix("/").split("/")
        identity = await identify(self._service, request)
        if len(parts) not in ((5,) if request.method == "DELETE" else (2, 3)):
            return empty(400)
        kind, org = parts[:2]
        if identity.kind != "syncadmin" and (identity.kind != "admin" or identity.org != org):
            raise Denied
        if kind not in _KINDS:
            return empty(400)
        if not is_name(org):
            raise Refused("the organisation in the path is not a valid name")
        key = parts[2] if len(parts) > 2 else ""
        if request.method == "GET":
            return await self._read(request, kind, org)
        if request.method == "PUT":
            return await self._change(request, kind, org, key or EVERYTHING)
        if request.method == "DELETE":
            return await self._remove(kind, org, key, parts[3], parts[4])
        return empty(405)

    async def _read(self, request: Request, kind: str, org: str) -> Response:
        # A key in the path is not looked at: existing clients send one, and get the list of the
        # whole organisation (rest-api.md, 4.29).
        query, store = request.query_params, self._service.store
        try:
            keys_only = boolean(query.get("all_keys"))
        except Malformed:
            return empty(400)
        if keys_only:
            keys = await store.read(lambda tx: tx.acl_keys(org, kind))
            return json(keys) if keys else empty(404)
        wanted = query.get("acl_usertype", "")
        if wanted:
            _require_user_type(wanted)
        name = query.get("key") or EVERYTHING
        if not is_name(name):
            raise Refused("key is not a valid name")
        entries = await store.read(lambda tx: tx.acl(org, kind, name))
        shown = [
            {"Username": e.username, "ACLUserType": e.user_type, "ACLRole": e.role}
            for e in entries
            if wanted in ("", e.user_type)
        ]
        return json(shown) if shown else empty(404)

    async def _change(self, request: Request, kind: str, org: str, key: str) -> Response:
        if not is_name(key):
            raise Refused("the key in the path is not a valid name")
        body = await read_json(self._service, request)
        if not isinstance(body, dict):
            raise Malformed("the body is not a JSON object")
        action = member(body, "action")
        action = action.lower() if isinstance(action, str) else ""
        if action not in ("add", "remove"):
            raise Refused('action is neither "add" nor "remove"')
        if member(body, "usernames"):
            raise Refused('"usernames" has no effect: send "users" with Username and ACLUserType')
        roles = _ROLES if kind == "objects" and action == "add" else None
        entries = _entries(member(body, "users"), roles)

        def change(tx: Transaction) -> None:
            for entry in entries:
                if action == "add":
                    tx.add_to_acl(org, kind, key, entry)
                else:
                    tx.remove_from_acl(org, kind, key, entry.username, entry.user_type)

        await self._service.store.write(change)
        return empty(204)

    async def _remove(
        self, kind: str, org: str, key: str, user_type: str, username: str
    ) -> Response:
        _require_user_type(user_type)
        for name in (key, username):
            if not is_name(name):
                raise Refused("a name in the path is not valid")
        await self._service.store.write(
            lambda tx: tx.remove_from_acl(org, kind, key, username, user_type)
        )
        return empty(204)


def _entries(users: Json, roles: tuple[str, ...] | None) -> list[AclEntry]:
    """The users of a change; all of them are checked before any is stored."""
    if users is None:
        return []
    if not isinstance(users, list):
        raise Malformed("users is not an array")
    return [_entry(user, roles) for user in users]


def _entry(user: Json, roles: tuple[str, ...] | None) -> AclEntry:
    if not isinstance(user, dict):
        raise Malformed("a user is not a JSON object")
    values = {name: member(user, name) or "" for name in ("Username", "ACLUserType", "ACLRole")}
    for name, value in values.items():
        if not isinstance(value, str):
            raise Malformed(f"{name} is not a string")
    if not values["Username"].strip():
        raise Refused("a user has no Username")
    _require_user_type(values["ACLUserType"])
    if roles is not None and values["ACLRole"] not in roles:
        raise Refused(f"ACLRole {values['ACLRole']!r} is not one of {', '.join(roles)}")
    role = values["ACLRole"] if roles is not None else "na"
    return AclEntry(values["Username"], values["ACLUserType"], role)


def _require_user_type(text: str) -> None:
    if text not in _USER_TYPES:
        raise Refused(f"{text!r} is not a type of user: take user or node")
