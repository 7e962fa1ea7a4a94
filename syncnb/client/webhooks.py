"""Calls about webhooks: URLs that a service calls when an object has arrived."""

from __future__ import annotations

from urllib.parse import urlsplit

from syncnb.client.calls import Calls
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata.fields import is_of


class WebhookCalls(Calls):
    """Who is called when something arrives."""

    def register_webhook(self, object_type: str, url: str) -> None:
        """Let the service call a URL when an object of a type has arrived completely.

        Parameters
        ----------
        object_type : str
            Which type.
        url : str
            ``http`` or ``https``; called with the metadata, without credentials. Whoever knows it
            can call it, so that its path should hold a secret.

        Raises
        ------
        InvalidMetaDataError
            It is no such URL.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT .../{objectType}`` (rest-api.md, 4.11 and 9.2). Services call once and do not repeat
        it, and not for objects without data or for deletions: look by yourself from time to time
        as well. There is no call that lists webhooks.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.node("node1").register_webhook("model", "http://127.0.0.1:8000/d7a1c2")
        """
        self._hook(object_type, url, "register")

    def delete_webhook(self, object_type: str, url: str) -> None:
        """Let the service no longer call a URL; one that it does not know is no error.

        Parameters
        ----------
        object_type : str
            Which type.
        url : str
            As it was registered.

        Raises
        ------
        InvalidMetaDataError
            It is no such URL.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT .../{objectType}`` (rest-api.md, 4.11).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.node("node1").delete_webhook("model", "http://127.0.0.1:8000/d7a1c2")
        """
        self._hook(object_type, url, "delete")

    def _hook(self, object_type: str, url: str, action: str) -> None:
        if not _is_web(url):
            raise InvalidMetaDataError("url", url, "give one that starts with http:// or https://")
        self._call(
            "PUT",
            object_type,
            operation=f"{action}_webhook",
            json={"action": action, "url": url},
        )


def _is_web(url: str) -> bool:
    if not is_of(str, url) or any(c.isspace() or not c.isprintable() for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, an address that is not closed
        return False
