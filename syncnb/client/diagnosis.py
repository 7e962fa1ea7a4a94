"""What a service is, asked once when an answer makes one wonder."""

from __future__ import annotations

import threading
from collections.abc import Callable

import requests

from syncnb.client.answers import json_object
from syncnb.errors import ServiceError, SettingsError, SyncError

_PATIENCE = 2.0  # seconds; who is slower than that stays unknown


class Diagnosis:
    """Says whether a service is of the kind that a client takes it for.

    An ESS that is asked with an organisation looks for an object of that type and finds none, and
    a CSS that is asked without takes the type for an organisation: both answer, wrongly.

    Parameters
    ----------
    url : str
        Of the service, for people.
    org_id : str
        That of the client; empty if it takes the service for an ESS.
    ask : callable
        Gets the answer of ``health`` within so many seconds.
    """

    def __init__(self, url: str, org_id: str, ask: Callable[[float], requests.Response]) -> None:
        self._url, self._org_id, self._ask = url, org_id, ask
        self._lock = threading.Lock()
        self._asked = False
        self._kind, self._login = "", ""

    def check_kind(self) -> None:
        """Raise if the service is of the other kind.

        Raises
        ------
        SettingsError
            It is an ESS and the client has an organisation, or a CSS and it has none.
        """
        self._know()
        if self._kind == "ESS" and self._org_id:
            raise SettingsError(
                "org_id",
                f"{self._url} is an ESS, which has just one organisation, and "
                f"org_id={self._org_id!r} is given",
                "leave org_id out, or give the URL of the CSS",
            )
        if self._kind == "CSS" and not self._org_id:
            raise SettingsError(
                "org_id",
                f"{self._url} is a CSS, which has many organisations, and none is given",
                "give org_id, or the URL of the ESS",
            )

    def of_denial(self, key: str) -> str:
        """What to do about a 403, as far as one can tell.

        Parameters
        ----------
        key : str
            The app key that was sent.

        Returns
        -------
        str
            Empty if one cannot.
        """
        self._know()
        if not key:
            return "No credentials were sent: give key= and secret=, or set SYNCNB_KEY."
        if self._login == "refused":
            return (
                f"Check the key and the secret: {key!r} with this one is not accepted for any "
                "call; the login of a node is for its ESS alone."
            )
        if self._login == "accepted":
            return (
                f"The service knows {key!r}, but does not let it do this: check that the "
                "organisation is spelled right, and the rights of this identity."
            )
        return ""

    def _know(self) -> None:
        with self._lock:
            if self._asked:
                return
            self._asked = True
            try:
                answer = self._ask(_PATIENCE)
                if answer.status_code == 403:
                    self._login = "refused"
                    return
                if answer.status_code != 200:
                    return
                general = json_object(answer, "health").get("general")
            except (SyncError, ServiceError):
                return
            if isinstance(general, dict) and general.get("nodeType") in ("CSS", "ESS"):
                self._kind, self._login = general["nodeType"], "accepted"
