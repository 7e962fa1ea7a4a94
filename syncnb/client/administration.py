"""Calls of whoever runs a service: its organisations and its health."""

from __future__ import annotations

from syncnb.client.answers import json_object
from syncnb.client.calls import Calls
from syncnb.client.reading import values_of
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import Json, Listing, Organization, check_name, check_stored_name
from syncnb.metadata.fields import is_of


class AdministrationCalls(Calls):
    """The service itself."""

    def get_organizations(self) -> Listing[Organization]:
        """The organisations that are registered at a CSS and that this identity may see.

        Returns
        -------
        Listing of Organization
            A list with ``to_pandas()``. Empty if there are none.

        Raises
        ------
        WrongSideError
            The client is for an ESS. An administrator of all organisations gives any `org_id`.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/organizations`` (rest-api.md, 4.26).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0, org_id="acme") as fleet:
        ...     fleet.cloud.update_organization("acme")
        ...     fleet.cloud.get_organizations()
        [Organization(org_id='acme')]
        """
        self._only_css("get_organizations")
        answer = self._transport.request(
            "GET",
            ("organizations",),
            operation="get_organizations",
            subject="the service",
            accept=(404,),
        )
        return values_of(answer, "get_organizations", Organization)

    def update_organization(
        self, org_id: str, *, address: str = "", user: str = "", password: str = ""
    ) -> None:
        """Register an organisation.

        Objects and nodes of one that is not registered work as well, unless the service uses a
        message broker.

        Parameters
        ----------
        org_id : str
            Its name.
        address : str, default ""
            Of its message broker, where one is used.
        user, password : str, default ""
            Its login there.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            The name is none; the service does not do it.

        Notes
        -----
        ``PUT /api/v1/organizations/{orgID}`` (rest-api.md, 4.27).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0, org_id="acme") as fleet:
        ...     fleet.cloud.update_organization("acme", address="broker.example.com:8883")
        ...     fleet.cloud.get_organizations()[0].address
        'broker.example.com:8883'
        """
        self._only_css("update_organization")
        check_name("org_id", org_id)
        login = {"address": address, "user": user, "password": password}
        for name, text in login.items():
            if not is_of(str, text):
                shown = "..." if name == "password" else text
                raise InvalidMetaDataError(name, shown, "write it as text")
        self._transport.request(
            "PUT",
            ("organizations", org_id),
            json={"orgID": org_id, **login},
            operation="update_organization",
            subject=f"organisation {org_id!r}",
        )

    def delete_organization(self, org_id: str) -> None:
        """Delete an organisation with all of its objects, nodes and access lists.

        Registered or not. Its nodes are not told.

        Parameters
        ----------
        org_id : str
            Its name.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            The name is none; the service does not do it.

        Notes
        -----
        ``DELETE /api/v1/organizations/{orgID}`` (rest-api.md, 4.28).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0, org_id="acme") as fleet:
        ...     fleet.cloud.update_organization("acme")
        ...     fleet.cloud.delete_organization("acme")
        ...     fleet.cloud.get_organizations()
        []
        """
        self._only_css("delete_organization")
        check_stored_name("org_id", org_id)
        self._transport.request(
            "DELETE",
            ("organizations", org_id),
            operation="delete_organization",
            subject=f"organisation {org_id!r}",
        )

    def health(self, *, details: bool = False) -> dict[str, Json]:
        """How the service is.

        Parameters
        ----------
        details : bool, default False
            Also how much is in use.

        Returns
        -------
        dict
            The sections ``general``, ``dbHealth`` and, with `details`, ``usage``.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/health`` (rest-api.md, 4.1).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.health()["general"]["healthStatus"]
        'green'
        """
        answer = self._transport.request(
            "GET",
            ("health",),
            params={"details": "true"} if details else None,
            operation="health",
            subject="the service",
        )
        return json_object(answer, "health")

    def get_api_description(self) -> dict[str, Json]:
        """The description of its API that the service offers, if it has one.

        Returns
        -------
        dict
            An OpenAPI or Swagger document.

        Raises
        ------
        ObjectNotFoundError
            It was started without one.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /swagger.json`` (rest-api.md, 4.32). The page that draws it for a browser is at the
        service's ``/swagger``.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.get_api_description()["openapi"]
        '3.1...'
        """
        answer = self._transport.request(
            "GET",
            ("swagger.json",),
            operation="get_api_description",
            subject="the service",
            root="",
        )
        return json_object(answer, "get_api_description")

    def resend(self) -> None:
        """Let the CSS send all objects of this node again.

        At some services also those that were consumed.

        Raises
        ------
        WrongSideError
            The client is for a CSS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it. That the CSS is away is no error: it is asked later.

        Notes
        -----
        ``POST /api/v1/resend`` (rest-api.md, 4.3). Objects with a destination policy are left out.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.node("node1").resend()
        """
        self._only_ess("resend")
        self._transport.request("POST", ("resend",), operation="resend", subject="the service")

    def shutdown(
        self, *, restart: bool = False, quiesce: float | None = None, unregister: bool | None = None
    ) -> None:
        """Stop the service; only an administrator of all organisations may.

        It answers first, and stops a moment later.

        Parameters
        ----------
        restart : bool, default False
            Start it again.
        quiesce : float, optional
            Seconds that requests under way have; whole ones, the service's own choice by default.
        unregister : bool, optional
            Of an ESS: whether the CSS is to forget the node.

        Raises
        ------
        WrongSideError
            `unregister` is given, and the client is for a CSS.
        InvalidMetaDataError
            `quiesce` is negative.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``POST /api/v1/shutdown`` (rest-api.md, 4.2, which has what some services get wrong: an ESS
        may unregister and lose its records in any case, a CSS may hang).

        Examples
        --------
        Only an administrator of all organisations may, which this one is not:

        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.shutdown(quiesce=10)
        Traceback (most recent call last):
        ...
        syncnb.errors.AccessDeniedError: shutdown on the service failed (HTTP 403...
        """
        params = {}
        if restart:
            params["restart"] = "true"
        if quiesce is not None:
            if not 0 <= quiesce < 2**31:
                raise InvalidMetaDataError("quiesce", quiesce, "give a number of seconds")
            params["quiesce"] = str(int(quiesce))
        if unregister is not None:
            self._only_ess("shutdown with unregister")
            params["essunregister"] = str(bool(unregister)).lower()
        self._transport.request(
            "POST", ("shutdown",), params=params, operation="shutdown", subject="the service"
        )
