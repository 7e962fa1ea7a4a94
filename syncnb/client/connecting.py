"""From settings to a client."""

from __future__ import annotations

from functools import lru_cache

from syncnb.client.client import SyncServiceClient
from syncnb.client.transport import READ_TIMEOUT
from syncnb.settings import Settings, find_settings


def connect(
    url: str | None = None,
    *,
    org_id: str | None = None,
    key: str | None = None,
    secret: str | None = None,
    ca: str | None = None,
    timeout: float = READ_TIMEOUT,
) -> SyncServiceClient:
    """A client of the service that the arguments, the environment or a file name.

    Parameters
    ----------
    url, org_id, key, secret, ca : str, optional
        As in `syncnb.settings.find_settings`, which also says what is used instead.
    timeout : float, default 60
        Seconds that the service may be silent.

    Returns
    -------
    SyncServiceClient
        Nothing has been sent yet.

    Raises
    ------
    SettingsError
        There is no URL, or it is none.

    Examples
    --------
    >>> connect("http://127.0.0.1:8080", org_id="acme", key="me", secret="hidden")
    <SyncServiceClient of http://127.0.0.1:8080, organisation 'acme', as 'me'>
    """
    return _client(find_settings(url, org_id=org_id, key=key, secret=secret, ca=ca), timeout)


def default_client() -> SyncServiceClient:
    """The client that helpers use when they are given none; the same as long as settings are.

    Returns
    -------
    SyncServiceClient
        Made from the environment or a file.

    Raises
    ------
    SettingsError
        Neither says where the service is.

    Examples
    --------
    >>> import os
    >>> os.environ["SYNCNB_URL"] = "http://127.0.0.1:8080"
    >>> default_client() is default_client()
    True
    >>> del os.environ["SYNCNB_URL"]
    """
    return _cached(find_settings())


def _client(settings: Settings, timeout: float) -> SyncServiceClient:
    return SyncServiceClient(
        settings.url,
        org_id=settings.org_id,
        key=settings.key or None,
        secret=settings.secret or None,
        ca=settings.ca or None,
        timeout=timeout,
    )


@lru_cache(maxsize=8)
def _cached(settings: Settings) -> SyncServiceClient:
    return _client(settings, READ_TIMEOUT)
