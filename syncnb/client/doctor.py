"""What a client would connect to, from which source it knows that, and what works."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from syncnb.client.client import SyncServiceClient
from syncnb.client.connecting import client_of
from syncnb.client.tls import tls_context
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    ObjectNotFoundError,
    ServiceError,
    SettingsError,
    SyncError,
)
from syncnb.metadata import Json
from syncnb.settings import ServiceUrl, Settings

STEPS = ("settings", "name", "connection", "TLS", "service", "login", "organisation", "rights")
_SHOWN = ("url", "org_id", "key", "secret", "ca", "cert", "cert_key")
_CODES = {"settings": 2, "organisation": 2, "login": 4, "rights": 4}
_UNREACHABLE = 3
_TIMEOUT = 10.0  # seconds of one step
_PROBE = "syncnb-doctor"  # a type of which nobody has objects


@dataclass(frozen=True)
class Step:
    """One thing that has to work.

    Parameters
    ----------
    name : str
        Which of `STEPS`.
    ok : bool or None
        None: it was not tried, since one before it failed or it is not needed.
    said : str
        What was found.
    remedy : str, default ""
        What to do if it failed.
    """

    name: str
    ok: bool | None
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Examination:
    """The outcome of `examine`; its text is for a terminal, and holds no secret.

    Parameters
    ----------
    settings : Settings or None
        What was found; None if they cannot be used.
    steps : tuple of Step
        Each of `STEPS`, in their order.
    """

    settings: Settings | None
    steps: tuple[Step, ...]

    @property
    def code(self) -> int:
        """0 if all works, 2 for a wrong setting, 3 if nothing answers, 4 for a login or rights."""
        failed = next((step for step in self.steps if step.ok is False), None)
        return 0 if failed is None else _CODES.get(failed.name, _UNREACHABLE)

    def to_json(self) -> dict[str, Json]:
        """The same for a machine.

        Returns
        -------
        dict
            ``ok``, ``settings`` (name -> value and source) and ``steps``.
        """
        rows = {name: {"value": value, "source": source} for name, value, source in self._rows()}
        steps = [
            {"name": step.name, "ok": step.ok, "said": step.said, "remedy": step.remedy}
            for step in self.steps
        ]
        return {"ok": self.code == 0, "settings": rows, "steps": steps}

    def __str__(self) -> str:
        rows = self._rows()
        width = max((len(value) for _, value, _ in rows), default=0)
        lines = [f"{name:<13} {value:<{width}}  {source}".rstrip() for name, value, source in rows]
        lines += [""] if rows else []
        for step in self.steps:
            mark = {True: "ok", False: "FAILED", None: "-"}[step.ok]
            lines.append(f"{step.name:<13} {mark:<6}  {step.said}".rstrip())
            if step.remedy:
                lines.append(f"{'':<21}  {step.remedy}")
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, str, str]]:
        if self.settings is None:
            return []
        rows = []
        for name in _SHOWN:
            value = getattr(self.settings, name)
            shown = ("hidden" if name == "secret" else value) if value else "-"
            rows.append((name, shown, self.settings.sources.get(name, "")))
        return rows


@dataclass
class _Patient:
    """Collects the steps; the first that fails is the last that is tried."""

    steps: list[Step] = field(default_factory=list)

    def ok(self, name: str, said: str) -> None:
        self.steps.append(Step(name, True, said))

    def skip(self, name: str, said: str) -> None:
        self.steps.append(Step(name, None, said))

    def fail(self, name: str, said: str, remedy: str) -> None:
        self.steps.append(Step(name, False, said, remedy))

    def outcome(self, settings: Settings | None) -> Examination:
        done = {step.name for step in self.steps}
        rest = [Step(name, None, "not tried") for name in STEPS if name not in done]
        order = sorted([*self.steps, *rest], key=lambda step: STEPS.index(step.name))
        return Examination(settings, tuple(order))


class _FailedError(Exception):
    """A step failed, and is noted."""


def examine(find: Callable[[], Settings], *, timeout: float = _TIMEOUT) -> Examination:
    """Try each step of a connection, one after the other.

    Nothing is changed on the service: it is asked for its health, and for what this identity may
    see.

    Parameters
    ----------
    find : callable
        Gets the settings, such as `syncnb.settings.find_settings`.
    timeout : float, default 10
        Seconds that one step may take.

    Returns
    -------
    Examination
        Whatever was found; nothing is raised for it.

    Examples
    --------
    >>> print(examine(lambda: Settings("unix:/run/no.sock", key="me", secret="hidden")))
    url           unix:/run/no.sock
    org_id        -
    key           me
    secret        hidden
    ...
    name          FAILED  there is no socket file /run/no.sock
                          Check that the service runs and listens there.
    connection    -       not tried
    ...
    """
    patient = _Patient()
    try:
        settings = find()
        place = ServiceUrl.parse(settings.url)
        client = client_of(settings, timeout=timeout, deadline=timeout)
    except SettingsError as error:
        patient.fail("settings", f"{error.setting}: {error.problem}", _sentence(error.remedy))
        return patient.outcome(None)
    patient.ok("settings", f"the service is at {settings.url} ({settings.sources.get('url', '')})")
    with client:
        try:
            _reach(patient, place, settings, timeout)
            kind = _ask(patient, place, client, settings, timeout)
            _check_rights(patient, client, kind, settings)
        except _FailedError:
            pass
    return patient.outcome(settings)


# ---------------------------------------------------------------- up to the socket


def _reach(patient: _Patient, place: ServiceUrl, settings: Settings, timeout: float) -> None:
    if place.socket:
        connect = _find_socket(patient, place.socket, timeout)
    else:
        connect = _find_host(patient, place, timeout)
    try:
        connect().close()
    except OSError as error:
        patient.fail(
            "connection",
            f"nobody listens there ({error.strerror or error})",
            "Check that the service runs, its port, and a firewall between.",
        )
        raise _FailedError from error
    proxy = "" if place.socket else _proxy(place)
    patient.ok("connection", f"{'the proxy' if proxy else 'somebody'} listens")
    if not place.tls:
        open_to_all = not place.socket and not _is_loopback(urlsplit(place.base).hostname or "")
        patient.skip(
            "TLS", "none; credentials go unencrypted over the network" if open_to_all else "none"
        )
    elif proxy:
        patient.skip("TLS", "through the proxy, with the next step")
    else:
        _shake_hands(patient, place, settings, connect)


def _find_socket(patient: _Patient, path: str, timeout: float) -> Callable[[], socket.socket]:
    if not os.path.exists(path):
        patient.fail(
            "name",
            f"there is no socket file {path}",
            "Check that the service runs and listens there.",
        )
        raise _FailedError
    patient.ok("name", f"the socket file {path} is there")

    def connect() -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            raise
        return sock

    return connect


def _find_host(patient: _Patient, place: ServiceUrl, timeout: float) -> Callable[[], socket.socket]:
    proxy = _proxy(place)
    parts = urlsplit(proxy or place.base)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    what = f"the proxy {host}" if proxy else host
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        patient.fail(
            "name", f"{what} is not known ({error.strerror or error})", "Check how it is spelled."
        )
        raise _FailedError from error
    addresses = sorted({str(address[4][0]) for address in found})
    patient.ok("name", f"{what} is {', '.join(addresses[:4])}")
    return lambda: socket.create_connection((host, port), timeout)


def _shake_hands(
    patient: _Patient,
    place: ServiceUrl,
    settings: Settings,
    connect: Callable[[], socket.socket],
) -> None:
    given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    ca = settings.ca or given or DEFAULT_CA_BUNDLE_PATH
    try:
        context = tls_context(ca, settings.cert or None, settings.cert_key or None)
    except SettingsError as error:  # only of a file that the environment names
        patient.fail("TLS", error.problem, "Name another file in REQUESTS_CA_BUNDLE, or give ca=.")
        raise _FailedError from error
    host = urlsplit(place.base).hostname
    try:
        with connect() as plain, context.wrap_socket(plain, server_hostname=host) as secure:
            cert = secure.getpeercert() or {}
            until = cert.get("notAfter", "an unknown date")
            patient.ok("TLS", f"{secure.version()}, certificate for {host} valid until {until}")
    except ssl.SSLCertVerificationError as error:
        patient.fail(
            "TLS",
            f"the certificate is not accepted: {error.verify_message}",
            f"Give the certificates of its CA as ca= (now: {ca}), and the host that it is for.",
        )
        raise _FailedError from error
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        patient.fail(
            "TLS",
            f"no TLS is spoken there ({reason})",
            f"Check the port; for plain HTTP write {'unix:' if place.socket else 'http://'}.",
        )
        raise _FailedError from error


# ----------------------------------------------------------------- the service


def _ask(
    patient: _Patient,
    place: ServiceUrl,
    client: SyncServiceClient,
    settings: Settings,
    timeout: float,
) -> str:
    """Its kind."""
    try:
        general = client.health().get("general")
    except AccessDeniedError as error:
        patient.ok("service", "a service answers")
        patient.fail("login", f"it is refused (HTTP 403: {error.server_message})", error.remedy)
        raise _FailedError from error
    except ConnectionFailedError as error:
        remedy = error.remedy
        if not place.tls and not place.socket and _speaks_tls(place, timeout):
            remedy = "The port speaks TLS: write https://."
        patient.fail("service", error.reason, remedy)
        raise _FailedError from error
    except ServiceError as error:
        said = f": {error.server_message}" if error.server_message else ""
        no_service = "Check the host, the port and the path: a sync service has /api/v1/health."
        remedy = no_service if isinstance(error, ObjectNotFoundError) else error.remedy
        patient.fail("service", f"no sync service answers so (HTTP {error.status}{said})", remedy)
        raise _FailedError from error
    general = general if isinstance(general, dict) else {}
    kind = str(general.get("nodeType", ""))
    if kind not in ("CSS", "ESS"):
        patient.fail(
            "service", "the health that it tells is none of a sync service",
            "Check the host, the port and the path.",
        )  # fmt: skip
        raise _FailedError
    patient.ok("service", f"{kind}, health {general.get('healthStatus', 'unknown')}")
    patient.ok("login", f"as {settings.key!r}")
    return kind


def _check_rights(
    patient: _Patient, client: SyncServiceClient, kind: str, settings: Settings
) -> None:
    org_id = settings.org_id
    if (kind == "CSS") != bool(org_id):
        said = "an ESS has just one" if org_id else "a CSS has many, and none is given"
        remedy = "Leave org_id out." if org_id else "Give org_id, or set SYNCNB_ORG_ID."
        patient.fail("organisation", said, remedy)
        raise _FailedError
    try:
        if kind == "CSS":
            nodes = len(client.get_destinations())
            patient.ok("organisation", org_id)
            patient.ok("rights", f"may see its nodes ({nodes}){_admin(client)}")
        else:
            client.get_updated_objects(_PROBE)
            patient.ok("organisation", "the one of the node")
            patient.ok("rights", "may see what arrives")
    except AccessDeniedError as error:
        patient.skip("organisation", org_id or "the one of the node")
        patient.fail(
            "rights",
            f"{settings.key!r} may not use this organisation (HTTP 403)",
            "Check that org_id is spelled right and is the organisation of this login.",
        )
        raise _FailedError from error
    except SyncError as error:
        patient.fail("rights", str(error), "Try again.")
        raise _FailedError from error


def _admin(client: SyncServiceClient) -> str:
    try:
        client.get_organizations()
    except SyncError:
        return "; is no administrator"
    return "; is an administrator"


def _proxy(place: ServiceUrl) -> str:
    found = select_proxy(place.base, get_environ_proxies(place.base)) or ""
    return found if "://" in found or not found else f"http://{found}"


def _speaks_tls(place: ServiceUrl, timeout: float) -> bool:
    """Whether a TLS handshake gets an answer; nothing is trusted, and nothing sent over it."""
    parts = urlsplit(place.base)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 80), timeout) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
