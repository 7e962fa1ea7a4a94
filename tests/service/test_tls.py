"""TLS: certificates that are made, given, replaced, and asked for."""

from __future__ import annotations

import signal
import socket
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

import syncnb.errors
from syncnb.service.certificates import OwnCertificates
from tests.service.authority import Authority
from tests.service.conftest import ADMIN, Running, Start, until
from tests.service.raw import HEALTH

HTTPS = "https://127.0.0.1:0"


def serial(css: Running, ca: Path | None = None) -> int:
    """Of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=ca or css.ca)
    with (
        socket.create_connection(("127.0.0.1", css.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return int(secure.getpeercert()["serialNumber"], 16)  # type: ignore[index,arg-type]


def test_made_certificate_is_trusted_by_its_authority_alone(start: Start) -> None:
    """By strict clients too, under each name; the private keys are for their owner."""
    css = start("css", "--tls-names", "css.example", listen=HTTPS)
    assert requests.get(f"{css.url}/api/v1/health", auth=ADMIN, verify=css.ca, timeout=10).ok
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{css.url}/api/v1/health", auth=ADMIN, timeout=10)
    context = ssl.create_default_context(cafile=css.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    for name in ("127.0.0.1", "localhost", "css.example"):
        with (
            socket.create_connection(("127.0.0.1", css.port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
    for key in ("key.pem", "ca-key.pem"):
        assert stat.S_IMODE((css.data / "certs" / key).stat().st_mode) == 0o600
    before = serial(css)
    css.stop()
    assert serial(start("css", "--tls-names", "css.example", listen=HTTPS)) == before


def test_old_tls_is_refused(start: Start) -> None:
    """1.2 is the least."""
    css = start("css", listen=HTTPS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(css.ca)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", css.port), 10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_own_certificate_is_renewed_in_time_and_its_authority_stays(tmp_path: Path) -> None:
    """So that clients go on trusting it."""
    own = OwnCertificates(tmp_path / "certs", ["localhost"])
    assert own.renew()
    ca, cert = own.ca.read_bytes(), own.cert.read_bytes()
    now = datetime.now(UTC)
    assert not own.renew(now + timedelta(days=300))
    assert own.renew(now + timedelta(days=380))
    assert (own.ca.read_bytes() == ca, own.cert.read_bytes() == cert) == (True, False)
    more = OwnCertificates(tmp_path / "certs", ["localhost", "new.example"])
    assert more.renew(now + timedelta(days=381))  # another name
    own.key.write_bytes(b"damaged")
    assert more.renew(now + timedelta(days=381))
    assert own.ca.read_bytes() == ca


def test_given_certificate_is_taken_up_when_it_changes(start: Start, tmp_path: Path) -> None:
    """At SIGHUP at once, soon without; a broken file leaves the old one in force."""
    authority = Authority(tmp_path / "theirs", "authority")
    cert, key = authority.issue("css")
    css = start("css", "--tls-cert", cert, "--tls-key", key, listen=HTTPS)
    assert not (css.data / "certs").exists()
    first = serial(css, authority.pem)
    Path(cert).write_text("no certificate")
    css.process.send_signal(signal.SIGHUP)
    until(lambda: "certificates are not changed" in css.log.read_text())
    assert serial(css, authority.pem) == first
    authority.issue("css")
    css.process.send_signal(signal.SIGHUP)
    until(lambda: serial(css, authority.pem) != first)
    second = serial(css, authority.pem)
    authority.issue("css")
    until(lambda: serial(css, authority.pem) != second)


def test_client_certificates_are_asked_for_and_checked(start: Start, tmp_path: Path) -> None:
    """Without one, or with a stranger's, there is no conversation; the CA may be replaced."""
    ours, theirs = (Authority(tmp_path / "clients", name) for name in ("ours", "theirs"))
    mine, strange = ours.issue("mine"), theirs.issue("strange")
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(ours.pem.read_bytes())
    css = start("css", "--client-ca", str(trusted), listen=HTTPS)
    session = requests.Session()  # keeps TLS sessions, which must not outlive the CA

    def answers(pair: tuple[str, str] | None) -> bool:
        try:
            url = f"{css.url}/api/v1/health"
            headers = {"Connection": "close"}
            return session.get(
                url, auth=ADMIN, verify=css.ca, cert=pair, timeout=10, headers=headers
            ).ok
        except requests.exceptions.ConnectionError:
            return False

    assert (answers(None), answers(strange), answers(mine)) == (False, False, True)
    trusted.write_bytes(theirs.pem.read_bytes())
    css.process.send_signal(signal.SIGHUP)
    until(lambda: not answers(mine))
    assert answers(strange)


