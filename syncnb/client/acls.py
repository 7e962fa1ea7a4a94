"""What the calls about access control lists share (rest-api.md, 2.6 and 4.29 to 4.31)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncnb.client.calls import Calls
from syncnb.client.reading import texts_of, values_of
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import AclEntry, Listing, check_stored_name, check_user_type

Users = Iterable[str | AclEntry]
# Of the two kinds of lists: what their keys are.
_KEYS: Mapping[str, str] = {"objects": "object_type", "destinations": "dest_type"}


class AclCalls(Calls):
    """Lists of an organisation that say who may do something."""

    def _acl_entries(
        self,
        operation: str,
        kind: str,
        key: str,
        users: Users,
        role: str,
        user_type: str,
    ) -> list[AclEntry]:
        """The entries of a change; all of them are checked before anything is sent."""
        self._only_css(operation)
        check_stored_name(_KEYS[kind], key)
        if isinstance(users, str | AclEntry):
            raise InvalidMetaDataError("users", users, "give a list, also of one")
        entries = [
            user if isinstance(user, AclEntry) else AclEntry(user, role, user_type)
            for user in users
        ]
        needs_role = operation == "add_users_to_object_acl"
        return [entry.check(needs_role=needs_role) for entry in entries]

    def _change_acl(
        self, operation: str, kind: str, key: str, action: str, entries: list[AclEntry]
    ) -> None:
        if entries:
            self._transport.request(
                "PUT",
                ("security", kind, self.org_id, key),
                json={"action": action, "users": [entry.to_json() for entry in entries]},
                operation=operation,
                subject=self._acl(kind, key),
            )

    def _remove_from_acl(
        self, operation: str, kind: str, key: str, username: str, user_type: str
    ) -> None:
        self._only_css(operation)
        check_stored_name(_KEYS[kind], key)
        check_stored_name("username", username)
        check_user_type(user_type)
        self._transport.request(
            "DELETE",
            ("security", kind, self.org_id, key, user_type, username),
            operation=operation,
            subject=self._acl(kind, key),
            accept=(404,),
        )

    def _read_acl(
        self, operation: str, kind: str, key: str, user_type: str | None
    ) -> Listing[AclEntry]:
        self._only_css(operation)
        check_stored_name(_KEYS[kind], key)
        params = {"key": key}
        if user_type is not None:
            check_user_type(user_type)
            params["acl_usertype"] = user_type
        answer = self._transport.request(
            "GET",
            ("security", kind, self.org_id),
            params=params,
            operation=operation,
            subject=self._acl(kind, key),
            accept=(404,),
        )
        found = values_of(answer, operation, AclEntry)
        # Some services give all of them, whatever type is asked for.
        return Listing((one for one in found if user_type in (None, one.user_type)), of=AclEntry)

    def _acl_keys(self, operation: str, kind: str) -> Listing[str]:
        self._only_css(operation)
        answer = self._transport.request(
            "GET",
            ("security", kind, self.org_id),
            params={"all_keys": "true"},
            operation=operation,
            subject=f"access lists for {kind} in organisation {self.org_id!r}",
            accept=(404,),
        )
        return texts_of(answer, operation, _KEYS[kind])

    def _acl(self, kind: str, key: str) -> str:
        return f"access list for {kind} of type {key} in organisation {self.org_id!r}"
