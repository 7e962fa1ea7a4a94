"""All that one embedded service needs to know before it starts.

A setting is one field of `ServiceConfig`: its annotation says what files, environment, options,
``--print-config`` and docs/configuration.md have to know of it, so that a new one is one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

from syncnb.errors import SettingsError
from syncnb.metadata import check_name
from syncnb.service.addresses import Address
from syncnb.service.fields import About, Setting, settings_of

MIB = 1 << 20
SMALL = MIB  # bytes; objects up to here do not queue behind larger ones on the link
MAX_WAIT = 60.0  # seconds; the longest `Prefer: wait` that is honoured (design, decision 4)

Role = Literal["css", "ess"]

_Basic = partial(About, group="Basics")
_Listen = partial(About, group="Listening")
_Link = partial(About, group="Link to the CSS", role="ess")
_Data = partial(About, group="Data and timers")
_Limit = partial(About, group="Limits", least=0)
_Log = partial(About, group="Logs and the process")
_Storage = partial(About, group="Storage", role="css", metavar="URL")

_POSTGRES = ("postgresql://", "postgres://")
_BLOBS = ("s3://", "file:///")


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """One Cloud Sync Service or one Edge Sync Service.

    Parameters
    ----------
    role : {"css", "ess"}
        Which of the two.
    **settings
        Each field below says what it is; docs/configuration.md lists them.

    Raises
    ------
    SettingsError
        A value is missing or malformed; it names the field.

    Examples
    --------
    >>> config = ServiceConfig(role="css", data=Path("data"), auth=Path("auth.json"))
    >>> config.addresses[0].url()
    'http://127.0.0.1:8080'
    """

    role: Role

    # fmt: off
    data: Annotated[Path, _Basic("folder of its records and data; made if it is not there",
        metavar="DIR")]
    auth: Annotated[Path, _Basic("file with the credentials of those who may log in",
        metavar="FILE")]
    authenticator: Annotated[str, _Basic("who knows the credentials: preset is the file of auth, "
        "dummy believes everybody and is for development on one machine, anything else is an entry "
        "point of the group syncnb.authenticators", metavar="NAME")] = "preset"

    listen: Annotated[str | tuple[str, ...], _Listen(
        "where it listens: host:port, https://host:port, unix:/path or unix+tls:/path; port 0 "
        "takes a free one, a relative path lies in the data folder", metavar="ADDRESS",
        default="127.0.0.1:8080 (CSS), 127.0.0.1:8081 (ESS)")] = ()
    socket_mode: Annotated[str, _Listen("permissions of the files of unix sockets, octal",
        metavar="MODE")] = "0660"
    tls_cert: Annotated[Path | None, _Listen("certificate in PEM, the chain behind it",
        metavar="FILE", default="one that the service makes, in certs/ of the data folder",
        )] = None
    tls_key: Annotated[Path | None, _Listen("private key of tls_cert in PEM",
        metavar="FILE")] = None
    tls_names: Annotated[tuple[str, ...], _Listen(
        "more host names and IP addresses for the certificate that the service makes",
        metavar="NAME")] = ()
    client_ca: Annotated[Path | None, _Listen("certificates of the CAs of those who may connect by "
        "TLS: each must then show a certificate, by TLS 1.3", metavar="FILE")] = None

    css_url: Annotated[str, _Link("URL of its CSS", needed=True, option="--css",
        metavar="URL")] = ""
    org_id: Annotated[str, _Link("its organisation", needed=True, option="--org",
        metavar="ORG")] = ""
    node: Annotated[str, _Link("what the node is called", needed=True, metavar="TYPE/ID")] = ""
    css_ca: Annotated[Path | None, _Link("certificates of the CA of the CSS", metavar="FILE",
        default="those of the operating system")] = None
    css_client_cert: Annotated[Path | None, _Link("certificate that the node shows to the CSS",
        metavar="FILE")] = None
    css_client_key: Annotated[Path | None, _Link("private key of css_client_cert",
        metavar="FILE")] = None
    poll_interval: Annotated[float, _Link("longest pause between two polls of a CSS that cannot "
        "make it wait", unit="s", option="--poll", least=0.01, most=86400)] = 10.0
    ping_interval: Annotated[float, _Link("time between two signs of life",
        unit="s", least=1, most=30 * 86400)] = 3600.0
    connect_timeout: Annotated[float, _Link("longest time that connecting may take",
        unit="s", least=0.1, most=3600)] = 10.0
    call_timeout: Annotated[float, _Link("longest time that a call without data may take",
        unit="s", least=1, most=3600)] = 120.0
    stall_timeout: Annotated[float, _Link("longest time that a transfer of data may stand still",
        unit="s", least=1, most=3600)] = 60.0
    transfers: Annotated[int, _Link("transfers that run at the same time",
        least=1, most=1000)] = 4
    small_transfers: Annotated[int, _Link("transfers up to 1 MiB that run besides, so that they do "
        "not queue behind large ones", least=1, most=1000)] = 8

    database: Annotated[str, _Storage("where the records are: postgresql://user@host/name, which "
        "any number of processes may share", default="SQLite in the data folder")] = field(
        default="", repr=False)  # it may hold a password
    database_password_file: Annotated[Path | None, _Storage("file with the password for database, "
        "if neither that nor PGPASSWORD has it", metavar="FILE")] = None
    blobs: Annotated[str, _Storage("where data are: s3://bucket/prefix, with what the AWS_* "
        "variables say, or file:///folder, which all processes mount",
        default="blobs/ in the data folder")] = ""

    chunk_size: Annotated[int, _Data("size of one ranged transfer over the link",
        unit="bytes", least=1024, most=1 << 30)] = 5 * MIB
    small_data: Annotated[int, _Data("data up to this size lie in the database, larger ones in "
        "files", unit="bytes", least=0, most=16 * MIB)] = 64 << 10
    download_bandwidth: Annotated[int, _Data("bytes a second that data of objects may take in all "
        "towards this service: on an ESS from its CSS, on a CSS from its nodes; 0: no limit",
        unit="bytes/s", least=0)] = 0
    upload_bandwidth: Annotated[int, _Data("the same away from this service; 0: no limit",
        unit="bytes/s", least=0)] = 0
    data_uri_folders: Annotated[tuple[Path, ...], _Data("folders in which sourceDataUri and "
        "destinationDataUri may lie", role="ess", metavar="DIR",
        default="files/ in the data folder")] = ()
    resend_interval: Annotated[float, _Data("time between two looks at what was not acknowledged; "
        "a notice is taken up after six", unit="s", least=0.01, most=86400)] = 10.0
    maintenance_interval: Annotated[float, _Data("time between two looks at expirations and "
        "activation times", unit="s", least=0.01, most=86400)] = 30.0
    forget_after: Annotated[float, _Data("time after which a node that was not heard of is "
        "forgotten; 0: never", role="css", unit="s", least=0)] = 30.0 * 86400
    consumed_kept: Annotated[int, _Data("objects of its own that stay on record after the cloud "
        "consumed them", role="ess", least=0)] = 1000

    max_request_line: Annotated[int, _Limit("largest request target (beyond: 414)",
        unit="bytes", least=1024)] = 16 << 10
    max_header_size: Annotated[int, _Limit("largest request header (beyond: 431)",
        unit="bytes", least=1024)] = 64 << 10
    header_timeout: Annotated[float, _Limit("longest time until a request header is complete "
        "(beyond: 408), and for a TLS handshake", unit="s", least=0.1)] = 60.0
    body_timeout: Annotated[float, _Limit("longest time that a request body, or a caller that "
        "reads an answer, may stand still (beyond: 408)", unit="s", least=0.1)] = 60.0
    keep_alive: Annotated[float, _Limit("longest time that a connection is kept without a request",
        unit="s", least=1)] = 75.0
    max_metadata_size: Annotated[int, _Limit("largest JSON body, data in it included (beyond: 413)",
        unit="bytes", least=1024)] = 16 * MIB
    max_inline_size: Annotated[int, _Limit("largest data inside of a JSON body (beyond: 413)",
        unit="bytes")] = 12 * MIB
    max_object_size: Annotated[int, _Limit("largest data of an object (beyond: 413); 0: no limit",
        unit="bytes")] = 0
    max_connections: Annotated[int, _Limit("connections of the service at the same time (beyond: "
        "503)", least=1)] = 10_000
    max_connections_per_address: Annotated[int, _Limit("connections of one client address at the "
        "same time (beyond: 429); 0: no limit")] = 0
    rate_limit: Annotated[float, _Limit("requests a second of one identity (beyond: 429); what "
        "nodes report is never limited; 0: no limit")] = 0.0
    rate_burst: Annotated[int, _Limit("requests that an identity may make at once",
        default="two seconds' worth of rate_limit")] = 0

    log_level: Annotated[Literal["debug", "info", "warning", "error"],
        _Log("least important messages that are logged")] = "info"
    log_format: Annotated[Literal["text", "json"], _Log("form of the log: lines for people, or a "
        "JSON object a line")] = "text"
    access_log: Annotated[bool, _Log("whether each request is logged")] = False
    metrics: Annotated[Literal["local", "all", "off"], _Log("who may read /metrics: callers on "
        "this machine, everybody, or nobody")] = "local"
    stop_grace: Annotated[float, _Log("longest time that requests under way have when the service "
        "is told to stop", unit="s", least=0, most=86400)] = 20.0
    threads: Annotated[int, _Log("threads for SQL and files", least=1, most=1000)] = 8

    # fmt: on
    addresses: tuple[Address, ...] = field(init=False, repr=False)
    node_type: str = field(init=False, default="", repr=False)
    node_id: str = field(init=False, default="", repr=False)

    def __post_init__(self) -> None:
        for setting in settings_of(ServiceConfig).values():
            setting.check(getattr(self, setting.name))
        self._set("listen", self._listen())
        self._set("addresses", tuple(Address.parse(text) for text in self.listen))
        if not self.socket_mode.isdigit() or not 0 <= int(self.socket_mode, 8) <= 0o777:
            raise SettingsError(
                "socket_mode", f"{self.socket_mode!r} is no file mode", "write it as 0660"
            )
        self._check_pair("tls_cert", "tls_key")
        self._check_storage()
        open_to_all = next((one.url() for one in self.addresses if not one.is_local), None)
        if self.authenticator == "dummy" and open_to_all is not None:
            raise SettingsError(
                "authenticator",
                f"dummy believes everybody, and {open_to_all} can be reached from outside",
                "listen on 127.0.0.1, or take preset",
            )
        if self.role == "ess":
            self._check_node()

    @classmethod
    def from_values(cls, role: Role, values: Mapping[str, object]) -> Self:
        """A configuration of values that a JSON or TOML document can hold.

        Raises
        ------
        SettingsError
            A value is of the wrong type, or there is no such setting.

        Examples
        --------
        >>> ServiceConfig.from_values("css", {"data": "d", "auth": "a", "header_timeout": "1 min"})
        ServiceConfig(role='css', data=PosixPath('d'), ... header_timeout=60.0, ...)
        """
        known = settings_for(role)
        for name, setting in known.items():
            if setting.required and name not in values:
                raise SettingsError(name, "it has no value", f"give the {setting.described.about}")
        for name in values:
            if name not in known:
                raise SettingsError(name, f"an {role} has no such setting", "leave it out")
        return cls(role=role, **{name: known[name].read(value) for name, value in values.items()})

    def _listen(self) -> tuple[str, ...]:
        given = (self.listen,) if isinstance(self.listen, str) else tuple(self.listen)
        return given or (f"127.0.0.1:{8080 if self.role == 'css' else 8081}",)

    def _check_pair(self, cert: str, key: str) -> None:
        if (getattr(self, cert) is None) != (getattr(self, key) is None):
            one, other = (cert, key) if getattr(self, cert) is not None else (key, cert)
            raise SettingsError(
                other, f"{one} is given without it", "give both or neither of the two files"
            )

    def _check_storage(self) -> None:
        for name, value, remedy, forms in (
            ("database", self.database, "write it as postgresql://user@host/name", _POSTGRES),
            ("blobs", self.blobs, "write it as s3://bucket/prefix or file:///folder", _BLOBS),
        ):
            if value and self.role == "ess":
                raise SettingsError(name, "an ESS keeps all in its data folder", "leave it out")
            if value and not value.startswith(forms):
                raise SettingsError(name, "the URL is of no known kind", remedy)

    def _check_node(self) -> None:
        if not self.css_url.startswith(("http://", "https://")):
            raise SettingsError(
                "css_url", f"{self.css_url!r} is no URL", "write it as http://host:9080"
            )
        self._set("css_url", self.css_url.rstrip("/"))
        if "@" in self.css_url:
            raise SettingsError(
                "css_url", "it holds credentials", "put them into the file of auth, cssCredentials"
            )
        self._check_pair("css_client_cert", "css_client_key")
        node_type, _, node_id = self.node.partition("/")
        if not node_type or not node_id or "/" in node_id:
            raise SettingsError("node", f"{self.node!r} is not type/id", "write it as edge/node1")
        check_name("org", self.org_id)
        check_name("node type", node_type)
        check_name("node id", node_id)
        self._set("node_type", node_type)
        self._set("node_id", node_id)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def settings_for(role: Role) -> Mapping[str, Setting]:
    """The settings of a role, in their order."""
    return {
        name: setting
        for name, setting in settings_of(ServiceConfig).items()
        if setting.described.role in ("", role)
    }
