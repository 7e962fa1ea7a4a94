"""Calls of whoever runs a service: its organisations and its health."""

from __future__ import annotations

from syncnb.client.calls import Calls, array, json_object
from syncnb.metadata import Json, check_name


class AdministrationCalls(Calls):
    """The service itself."""

    def get_organizations(self) -> dict[str, str]:
        """The organisations of a CSS that this identity may see.

        Returns
        -------
        dict of str to str
            Organisation -> address.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/organizations`` (rest-api.md, 4.26).
        """
        answer = self._transport.request(
            "GET",
            ("organizations",),
            operation="get_organizations",
            subject="the service",
            accept=(404,),
        )
        items = array(answer, "get_organizations")
        return {item.get("org-id", ""): item.get("address", "") for item in items}

    def update_organization(self, org_id: str, *, address: str = "") -> None:
        """Register an organisation.

        Parameters
        ----------
        org_id : str
            Its name.
        address : str, default ""
            Of its message broker, where one is used.

        Raises
        ------
        InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            The name is none; the service does not do it.

        Notes
        -----
        ``PUT /api/v1/organizations/{orgID}`` (rest-api.md, 4.27).
        """
        check_name("org_id", org_id)
        self._transport.request(
            "PUT",
            ("organizations", org_id),
            json={"orgID": org_id, "address": address},
            operation="update_organization",
            subject=f"organisation {org_id!r}",
        )

    def delete_organization(self, org_id: str) -> None:
        """Delete an organisation with all of its objects and nodes.

        Parameters
        ----------
        org_id : str
            Its name.

        Raises
        ------
        InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            The name is none; the service does not do it.

        Notes
        -----
        ``DELETE /api/v1/organizations/{orgID}`` (rest-api.md, 4.28).
        """
        check_name("org_id", org_id)
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
        """
        answer = self._transport.request(
            "GET",
            ("health",),
            params={"details": "true"} if details else None,
            operation="health",
            subject="the service",
        )
        return json_object(answer, "health")
