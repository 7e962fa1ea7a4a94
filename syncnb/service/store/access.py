"""Access control lists of a CSS (rest-api.md, 2.6)."""

from __future__ import annotations

from syncnb.service.store.records import AclEntry
from syncnb.service.store.statements import Statements

_THE_ACL = "org = :org AND kind = :kind AND acl_key = :acl_key"


class AccessLists(Statements):
    """The table ``acls``; `kind` is ``objects`` or ``destinations``."""

    def acl(self, org: str, kind: str, key: str) -> list[AclEntry]:
        """The entries of one list, in the order in which they were added."""
        rows = self._rows(
            f"SELECT username, user_type, role FROM acls WHERE {_THE_ACL} ORDER BY position",
            {"org": org, "kind": kind, "acl_key": key},
        )
        return [AclEntry(*row) for row in rows]

    def acl_keys(self, org: str, kind: str) -> list[str]:
        """The types that have a list."""
        rows = self._rows(
            "SELECT DISTINCT acl_key FROM acls WHERE org = :org AND kind = :kind ORDER BY acl_key",
            {"org": org, "kind": kind},
        )
        return [row[0] for row in rows]

    def add_to_acl(self, org: str, kind: str, key: str, entry: AclEntry) -> None:
        """Add an entry at the end, or give the one that is there another role."""
        values = {"org": org, "kind": kind, "acl_key": key}
        row = self._row(f"SELECT max(position) FROM acls WHERE {_THE_ACL}", values)
        last = int(row[0]) if row and row[0] is not None else 0
        self._change(
            "INSERT INTO acls (org, kind, acl_key, username, user_type, role, position) "
            "VALUES (:org, :kind, :acl_key, :username, :user_type, :role, :position) "
            "ON CONFLICT (org, kind, acl_key, username, user_type) "
            "DO UPDATE SET role = excluded.role",
            {
                **values,
                "username": entry.username,
                "user_type": entry.user_type,
                "role": entry.role,
                "position": last + 1,
            },
        )

    def remove_from_acl(self, org: str, kind: str, key: str, username: str, user_type: str) -> None:
        """Remove an entry, if it is there."""
        self._change(
            f"DELETE FROM acls WHERE {_THE_ACL} "
            "AND username = :username AND user_type = :user_type",
            {
                "org": org,
                "kind": kind,
                "acl_key": key,
                "username": username,
                "user_type": user_type,
            },
        )
