"""Registration of webhooks (rest-api.md, 4.11)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import Denied, empty
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused
from syncnb.service.rest.callers import read_json
from syncnb.service.security import may_hook
from syncnb.service.store import Transaction
from syncnb.service.wire import Malformed, member

_LONGEST_URL = 8192  # characters


async def change_webhook(
    service: Service, request: Request, identity: Identity, org: str, object_type: str
) -> Response:
    """Register or remove a URL for a type."""
    is_css = service.is_css
    if not await service.store.read(
        lambda tx: may_hook(tx, identity, org, object_type, is_css=is_css)
    ):
        raise Denied
    body = await read_json(service, request)
    if not isinstance(body, dict):
        raise Malformed("the body is not a JSON object")
    action, url = member(body, "action"), member(body, "url") or ""
    if not isinstance(action, str) or not isinstance(url, str):
        raise Malformed("action or url is not a string")
    action = action.lower()
    if action not in ("register", "delete"):
        raise Refused(f'{action!r} is neither "register" nor "delete"')
    if action == "register":
        _check(url)

    def change(tx: Transaction) -> None:
        if action == "register":
            tx.add_webhook(org, object_type, url)
        else:
            tx.remove_webhook(org, object_type, url)

    await service.store.write(change)
    return empty(204)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise Refused("the URL of a webhook has to be http://host/... or https://host/...")
