"""All operations."""

from __future__ import annotations

from syncnb.service.openapi.application import APPLICATION
from syncnb.service.openapi.link import LINK
from syncnb.service.openapi.operations import CSS, ESS, Operation
from syncnb.service.openapi.public import PUBLIC


def operations(*, is_css: bool) -> list[Operation]:
    """The operations of a CSS, or of an ESS."""
    role = CSS if is_css else ESS
    return [one for one in (*APPLICATION, *LINK, *PUBLIC) if role in one.roles]
