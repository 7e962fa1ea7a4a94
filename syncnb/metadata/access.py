"""Entries of access control lists (rest-api.md, 2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata.fields import Json, is_of, read
from syncnb.metadata.values import Value

EVERYBODY = "*"  # as a user: everybody of the organisation; as a key: every type


class AclRole(StrEnum):
    """What an entry allows.

    Examples
    --------
    >>> AclRole.WRITER == "aclWriter"
    True
    """

    READER = "aclReader"
    WRITER = "aclWriter"
    NONE = "na"  # of lists for destinations, which know no roles


@dataclass(frozen=True, repr=False)
class AclEntry(Value):
    """Who may use a type of objects or of destinations.

    Parameters
    ----------
    username : str
        The user or node; ``"*"`` is everybody of the organisation.
    role : str, default "aclReader"
        ``"aclReader"``, ``"aclWriter"``; services keep ``"na"`` in lists for destinations.
    user_type : str, default "user"
        ``"user"`` or ``"node"``.

    Examples
    --------
    >>> AclEntry("bob", "aclWriter")
    AclEntry(username='bob', role='aclWriter')
    """

    username: str
    role: str = AclRole.READER.value
    user_type: str = "user"

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> AclEntry.from_json({"Username": "bob", "ACLUserType": "user", "ACLRole": "aclWriter"})
        AclEntry(username='bob', role='aclWriter')
        """
        return cls(
            username=read(value, "Username", ""),
            role=read(value, "ACLRole", ""),
            user_type=read(value, "ACLUserType", ""),
        )

    def to_json(self) -> dict[str, Json]:
        """What to send.

        Examples
        --------
        >>> AclEntry("n1", user_type="node").to_json()
        {'Username': 'n1', 'ACLUserType': 'node', 'ACLRole': 'aclReader'}
        """
        return {
            "Username": self.username,
            "ACLUserType": self.user_type,
            "ACLRole": str(self.role),
        }

    def check(self, *, needs_role: bool) -> Self:
        """Refuse what a service would refuse; return `self`.

        Parameters
        ----------
        needs_role : bool
            Whether it is to be added to a list for objects.

        Raises
        ------
        InvalidMetaDataError
            The user is blank, or the type of user or the role is none.

        Examples
        --------
        >>> AclEntry("bob").check(needs_role=True)
        AclEntry(username='bob')
        """
        if not is_of(str, self.username) or not self.username.strip():
            raise InvalidMetaDataError("username", self.username, 'name a user, or "*" for all')
        check_user_type(self.user_type)
        if needs_role and self.role not in (AclRole.READER, AclRole.WRITER):
            raise InvalidMetaDataError("role", self.role, 'give "aclReader" or "aclWriter"')
        return self


def check_user_type(user_type: str) -> None:
    """Refuse a type of user that the protocol does not have.

    Parameters
    ----------
    user_type : str
        Shall be ``"user"`` or ``"node"``.

    Raises
    ------
    InvalidMetaDataError
        It is something else.

    Examples
    --------
    >>> check_user_type("node")
    """
    if user_type not in ("user", "node"):
        raise InvalidMetaDataError("user_type", user_type, 'give "user" or "node"')
