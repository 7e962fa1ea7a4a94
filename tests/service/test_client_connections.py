"""The client over each kind of connection, against services that run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

import syncnb
from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import (
    AccessDeniedError,
    CertificateError,
    ConnectionFailedError,
    SettingsError,
)
from tests.service.authority import Authority
from tests.service.conftest import ADMIN, Running, Start

HTTPS = "https://127.0.0.1:0"
LOGIN: dict[str, Any] = {"key": ADMIN[0], "secret": ADMIN[1]}
META = ObjectMetaData(object_type="t", object_id="i", dest_type="edge")


def works(client: SyncServiceClient) -> bool:
    """Metadata and data, up and down."""
    with client:
        client.update_object(META)
        client.update_object_data(META, b"0123456789" * 1000)
        out = BytesIO()
        client.fetch_object_data(client.get_object_metadata("t", "i"), out)
        client.delete_object("t", "i")
    return out.getvalue() == b"0123456789" * 1000


def doctor(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of the command."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SYNCNB_", "HZN_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "syncnb", "doctor", *arguments],
        env={**plain, **(env or {})}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_every_kind_of_listener_is_reached(start: Start, tmp_path: Path) -> None:
    """TCP and unix sockets, with and without TLS, by the names that the service prints."""
    css = start(
        "css", "--listen", HTTPS, "--listen", "unix:a.sock", "--listen", "unix+tls:b.sock"
    )  # fmt: skip
    plain, secure, unix, unix_tls = css.urls
    for url, ca in ((plain, None), (secure, css.ca), (unix, None), (unix_tls, css.ca)):
        assert works(syncnb.connect(url, org_id="acme", ca=ca, **LOGIN)), url
    with pytest.raises(CertificateError, match="Give the certificates of its CA as ca="):
        syncnb.connect(unix_tls, org_id="acme", **LOGIN).get_destinations()


def test_one_unix_client_serves_many_threads(start: Start) -> None:
    """Each call gets its own answer."""
    css = start("css", listen="unix:a.sock")
    client = syncnb.connect(css.url, org_id="acme", **LOGIN)
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(10):
            meta = ObjectMetaData(object_type="t", object_id=f"{number}.{turn}", dest_type="edge")
            client.update_object(meta)
            client.update_object_data(meta, meta.object_id.encode())
            if client.read_object_data(client.get_object_metadata("t", meta.object_id)) != (
                meta.object_id.encode()
            ):
                wrong.append(meta.object_id)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    client.close()
    assert not wrong
    assert not any(one.is_alive() for one in threads)


def test_mutual_tls_shows_the_certificate_of_the_client(start: Start, tmp_path: Path) -> None:
    """Without it, or with a stranger's, the error says what is missing."""
    ours, theirs = (Authority(tmp_path / "clients", name) for name in ("ours", "theirs"))
    cert, cert_key = ours.issue("mine")
    css = start(
        "css", "--client-ca", str(ours.pem), "--listen", "unix+tls:b.sock", listen=HTTPS
    )  # fmt: skip
    for url in css.urls:
        mine: dict[str, Any] = {"ca": css.ca, "cert": cert, "cert_key": cert_key}
        assert works(syncnb.connect(url, org_id="acme", **LOGIN, **mine)), url
        both = tmp_path / "both.pem"
        both.write_text(Path(cert).read_text() + Path(cert_key).read_text())
        assert works(syncnb.connect(url, org_id="acme", ca=css.ca, cert=str(both), **LOGIN)), url
        with pytest.raises(ConnectionFailedError, match="as cert= and cert_key="):
            syncnb.connect(url, org_id="acme", ca=css.ca, **LOGIN).health()
        strange: Any = dict(zip(("cert", "cert_key"), theirs.issue("strange"), strict=True))
        with pytest.raises(ConnectionFailedError, match="as cert= and cert_key="):
            syncnb.connect(url, org_id="acme", ca=css.ca, **LOGIN, **strange).health()
    code, said = doctor(
        "--url", css.urls[0], "--org", "acme", "--ca", css.ca,
        env={"SYNCNB_KEY": ADMIN[0], "SYNCNB_SECRET": ADMIN[1]},
    )  # fmt: skip
    assert (code, "cert_key=" in said) == (3, True), said


