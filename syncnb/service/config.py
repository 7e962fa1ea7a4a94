"""What one embedded service needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from syncnb.errors import SettingsError
from syncnb.metadata import check_name

MIB = 1 << 20
SMALL = MIB  # bytes; objects up to here do not queue behind larger ones on the link
MAX_WAIT = 60.0  # seconds; the longest `Prefer: wait` that is honoured (design, decision 4)


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """One Cloud Sync Service or one Edge Sync Service.

    Parameters
    ----------
    role : {"css", "ess"}
        Which of the two.
    data : Path
        Folder of its records and data; made if it is not there.
    auth : Path
        Credentials in the preset form (rest-api.md, 2.3).
    listen : str, default "127.0.0.1:8080"
        ``host:port``; port 0 takes a free one.
    css_url, org_id, node : str
        ESS only: URL of its CSS, its organisation, and ``type/id`` of the node.
    poll_interval : float, default 10
        ESS only: longest pause, in seconds, between two polls of a CSS that cannot make it wait.
    resend_interval : float, default 10
        Seconds between two looks at what was not acknowledged.
    maintenance_interval : float, default 30
        Seconds between two looks at expirations and activation times.
    chunk_size : int, default 5 MiB
        Bytes of one ranged transfer over the link.
    transfers : int, default 4
        Transfers of a node that run at the same time.
    max_metadata_size : int, default 16 MiB
        Largest JSON body, in bytes; inline data count.
    download_bandwidth, upload_bandwidth : int, default 0
        Bytes a second that the data of objects may take in all, towards this service and away from
        it; 0 for no limit. On an ESS these are its transfers with its CSS, on a CSS those with all
        its nodes.
    data_uri_folders : tuple of Path, optional
        ESS only: folders in which `sourceDataUri` and `destinationDataUri` may lie; by default the
        folder ``files`` in `data`.

    Raises
    ------
    SettingsError
        A value is missing or malformed.

    Examples
    --------
    >>> config = ServiceConfig(role="css", data=Path("data"), auth=Path("auth.json"))
    >>> config.address
    ('127.0.0.1', 8080)
    """

    role: Literal["css", "ess"]
    data: Path
    auth: Path
    listen: str = "127.0.0.1:8080"
    css_url: str = ""
    org_id: str = ""
    node: str = ""
    poll_interval: float = 10.0
    resend_interval: float = 10.0
    maintenance_interval: float = 30.0
    chunk_size: int = 5 * MIB
    transfers: int = 4
    max_metadata_size: int = 16 * MIB
    download_bandwidth: int = 0
    upload_bandwidth: int = 0
    data_uri_folders: tuple[Path, ...] = ()
    address: tuple[str, int] = field(init=False)
    node_type: str = field(init=False, default="")
    node_id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise SettingsError(
                "listen",
                f"{self.listen!r} is not host:port",
                "write it as 127.0.0.1:9080",
            )
        object.__setattr__(self, "address", (host.strip("[]"), int(port)))
        if self.poll_interval <= 0:
            raise SettingsError("poll", f"{self.poll_interval:g} s", "give a positive number")
        if self.role == "ess":
            self._check_node()

    def _check_node(self) -> None:
        if not self.css_url.startswith(("http://", "https://")):
            raise SettingsError(
                "css", f"{self.css_url!r} is no URL", "write it as http://host:9080"
            )
        object.__setattr__(self, "css_url", self.css_url.rstrip("/"))
        node_type, _, node_id = self.node.partition("/")
        if not node_type or not node_id or "/" in node_id:
            raise SettingsError("node", f"{self.node!r} is not type/id", "write it as edge/node1")
        check_name("org", self.org_id)
        check_name("node type", node_type)
        check_name("node id", node_id)
        object.__setattr__(self, "node_type", node_type)
        object.__setattr__(self, "node_id", node_id)
