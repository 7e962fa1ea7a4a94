"""Who is calling (rest-api.md, 2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncnb.service.store import Node

KINDS = ("admin", "objectadmin", "user", "nodeuser", "syncadmin", "service", "edgenode")


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    org : str
        Its organisation; empty for a ``syncadmin``.
    user : str
        User ID; ``type/id`` of an edge node, ``serviceOrg/version/serviceName`` of a service.
    """

    kind: str
    org: str
    user: str

    @property
    def node(self) -> Node | None:
        """The node that an edge node's identity stands for."""
        dest_type, _, dest_id = self.user.partition("/")
        return Node(dest_type, dest_id) if self.kind == "edgenode" and dest_id else None


@dataclass(frozen=True)
class Login:
    """The key and secret that an ESS shows to its CSS."""

    key: str = ""
    secret: str = field(default="", repr=False)