def test_session_with_a_client_certificate_is_not_resumed(start: Start, tmp_path: Path) -> None:
    """It would outlive the trust in the certificate, which a resumed session does not show."""
    clients = Authority(tmp_path / "clients", "ours")
    css = start("css", "--client-ca", str(clients.pem), listen=HTTPS)
    context = ssl.create_default_context(cafile=css.ca)
    context.load_cert_chain(*clients.issue("mine"))
    session = None
    for _ in range(3):
        with (
            socket.create_connection(("127.0.0.1", css.port), 10) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            assert not secure.session_reused
            secure.sendall(HEALTH)
            assert secure.recv(1000).startswith(b"HTTP/1.1 200 ")
            session = secure.session
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # which resumes without being asked
    with (
        socket.create_connection(("127.0.0.1", css.port), 10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_node_reaches_its_cloud_by_tls_with_certificates_on_both_sides(
    start: Start, tmp_path: Path
) -> None:
    """The node checks the cloud by `css_ca`, the cloud the node by `client_ca`."""
    nodes = Authority(tmp_path / "nodes", "nodes")
    cert, key = nodes.issue("node1")
    css = start("css", "--client-ca", str(nodes.pem), "--listen", "unix:local.sock", listen=HTTPS)
    link = ("--css", css.url, "--org", "acme", "--node", "edge/node1", "--css-ca", css.ca)
    start("ess", *link, "--css-client-cert", cert, "--css-client-key", key)

    def registered() -> bool:
        url = f"{css.url}/api/v1/destinations/acme"
        return requests.get(url, auth=ADMIN, verify=css.ca, cert=(cert, key), timeout=10).ok

    until(registered)
    unknown = start("ess", *link, name="without")
    until(lambda: "link to the CSS does not work" in unknown.log.read_text())


def test_files_that_cannot_be_used_are_named(start: Start, tmp_path: Path) -> None:
    """Before anything listens."""
    authority = Authority(tmp_path / "theirs", "authority")
    cert, key = authority.issue("css")
    _, other = authority.issue("other")
    auth = tmp_path / "auth.json"
    for options, words in (
        (("--tls-cert", cert), ("tls_key", "both or neither")),
        (("--tls-cert", "/no/cert.pem", "--tls-key", key), ("tls_cert", "/no/cert.pem")),
        (("--tls-cert", cert, "--tls-key", other), ("tls_cert", "do not fit")),
        (("--client-ca", str(auth)), ("client_ca", "no certificate")),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "syncnb", "css", "--listen", HTTPS, "--data",
             str(tmp_path / "d"), "--auth", str(auth), *options],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert all(word in done.stderr for word in words), done.stderr


def test_client_trusts_the_authority_that_it_is_given_whatever_the_environment_says(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many machines set one for all Python programs."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    css = start("css", listen=HTTPS)
    with syncnb.connect(css.url, org_id="acme", key=ADMIN[0], secret=ADMIN[1], ca=css.ca) as client:
        assert client.health()["general"]["nodeType"] == "CSS"
    with (
        syncnb.connect(css.url, org_id="acme", key=ADMIN[0], secret=ADMIN[1]) as client,
        pytest.raises(syncnb.errors.ConnectionFailedError),
    ):
        client.health()
