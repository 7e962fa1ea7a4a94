"""`SyncServiceClient`: the calls of all areas on one service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from requests.adapters import BaseAdapter

from syncnb.client.administration import AdministrationCalls
from syncnb.client.bulk import BulkCalls
from syncnb.client.conditional import ConditionalCalls
from syncnb.client.data import DataCalls
from syncnb.client.data_first import DataFirstCalls
from syncnb.client.destination_acls import DestinationAclCalls
from syncnb.client.destinations import DestinationCalls
from syncnb.client.lists import ListCalls
from syncnb.client.object_acls import ObjectAclCalls
from syncnb.client.objects import ObjectCalls
from syncnb.client.placement import PlacementCalls
from syncnb.client.policies import PolicyCalls
from syncnb.client.polling import PollingCalls
from syncnb.client.transport import Transport
from syncnb.client.webhooks import WebhookCalls
from syncnb.client.wire import DEADLINE, READ_TIMEOUT
from syncnb.metadata import check_name
from syncnb.settings import check_texts


@dataclass(frozen=True)
class _Hidden:
    """What a client was made with; the secret is in it, but not in its repr."""

    values: Mapping[str, Any] = field(repr=False)


class SyncServiceClient(
    ObjectCalls,
    DataCalls,
    ConditionalCalls,
    DataFirstCalls,
    ListCalls,
    BulkCalls,
    PollingCalls,
    WebhookCalls,
    DestinationCalls,
    PlacementCalls,
    PolicyCalls,
    ObjectAclCalls,
    DestinationAclCalls,
    AdministrationCalls,
):
    """One sync service: a CSS as an organisation sees it, or an ESS.

    Safe to use from several threads. Method names are those of the other SDKs, in snake_case.

    Parameters
    ----------
    url : str
        Where it is, such as ``"https://css.example.com"`` or ``"unix+tls:/run/ess.sock"``.
    org_id : str, default ""
        Organisation at a CSS; empty for an ESS, which has just one.
    key, secret : str, optional
        App key and app secret.
    ca : str, optional
        File with the certificates of a private CA.
    cert, cert_key : str, optional
        Files with the client certificate and its private key, where the service asks for one.
    proxies : mapping of str to str, optional
        Scheme -> proxy, as `requests` has them; without, the environment says.
    timeout : float, default 60
        Seconds that the service may be silent.
    deadline : float, default 120
        Seconds that a call may take with all of its tries; data take as long as they move.
    adapter : requests.adapters.BaseAdapter, optional
        Sends instead of `requests`.

    Attributes
    ----------
    archive : str
        Where `syncnb.publish` keeps what it publishes through this client, as
        `syncnb.archive.open_archive` reads it; empty for the place that holds for all.

    Raises
    ------
    SettingsError
        The URL is none, a file of certificates cannot be used, a time is not positive, or
        something is no text that has to be.
    InvalidMetaDataError
        The organisation is not a name.

    Examples
    --------
    >>> SyncServiceClient("http://127.0.0.1:8080", org_id="acme", key="me", secret="hidden")
    <SyncServiceClient of http://127.0.0.1:8080, organisation 'acme', as 'me'>
    """

    def __init__(
        self,
        url: str,
        *,
        org_id: str = "",
        key: str | None = None,
        secret: str | None = None,
        ca: str | None = None,
        cert: str | None = None,
        cert_key: str | None = None,
        proxies: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
        deadline: float = DEADLINE,
        adapter: BaseAdapter | None = None,
    ) -> None:
        check_texts(
            {"url": url, "org_id": org_id, "key": key, "secret": secret, "ca": ca, "cert": cert,
             "cert_key": cert_key}
        )  # fmt: skip
        if org_id:
            check_name("org_id", org_id)
        self.key = key or ""
        self.archive = ""
        settings = {
            "url": url, "org_id": org_id, "key": key, "secret": secret, "ca": ca, "cert": cert,
            "cert_key": cert_key, "proxies": proxies, "timeout": timeout, "deadline": deadline,
            "adapter": adapter,
        }  # fmt: skip
        self._settings = _Hidden(settings)
        transport = Transport(
            url, org_id=org_id, key=key, secret=secret, ca=ca, cert=cert, cert_key=cert_key,
            proxies=proxies, timeout=timeout, deadline=deadline, adapter=adapter,
        )  # fmt: skip
        super().__init__(transport, org_id)

    @property
    def url(self) -> str:
        """Base URL of the service."""
        return self._transport.url

    def close(self) -> None:
        """Stop the pollers and close the connections; a later call opens new ones.

        Examples
        --------
        >>> client = SyncServiceClient("http://127.0.0.1:8080", org_id="acme")
        >>> client.close()
        """
        try:
            self.stop_polling_for_updates()
        finally:
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        """What another process needs to make the same client, its secret too."""
        return {
            "settings": self._settings.values,
            "archive": self.archive,
            "has_bulk": self._has_bulk,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        SyncServiceClient.__init__(self, **state["settings"])
        self.archive, self._has_bulk = state["archive"], state["has_bulk"]

    def __dir__(self) -> list[str]:
        """What is meant for users, for completion."""
        return [name for name in super().__dir__() if not name.startswith("_")]

    def __repr__(self) -> str:
        where = f", organisation {self.org_id!r}" if self.org_id else ""
        who = f", as {self.key!r}" if self.key else ""
        return f"<SyncServiceClient of {self.url}{where}{who}>"
