"""Calls about who may use the types of objects of an organisation."""

from __future__ import annotations

from syncnb.client.acls import AclCalls, Users
from syncnb.metadata import EVERYBODY, AclEntry, AclRole, Listing


class ObjectAclCalls(AclCalls):
    """Who may read and write objects."""

    def add_users_to_object_acl(
        self,
        object_type: str,
        users: Users,
        *,
        role: str = AclRole.READER.value,
        user_type: str = "user",
        replace: bool = False,
    ) -> None:
        """Let users read or write the objects of a type.

        Parameters
        ----------
        object_type : str
            Which type; ``"*"`` is all.
        users : iterable of str or AclEntry
            ``"*"`` is everybody of the organisation. An `AclEntry` brings its own role and type.
        role : str, default "aclReader"
            Of those given as `str`: ``"aclReader"`` or ``"aclWriter"``. Readers may also
            acknowledge and activate objects.
        user_type : str, default "user"
            Of those given as `str`: ``"user"`` or ``"node"``.
        replace : bool, default False
            Remove them first. Some services keep the old role of whoever is on the list already.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            A type, a user or a role is not possible.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT /api/v1/security/objects/{orgID}/{key}`` with entries (rest-api.md, 4.30); the names
        that older clients send have no effect.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_object_acl("model", ["bob"], role="aclWriter")
        ...     fleet.cloud.retrieve_object_acl("model")
        [AclEntry(username='bob', role='aclWriter')]
        """
        operation = "add_users_to_object_acl"
        entries = self._acl_entries(operation, "objects", object_type, users, role, user_type)
        if replace:
            there = {(one.username, one.user_type) for one in self.retrieve_object_acl(object_type)}
            old = [one for one in entries if (one.username, one.user_type) in there]
            self._change_acl(operation, "objects", object_type, "remove", old)
        self._change_acl(operation, "objects", object_type, "add", entries)

    def remove_users_from_object_acl(
        self, object_type: str, users: Users, *, user_type: str = "user"
    ) -> None:
        """Take users from the list of those who may use the objects of a type.

        Parameters
        ----------
        object_type : str
            Which type; ``"*"`` is the list for all.
        users : iterable of str or AclEntry
            Who is not on it is no error.
        user_type : str, default "user"
            Of those given as `str`: ``"user"`` or ``"node"``.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            A type or a user is not possible.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT /api/v1/security/objects/{orgID}/{key}`` (rest-api.md, 4.30).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_object_acl("model", ["bob", "eve"])
        ...     fleet.cloud.remove_users_from_object_acl("model", ["eve"])
        ...     fleet.cloud.retrieve_object_acl("model")
        [AclEntry(username='bob')]
        """
        operation = "remove_users_from_object_acl"
        entries = self._acl_entries(
            operation, "objects", object_type, users, AclRole.READER.value, user_type
        )
        self._change_acl(operation, "objects", object_type, "remove", entries)

    def remove_user_from_object_acl(
        self, object_type: str, username: str, *, user_type: str = "user"
    ) -> None:
        """Take one user from the list of those who may use the objects of a type.

        Parameters
        ----------
        object_type : str
            Which type; ``"*"`` is the list for all.
        username : str
            Who; ``"*"`` is the entry for everybody.
        user_type : str, default "user"
            ``"user"`` or ``"node"``.

        Raises
        ------
        WrongSideError, InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            As `remove_users_from_object_acl`.

        Notes
        -----
        ``DELETE /api/v1/security/objects/{orgID}/{key}/{aclUserType}/{username}`` (rest-api.md,
        4.31).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_object_acl("model", ["bob"])
        ...     fleet.cloud.remove_user_from_object_acl("model", "bob")
        ...     fleet.cloud.retrieve_object_acl("model")
        []
        """
        self._remove_from_acl(
            "remove_user_from_object_acl", "objects", object_type, username, user_type
        )

    def retrieve_object_acl(
        self, object_type: str = EVERYBODY, *, user_type: str | None = None
    ) -> Listing[AclEntry]:
        """Who may use the objects of a type.

        Parameters
        ----------
        object_type : str, default "*"
            Which type; ``"*"`` is the list for all.
        user_type : str, optional
            Only ``"user"`` or only ``"node"``.

        Returns
        -------
        Listing of AclEntry
            A list with ``to_pandas()``. Empty if there is no such list.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            The type is not possible.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/security/objects/{orgID}?key=...`` (rest-api.md, 4.29).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_object_acl("*", ["bob"])
        ...     fleet.cloud.retrieve_object_acl()
        [AclEntry(username='bob')]
        """
        return self._read_acl("retrieve_object_acl", "objects", object_type, user_type)

    def retrieve_all_object_acls(self) -> Listing[str]:
        """The types of objects that have a list; ``"*"`` is the one for all.

        Returns
        -------
        Listing of str
            A list with ``to_pandas()``. Empty if there are none.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/security/objects/{orgID}?all_keys=true`` (rest-api.md, 4.29).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_object_acl("model", ["bob"])
        ...     fleet.cloud.retrieve_all_object_acls()
        ['model']
        """
        return self._acl_keys("retrieve_all_object_acls", "objects")