def test_files_of_certificates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """Before anything is sent; a key with a password never asks for it on the terminal."""
    authority = Authority(tmp_path / "a", "a")
    cert, key = authority.issue("one")
    _, other = authority.issue("other")
    text = tmp_path / "text"
    text.write_text("no certificate")
    locked = tmp_path / "locked.pem"
    loaded = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    locked.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    for files, words in (
        ({"ca": "/no/ca.pem"}, "/no/ca.pem does not exist"),
        ({"ca": str(text)}, "holds no certificates"),
        ({"cert": "/no/cert.pem"}, "/no/cert.pem does not exist"),
        ({"cert": cert}, "cannot be used"),
        ({"cert_key": key}, "no certificate beside it"),
        ({"cert": cert, "cert_key": other}, "belongs to it"),
        ({"cert": cert, "cert_key": str(locked)}, "without a password"),
    ):
        with pytest.raises(SettingsError, match=words):
            SyncServiceClient("https://127.0.0.1:1", **files)  # type: ignore[arg-type]


def test_certificate_for_another_host_is_refused(start: Start, tmp_path: Path) -> None:
    """Though the authority is right; nothing was sent."""
    authority = Authority(tmp_path / "theirs", "authority")
    cert, key = authority.issue("css.example")
    css = start("css", "--tls-cert", cert, "--tls-key", key, listen=HTTPS)
    with pytest.raises(CertificateError, match=r"127\.0\.0\.1.*host that they are made for"):
        syncnb.connect(css.url, org_id="acme", ca=str(authority.pem), **LOGIN).health()
    local = f"https://localhost:{css.port}"
    assert works(syncnb.connect(local, org_id="acme", ca=str(authority.pem), **LOGIN))


