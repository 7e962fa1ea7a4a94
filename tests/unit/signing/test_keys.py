"""A key comes from where its owner keeps it, and never shows itself."""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from syncnb.errors import SettingsError, SignatureError
from syncnb.signing import (
    PublicKey,
    Signer,
    fingerprint_of,
    make_key,
    read_public_key,
    signer_from,
    triple,
)
from syncnb.signing.keys import FileSigner
from syncnb.signing.public_keys import check_fingerprint, decode_public_key

from .conftest import Keys


def private_pem(key: Any) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert isinstance(pem, bytes)
    return pem


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def test_key_that_was_made_signs(tmp_path: Path) -> None:
    """Only its owner can read it; its public half checks what it signs."""
    made = make_key(tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    signer = signer_from(tmp_path / "key.pem", environ={})
    assert signer is not None
    assert signer.fingerprint == made.fingerprint == fingerprint_of(made.public_key)
    public = read_public_key(tmp_path / "key.pem.pub")
    assert public == PublicKey(made.public_key)
    assert public._key.key_size == 3072
    for digest in (hashlib.sha256(b"a").digest(), hashlib.sha512(b"a").digest()):
        assert public.fits(digest, signer.sign(digest))
        assert not public.fits(digest[::-1], signer.sign(digest))


@pytest.mark.parametrize("there", ["key.pem", "key.pem.pub"])
def test_key_is_never_overwritten(tmp_path: Path, there: str) -> None:
    """What it signed could not be followed any more."""
    (tmp_path / there).write_text("precious")
    with pytest.raises(SettingsError, match="is there already"):
        make_key(tmp_path / "key.pem")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "precious")]


def test_key_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(SettingsError, match="No such file"):
        make_key(tmp_path / "none" / "key.pem")


def test_key_with_a_passphrase_opens_only_with_it(tmp_path: Path) -> None:
    """Given, or in the environment; no error shows it."""
    path = tmp_path / "key.pem"
    made = make_key(path, "open sesame", bits=2048)
    for given in (
        signer_from(path, passphrase="open sesame", environ={}),
        signer_from(path, environ={"SYNCNB_SIGNING_PASSPHRASE": "open sesame"}),
        signer_from(
            environ={"SYNCNB_SIGNING_KEY": str(path), "SYNCNB_SIGNING_PASSPHRASE": "open sesame"}
        ),
    ):
        assert given is not None
        assert given.fingerprint == made.fingerprint
    with pytest.raises(SettingsError, match="SYNCNB_SIGNING_PASSPHRASE"):
        signer_from(path, environ={})
    with pytest.raises(SettingsError, match="does not open it") as caught:
        signer_from(path, passphrase="wrong word", environ={})
    assert "wrong word" not in str(caught.value)
    with pytest.raises(SettingsError, match="it is empty"):
        make_key(tmp_path / "other.pem", "")


def test_environment_names_a_key_or_holds_it(tmp_path: Path) -> None:
    """As a path, or as the text of the file, as secrets of CI come; False looks nowhere."""
    made = make_key(tmp_path / "key.pem", bits=2048)
    for value in (str(tmp_path / "key.pem"), (tmp_path / "key.pem").read_text()):
        found = signer_from(environ={"SYNCNB_SIGNING_KEY": value})
        assert found is not None
        assert found.fingerprint == made.fingerprint
        assert signer_from(False, environ={"SYNCNB_SIGNING_KEY": value}) is None
    assert signer_from(environ={}) is None
    assert signer_from(environ={"SYNCNB_SIGNING_KEY": ""}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """As ssh does; the remedy is said."""
    path = tmp_path / "key.pem"
    make_key(path, bits=2048)
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"mode is {mode:04o}.*chmod 600"):
        signer_from(path, environ={})


WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "short": (lambda: private_pem(rsa_key(1024)), "1024 bits"),
    "elliptic": (lambda: private_pem(ec.generate_private_key(ec.SECP256R1())), "EllipticCurve|EC"),
    "ed25519": (lambda: private_pem(ed25519.Ed25519PrivateKey.generate()), "Ed25519"),
    "public": (
        lambda: rsa_key(2048).public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "public key, which cannot sign",
    ),
    "damaged": (lambda: private_pem(rsa_key(2048))[:900] + b"\n-----END PRIVATE KEY-----", "damaged"),
    "text": (lambda: b"my key", "no PEM key"),
    "huge": (lambda: b"x" * 100_000, "too large"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "problem"), WRONG.values(), ids=WRONG)
def test_key_that_cannot_serve_is_refused(
    tmp_path: Path, make: Callable[[], bytes], problem: str
) -> None:
    """With what it is, and the way to a right one; its text is never shown."""
    path = tmp_path / "wrong.pem"
    path.write_bytes(make())
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=problem) as caught:
        signer_from(path, environ={})
    assert str(path) in str(caught.value)
    if path.stat().st_size < 50_000 and b"-----" in path.read_bytes():
        text = path.read_text()
        with pytest.raises(SettingsError, match=problem) as caught:
            signer_from(environ={"SYNCNB_SIGNING_KEY": text})
        assert text.splitlines()[1] not in repr(caught.value)


