"""Certificates that a service makes for itself, as long as nobody gives it any.

A small authority of its own, ``ca.pem``, lives ten years and is what clients trust; the
certificate that the service shows lives a year and is renewed in time, so that no client notices.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=397)  # the longest that browsers take
_LIFE_OF_CA = timedelta(days=3650)
_RENEW = timedelta(days=30)  # before the end
_BACKDATED = timedelta(hours=1)  # for clients whose clocks are behind


class OwnCertificates:
    """The files ``ca.pem``, ``ca-key.pem``, ``cert.pem`` and ``key.pem`` of one folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there, for its owner alone.
    names : iterable of str
        Host names and IP addresses that the certificate is to hold.

    Notes
    -----
    P-256 rather than the 2048 bit RSA of the existing service (rest-api.md, 1.1): every TLS 1.2
    client takes it, and a handshake costs the service a tenth.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._names = sorted(set(names) - {"", "0.0.0.0", "::"})  # noqa: S104
        self.ca, self.cert, self.key = (folder / f"{n}.pem" for n in ("ca", "cert", "key"))

    def renew(self, now: datetime | None = None) -> bool:
        """Make what is missing, does not hold the names, or ends soon; True if anything was made.

        Parameters
        ----------
        now : datetime, optional
            Aware; instead of the present.
        """
        now = now or datetime.now(UTC)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, made = self._authority(now)
        if not made and self._is_fine(authority[0], now):
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "syncnb service")])
        cert = (
            _builder(name, authority[0].subject, key, now, _LIFE)
            .add_extension(x509.SubjectAlternativeName([_general(n) for n in self._names]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(_usage(digital_signature=True), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(_issued_by(authority[1]), False)
            .sign(authority[1], hashes.SHA256())
        )
        # Whoever is killed in between leaves a pair that does not fit, which `_is_fine` sees.
        _write(self.key, _private(key), 0o600)
        _write(self.cert, _public(cert) + _public(authority[0]), 0o644)
        return True

    def _authority(
        self, now: datetime
    ) -> tuple[tuple[x509.Certificate, ec.EllipticCurvePrivateKey], bool]:
        path = self._folder / "ca-key.pem"
        found = _load(self.ca, path)
        if found is not None and found[0].not_valid_after_utc - now > _LIFE:
            return found, False
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "syncnb service's own CA")])
        cert = (
            _builder(name, name, key, now, _LIFE_OF_CA)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), True)
            .sign(key, hashes.SHA256())
        )
        _write(path, _private(key), 0o600)
        _write(self.ca, _public(cert), 0o644)
        return (cert, key), True

    def _is_fine(self, ca: x509.Certificate, now: datetime) -> bool:
        found = _load(self.cert, self.key)
        if found is None or found[0].not_valid_after_utc - now < _RENEW:
            return False
        try:
            found[0].verify_directly_issued_by(ca)
        except Exception:  # noqa: BLE001  whatever is wrong with it, another one is made
            return False
        held = found[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return {_general(name) for name in self._names} <= set(held)


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _issued_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(**wanted: bool) -> x509.KeyUsage:
    none = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return x509.KeyUsage(**(none | wanted))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _load(cert: Path, key: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """A certificate and its key; None if they are not there, or do not fit."""
    try:
        loaded = x509.load_pem_x509_certificate(cert.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    return (loaded, private) if private.public_key() == loaded.public_key() else None


def _public(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file at once; a private one is never readable for others, not even empty."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    new.replace(path)