def test_certificate_of_open_horizons_agent_is_enough(start: Start, tmp_path: Path) -> None:
    """A self-signed one for localhost, no CA, trusted by itself, over TLS on a unix socket."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Open Horizon")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=500))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    css = start("css")
    ess = start(
        "ess", "--css", css.url, "--org", "acme", "--node", "edge/node1",
        "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"),
        listen="unix+tls:essapi.sock",
    )  # fmt: skip
    (tmp_path / "ess-auth.json").write_text(json.dumps({"id": ADMIN[0], "token": ADMIN[1]}))
    env = {
        "HZN_ESS_API_PROTOCOL": "secure-unix",
        "HZN_ESS_API_ADDRESS": ess.url.removeprefix("unix+tls:"),
        "HZN_ESS_API_PORT": "0",
        "HZN_ESS_AUTH": str(tmp_path / "ess-auth.json"),
        "HZN_ESS_CERT": str(tmp_path / "cert.pem"),
    }
    with temporarily(env):
        assert syncnb.connect().health()["general"]["nodeType"] == "ESS"
        assert syncnb.connect().get_updated_objects("t") == []
    code, said = doctor(env=env)
    assert code == 0, said
    assert "HZN_ESS_AUTH" in said
    assert ADMIN[1] not in said


def test_wrong_port_or_protocol_is_explained(start: Start) -> None:
    """TLS where there is none, none where there is TLS, no socket, nobody there."""
    css = start("css", "--listen", HTTPS, "--listen", "unix:a.sock", "--listen", "unix+tls:b.sock")
    plain, secure, unix, unix_tls = css.urls
    for url, words in (
        (plain.replace("http:", "https:"), r"speaks plain HTTP: write http://"),
        (secure.replace("https:", "http:"), r"write https://"),
        (unix.replace("unix:", "unix+tls:"), r"unix: for a socket"),
        (unix_tls.replace("unix+tls:", "unix:"), r"write unix\+tls:"),
        (f"unix:{css.data}/none.sock", r"there is no such socket file"),
        ("http://127.0.0.1:1", r"refused.*get_destinations on"),
    ):
        with pytest.raises(ConnectionFailedError, match=words) as caught:
            syncnb.connect(url, org_id="acme", ca=css.ca, **LOGIN).get_destinations()
        assert ADMIN[1] not in str(caught.value)
        secret = css.data.parent / "secret"
        secret.write_text(ADMIN[1])
        code, said = doctor(
            "--url", url, "--org", "acme", "--key", "admin", "--secret-file", str(secret),
            "--ca", css.ca,
        )  # fmt: skip
        assert (code, ADMIN[1] in said) == (3, False), said


def both(start: Start) -> tuple[Running, Running]:
    css = start("css")
    ess = start("ess", "--css", css.url, "--org", "acme", "--node", "edge/node1")
    return css, ess


def test_service_of_the_other_kind_is_noticed(start: Start) -> None:
    """An ESS asked with an organisation finds nothing, and would say so for ever."""
    css, ess = both(start)
    with syncnb.connect(ess.url, org_id="acme", **LOGIN) as client:
        with pytest.raises(SettingsError, match=r"is an ESS.*Leave org_id out"):
            client.get_updated_objects("model")
        with pytest.raises(SettingsError, match=r"is an ESS"):
            next(syncnb.updates("model", client=client, timeout=5))
    with syncnb.connect(css.url, **LOGIN) as client:
        with pytest.raises(SettingsError, match=r"is a CSS.*Give org_id"):
            client.get_updated_objects("model")
        with pytest.raises(SettingsError, match=r"is a CSS.*Give org_id"):
            client.update_object(META)


def test_denials_say_whether_the_login_or_the_right_is_missing(start: Start) -> None:
    """With the request, the key, and no secret."""
    css = start("css")
    for key, secret, org_id, words in (
        (
            "admin",
            "wr0ng",
            "acme",
            r"GET http://.*/destinations/acme as 'admin'.*Check the key and the secret",
        ),
        ("nobody", "x", "acme", r"'nobody' with this one is not accepted"),
        ("admin", ADMIN[1], "other", r"knows 'admin'.*organisation"),
        ("", "", "acme", r"No credentials were sent"),
    ):
        with (
            syncnb.connect(css.url, org_id=org_id, key=key, secret=secret) as client,
            pytest.raises(AccessDeniedError, match=words) as caught,
        ):
            client.get_destinations()
        assert not secret or secret not in str(caught.value)


def test_doctor_tells_each_step(start: Start, tmp_path: Path) -> None:
    """Exit code, sources, and the first step that fails; secrets are hidden."""
    css, ess = both(start)
    env = {"SYNCNB_URL": css.url, "SYNCNB_ORG_ID": "acme", "SYNCNB_KEY": ADMIN[0]}
    right, wrong = {"SYNCNB_SECRET": ADMIN[1]}, {"SYNCNB_SECRET": "wr0ng-one"}
    code, said = doctor("--json", env={**env, **right})
    report = json.loads(said)
    assert code == 0, said
    assert report["settings"]["url"] == {"value": css.url, "source": "SYNCNB_URL"}
    assert report["settings"]["secret"] == {"value": "hidden", "source": "SYNCNB_SECRET"}
    assert [step["ok"] for step in report["steps"]] == [
        True,
        True,
        True,
        None,
        True,
        True,
        True,
        True,
    ]
    assert "is an administrator" in said
    for changes, expected, step in (
        ({**wrong}, 4, "login"),
        ({**right, "SYNCNB_ORG_ID": "other"}, 4, "rights"),
        ({**right, "SYNCNB_ORG_ID": ""}, 2, "organisation"),
        ({**right, "SYNCNB_URL": ess.url}, 2, "organisation"),
        ({**right, "SYNCNB_URL": "http://no.such.host.invalid"}, 3, "name"),
        ({**right, "SYNCNB_URL": "http://127.0.0.1:1"}, 3, "connection"),
        ({**right, "SYNCNB_URL": f"{css.url}/elsewhere"}, 3, "service"),
        ({**right, "SYNCNB_URL": "nonsense"}, 2, "settings"),
        ({**right, "SYNCNB_CA": "/none"}, 2, "settings"),
    ):
        code, said = doctor("--json", env={**env, **changes})
        failed = [s["name"] for s in json.loads(said)["steps"] if s["ok"] is False]
        assert (code, failed) == (expected, [step]), said
        assert ADMIN[1] not in said
        assert "wr0ng-one" not in said
        assert next(s["remedy"] for s in json.loads(said)["steps"] if s["ok"] is False)


@contextmanager
def temporarily(environ: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        yield