def test_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With where the name came from."""
    with pytest.raises(SettingsError, match=r"SYNCNB_SIGNING_KEY: .*no\.pem.*No such file"):
        signer_from(environ={"SYNCNB_SIGNING_KEY": str(tmp_path / "no.pem")})
    with pytest.raises(SettingsError, match="no name of a file"):
        signer_from("a\0b", environ={})


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """Neither by repr nor by what the object holds in sight."""
    signer = make_key(tmp_path / "key.pem", bits=2048)
    assert repr(signer) == f"<FileSigner {signer.fingerprint}>"
    assert repr(PublicKey(signer.public_key)) == f"<PublicKey {signer.fingerprint}>"


class Token:
    """A key that never leaves its token, as PKCS#11 and the services of clouds have it."""

    def __init__(self, inner: FileSigner) -> None:
        self.inner = inner
        self.fingerprint, self.public_key = inner.fingerprint, inner.public_key

    def sign(self, digest: bytes) -> bytes:
        return self.inner.sign(digest)


def test_hook_signs(keys: Keys) -> None:
    """Any object of that form."""
    token = Token(keys("alice"))
    assert signer_from(token) is token
    digest = hashlib.sha256(b"data").digest()
    made = triple(digest, token)
    assert PublicKey(token.public_key).fits(digest, base64.b64decode(made["signature"]))


def test_entry_point_brings_a_signer(monkeypatch: pytest.MonkeyPatch, keys: Keys) -> None:
    """By ``name:argument``; another text with a colon is a path."""
    asked = []

    class Point:
        name = "vault"

        @staticmethod
        def load() -> Callable[[str], Signer]:
            return lambda text: asked.append(text) or Token(keys("alice"))  # type: ignore[func-returns-value]

    monkeypatch.setattr("syncnb.signing.signers.entry_points", lambda group: [Point()])
    found = signer_from("vault:keys/models?version=3", environ={})
    assert isinstance(found, Token)
    assert asked == ["keys/models?version=3"]
    with pytest.raises(SettingsError, match="nosuch:keys"):
        signer_from("nosuch:keys", environ={})


def test_hook_that_is_wrong_is_refused(keys: Keys) -> None:
    """Before anything is signed; and what it signs wrongly is not sent."""
    with pytest.raises(SettingsError, match="is no signer"):
        signer_from(object())  # type: ignore[arg-type]
    lying = Token(keys("alice"))
    lying.fingerprint = keys("bob").fingerprint
    with pytest.raises(SettingsError, match="fingerprint"):
        signer_from(lying)
    lying = Token(keys("alice"))
    lying.public_key = b"none"
    with pytest.raises(SettingsError, match="no public key"):
        signer_from(lying)
    lying = Token(keys("alice"))
    lying.inner = keys("bob")
    with pytest.raises(SettingsError, match="does not fit its public key"):
        triple(bytes(32), lying)


def test_public_key_that_is_pinned_must_be_one(tmp_path: Path) -> None:
    """A private key is not to lie on nodes; a short one, or another kind, protects nothing."""
    make_key(tmp_path / "key.pem", bits=2048)
    with pytest.raises(SettingsError, match="stays with its publisher"):
        read_public_key(tmp_path / "key.pem")
    short = rsa_key(1024).public_key()
    for kind in (Encoding.PEM, Encoding.DER):
        (tmp_path / "short").write_bytes(
            short.public_bytes(kind, PublicFormat.SubjectPublicKeyInfo)
        )
        with pytest.raises(SettingsError, match="1024 bits"):
            read_public_key(tmp_path / "short")
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(SettingsError, match="no RSA key"):
        read_public_key(text)
    with pytest.raises(SettingsError, match="no public key in PEM"):
        read_public_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


def test_key_in_the_metadata_is_the_one_that_is_meant(keys: Keys) -> None:
    """Compared by its digest before anything reads it, and never of a size that takes time."""
    alice, bob = keys("alice"), keys("bob")
    text = base64.b64encode(alice.public_key).decode()
    assert decode_public_key("object a", text, alice.fingerprint).fingerprint == alice.fingerprint
    huge = rsa_modulus_of(70_000)
    pkcs1 = alice._key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    for wrong, meant, problem in (
        (text, bob.fingerprint, "its manifest is signed by"),
        ("no base64!", alice.fingerprint, "no base64"),
        (text[:-8], alice.fingerprint, "its manifest is signed by"),
        ("A" * 20_000, alice.fingerprint, "20000 characters"),
        (base64.b64encode(huge).decode(), fingerprint_of(huge), "at most 8192"),
        (base64.b64encode(b"\x30" * 40).decode(), fingerprint_of(b"\x30" * 40), "no public key"),
        (base64.b64encode(pkcs1).decode(), fingerprint_of(pkcs1), "no SubjectPublicKeyInfo"),
    ):
        with pytest.raises(SignatureError, match=problem):
            decode_public_key("object a", wrong, meant)
    wide = rsa_modulus_of(2100)  # 16,800 bits in less than 8 KB
    with pytest.raises(SignatureError, match="bits, 2048 to 8192"):
        decode_public_key("object a", base64.b64encode(wide).decode(), fingerprint_of(wide))


def rsa_modulus_of(size: int) -> bytes:
    """A public key with a modulus of so many bytes; nobody has its private half."""
    modulus = int.from_bytes(b"\xff" * min(size, 8200), "big")
    numbers = rsa.RSAPublicNumbers(65537, modulus)
    return numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_fingerprint_is_read_as_people_write_it() -> None:
    """With colons, in capitals; anything else is refused."""
    assert check_fingerprint(" " + ":".join(["AB"] * 32) + "\n") == "ab" * 32
    for wrong in ("", "ab", "g" * 64, "ab" * 33):
        with pytest.raises(SettingsError, match="64 hexadecimal digits"):
            check_fingerprint(wrong)
