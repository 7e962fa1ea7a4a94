"""Calls about who may send to the types of nodes of an organisation."""

from __future__ import annotations

from syncnb.client.acls import AclCalls, Users
from syncnb.metadata import EVERYBODY, AclEntry, AclRole, Listing


class DestinationAclCalls(AclCalls):
    """Who may send to nodes."""

    def add_users_to_destination_acl(
        self, dest_type: str, users: Users, *, user_type: str = "user"
    ) -> None:
        """Let users send to the nodes of a type.

        Parameters
        ----------
        dest_type : str
            Which type; ``"*"`` is all.
        users : iterable of str or AclEntry
            ``"*"`` is everybody of the organisation. Roles do not count here.
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
        ``PUT /api/v1/security/destinations/{orgID}/{key}`` (rest-api.md, 4.30). Some services take
        up to 15 minutes to notice (13, D20).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_destination_acl("camera", ["bob"])
        ...     fleet.cloud.retrieve_destination_acl("camera")
        [AclEntry(username='bob', role='na')]
        """
        operation = "add_users_to_destination_acl"
        entries = self._acl_entries(
            operation, "destinations", dest_type, users, AclRole.NONE.value, user_type
        )
        self._change_acl(operation, "destinations", dest_type, "add", entries)

    def remove_users_from_destination_acl(
        self, dest_type: str, users: Users, *, user_type: str = "user"
    ) -> None:
        """Take users from the list of those who may send to the nodes of a type.

        Parameters
        ----------
        dest_type : str
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
        ``PUT /api/v1/security/destinations/{orgID}/{key}`` (rest-api.md, 4.30).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_destination_acl("camera", ["bob", "eve"])
        ...     fleet.cloud.remove_users_from_destination_acl("camera", ["eve"])
        ...     fleet.cloud.retrieve_destination_acl("camera")
        [AclEntry(username='bob', role='na')]
        """
        operation = "remove_users_from_destination_acl"
        entries = self._acl_entries(
            operation, "destinations", dest_type, users, AclRole.NONE.value, user_type
        )
        self._change_acl(operation, "destinations", dest_type, "remove", entries)

    def remove_user_from_destination_acl(
        self, dest_type: str, username: str, *, user_type: str = "user"
    ) -> None:
        """Take one user from the list of those who may send to the nodes of a type.

        Parameters
        ----------
        dest_type : str
            Which type; ``"*"`` is the list for all.
        username : str
            Who; ``"*"`` is the entry for everybody.
        user_type : str, default "user"
            ``"user"`` or ``"node"``.

        Raises
        ------
        WrongSideError, InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            As `remove_users_from_destination_acl`.

        Notes
        -----
        ``DELETE /api/v1/security/destinations/{orgID}/{key}/{aclUserType}/{username}``
        (rest-api.md, 4.31).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_destination_acl("camera", ["bob"])
        ...     fleet.cloud.remove_user_from_destination_acl("camera", "bob")
        ...     fleet.cloud.retrieve_destination_acl("camera")
        []
        """
        operation = "remove_user_from_destination_acl"
        self._remove_from_acl(operation, "destinations", dest_type, username, user_type)

    def retrieve_destination_acl(
        self, dest_type: str = EVERYBODY, *, user_type: str | None = None
    ) -> Listing[AclEntry]:
        """Who may send to the nodes of a type.

        Parameters
        ----------
        dest_type : str, default "*"
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
        ``GET /api/v1/security/destinations/{orgID}?key=...`` (rest-api.md, 4.29).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_destination_acl("*", ["bob"])
        ...     fleet.cloud.retrieve_destination_acl().to_pandas()["username"].tolist()
        ['bob']
        """
        return self._read_acl("retrieve_destination_acl", "destinations", dest_type, user_type)

    def retrieve_all_destination_acls(self) -> Listing[str]:
        """The types of nodes that have a list; ``"*"`` is the one for all.

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
        ``GET /api/v1/security/destinations/{orgID}?all_keys=true`` (rest-api.md, 4.29).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.add_users_to_destination_acl("*", ["bob"])
        ...     fleet.cloud.retrieve_all_destination_acls()
        ['*']
        """
        return self._acl_keys("retrieve_all_destination_acls", "destinations")
