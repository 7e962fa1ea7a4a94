"""Whose objects a node takes, and how new they must be."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from syncnb.errors import (
    ExpiredError,
    InvalidManifestError,
    SettingsError,
    UnknownKeyError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData, format_time, parse_time
from syncnb.signing.public_keys import (
    PublicKey,
    check_fingerprint,
    read_public_key,
)
from syncnb.signing.sealing import unseal
from syncnb.signing.statements import Statement
from syncnb.trust.applying import apply
from syncnb.trust.checks import REMEDY, check_bound, check_order, key_of, pin_of
from syncnb.trust.file import Name, Pin, Revoked, Seen, State, TrustFile, default_path

log = logging.getLogger("syncnb")


class Trust:
    """The keys whose objects a node takes, and the newest that it has seen of each object.

    Signed bytes alone prove too little: whoever controls a service or a network could serve an
    older signed model, or one model under the name of another. So `check` compares all that the
    signed manifest binds, and remembers.

    Parameters
    ----------
    path : path, optional
        The file; several processes may use it. By default that of ``SYNCNB_TRUST``, or
        ``trust.json`` where this platform keeps settings.
    now : callable, optional
        Returns the time, aware; for tests.

    Notes
    -----
    The attacks are those of The Update Framework (1.5.1): rollback, freeze, mix-and-match, key
    compromise. See the page "Trust" for each.

    Examples
    --------
    >>> import tempfile
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     publisher = make_key(Path(folder) / "key.pem")
    ...     trust = Trust(Path(folder) / "trust.json")
    ...     pin = trust.pin(Path(folder) / "key.pem.pub", name="ci")
    ...     trust
    <Trust: 1 key is pinned, 0 are revoked, 0 objects seen>
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = TrustFile(default_path() if path is None else Path(path))
        self._now = now

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def state(self) -> State:
        """All that is in the file now: keys that are pinned, and revoked, and what was seen.

        Raises
        ------
        SettingsError
            The file cannot be read; then nothing is trusted.
        """
        return self._file.read()

    def pin(
        self,
        key: PublicKey | str | os.PathLike[str],
        *,
        name: str = "",
        org_id: str = "",
        root: bool = False,
    ) -> Pin:
        """Take what a key signs.

        Parameters
        ----------
        key : PublicKey, path or str
            The key, a file with it, its PEM text, or its fingerprint alone: then the key itself
            comes with the objects.
        name : str, default ""
            Whose it is, for people.
        org_id : str, default ""
            The only organisation for which it counts.
        root : bool, default False
            It signs no objects, only statements about other keys; from now on nobody else's count.

        Returns
        -------
        Pin
            As it is kept.

        Raises
        ------
        SettingsError
            It is no key and no fingerprint, or a revoked key; the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Trust(Path(folder) / "trust.json").pin("ab" * 32, name="ci").name
        'ci'
        """
        public = _public(key)
        fingerprint = public.fingerprint if public is not None else check_fingerprint(str(key))
        encoded = base64.b64encode(public.der).decode() if public is not None else ""

        def step(state: State) -> tuple[State, Pin]:
            if fingerprint in state.revoked:
                raise SettingsError(
                    "key",
                    f"{fingerprint} is revoked here ({state.revoked[fingerprint].reason!r:.100})",
                    "make another key: what was revoked may be in anybody's hands",
                )
            before = state.pins.get(fingerprint)
            pin = Pin(
                key=fingerprint,
                name=name or (before.name if before else ""),
                org_id=org_id,
                root=root,
                public_key=encoded or (before.public_key if before else ""),
                since=format_time(self._now()),
            )
            return state.with_pin(pin), pin

        return self._file.change(step)

    def unpin(self, key: str) -> Pin:
        """Do not take any more what a key signs; a statement may bring it back.

        Parameters
        ----------
        key : str
            Its fingerprint, or at least eight digits of its beginning.

        Returns
        -------
        Pin
            As it was.

        Raises
        ------
        SettingsError
            No such key is pinned, or several begin so.

        See Also
        --------
        revoke : For ever.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trust = Trust(Path(folder) / "trust.json")
        ...     pin = trust.pin("ab" * 32, name="ci")
        ...     trust.unpin("abababab").name
        'ci'
        """

        def step(state: State) -> tuple[State, Pin]:
            pin = state.pins[_one_of(state.pins, key)]
            return state.without_pin(pin.key), pin

        return self._file.change(step)

    def revoke(self, key: str, reason: str = "") -> Revoked:
        """Never take again what a key signs or signed, whoever says so.

        Parameters
        ----------
        key : str
            Its fingerprint; of a pinned one, eight digits of its beginning are enough.
        reason : str, default ""
            For people.

        Returns
        -------
        Revoked
            As it is kept.

        Raises
        ------
        SettingsError
            It is no fingerprint.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trust = Trust(Path(folder) / "trust.json")
        ...     trust.revoke("ab" * 32, "stolen").reason
        'stolen'
        """

        def step(state: State) -> tuple[State, Revoked]:
            whole = re.fullmatch("[0-9a-fA-F:]{64,}", key.strip())
            fingerprint = check_fingerprint(key) if whole else _one_of(state.pins, key)
            pin = state.pins.get(fingerprint, Pin(key=fingerprint))
            revoked = Revoked(
                key=fingerprint,
                name=pin.name,
                root=pin.root,
                reason=reason,
                since=format_time(self._now()),
            )
            return state.with_revoked(revoked), revoked

        return self._file.change(step)

    def follow(self, statements: Iterable[Statement | Mapping[str, object]]) -> list[str]:
        """Do what signed statements say about keys, as far as their signers may say it.

        Parameters
        ----------
        statements : iterable of Statement or mapping
            In any order; those that are broken, not entitled or known already change nothing.

        Returns
        -------
        list of str
            What changed, a sentence each.

        Raises
        ------
        SettingsError
            The file cannot be read or written.

        Notes
        -----
        With a root key pinned, statements count if a root key signed them. Without one, a key may
        name its successor, once, and a key or its successors may revoke it. A revoked key stays
        revoked.

        Examples
        --------
        >>> import tempfile
        >>> from syncnb.signing import make_key
        >>> from syncnb.signing.statements import rotation
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     old, new = (make_key(Path(folder) / name, bits=2048) for name in ("old", "new"))
        ...     trust = Trust(Path(folder) / "trust.json")
        ...     pin = trust.pin(old.fingerprint)
        ...     done = trust.follow([rotation(new, old=old)])
        ...     new.fingerprint in trust.state.pins
        True
        """
        known = []
        for one in statements:
            try:
                known.append(one if isinstance(one, Statement) else Statement.from_json(one))
            except (ValueError, SettingsError) as error:
                log.warning("a statement about keys is ignored: %s", error)
        if not known:
            return []
        done = self._file.change(lambda state: apply(state, known, self._now()))
        for sentence in done:
            log.warning("%s: %s", self.path, sentence)
        return done

    def check(
        self, meta_data: ObjectMetaData, *, newest: bool = True, org_id: str = ""
    ) -> Manifest | None:
        """The manifest of an object, if the object may be taken.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service has them; nothing of the data is looked at.
        newest : bool, default True
            Whether it must be as new as what was seen of it, and not expired; what is newer is
            remembered. False for what this node has kept itself.
        org_id : str, default ""
            Organisation to which it must belong, where the caller knows it.

        Returns
        -------
        Manifest or None
            Signed by a key that counts here; or not signed at all, if no key is pinned or revoked.
            None if the object has no manifest.

        Raises
        ------
        UnknownKeyError
            Nobody signed it although keys are pinned or revoked, or somebody else did.
        SignatureError
            The signature is not over this manifest; its key is revoked, replaced, a root key or for
            another organisation; the key in the metadata is another one or none.
        InvalidManifestError
            It cannot be read, binds no name, sequence or digest, or not this object.
        ReplayedError
            It is older than what was seen of the object, and nobody signed that it is to be.
        ExpiredError
            It was signed for a time that is over.
        SettingsError
            The file cannot be read or written.

        Examples
        --------
        >>> import tempfile
        >>> meta = ObjectMetaData(object_type="model", object_id="a", description="by hand")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trust = Trust(Path(folder) / "trust.json")
        ...     print(trust.check(meta))
        ...     pin = trust.pin("ab" * 32)
        ...     trust.check(meta)
        Traceback (most recent call last):
        ...
        syncnb.errors.UnknownKeyError: object model/a: nobody signed it, and only signed objects ...
        """
        subject = f"object {meta_data.object_type}/{meta_data.object_id}"
        state, sealed = self.state, unseal(meta_data.description)
        if sealed is None:
            if state.closed and not meta_data.deleted:
                raise UnknownKeyError(subject, "")
            return Manifest.from_description(meta_data.description)
        pin = pin_of(sealed, state, self._now(), subject)
        sealed.check(key_of(pin, meta_data, subject), subject)
        manifest = Manifest.from_description(sealed.description)
        if manifest is None:
            raise InvalidManifestError(subject, "what is signed is no manifest", REMEDY)
        check_bound(manifest, meta_data, subject, (pin.org_id, org_id))
        if newest:
            self._check_new(manifest, subject)
        return manifest

    def _check_new(self, manifest: Manifest, subject: str) -> None:
        if manifest.expires is not None and self._now() > manifest.expires:
            raise ExpiredError(
                subject,
                f"it expired on {format_time(manifest.expires)}",
                "publish it again; if that was done, somebody holds the newer one back, or the "
                "clock of this node is wrong",
            )
        name: Name = (manifest.org_id, manifest.object_type, manifest.object_id)
        now = Seen(
            sequence=manifest.sequence, version=manifest.version, sha256=manifest.sha256.lower()
        )

        def step(state: State) -> tuple[State, None]:
            check_order(now, state.seen.get(name), manifest.rollback, subject)
            return state.with_seen(name, now), None

        if self.state.seen.get(name) != now:
            self._file.change(step)

    def show(self) -> str:
        """The keys as a table, for people.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trust = Trust(Path(folder) / "trust.json")
        ...     pin = trust.pin("ab" * 32, name="ci")
        ...     print(trust.show())
        key...status  name  organisation  since...
        abab...pinned  ci    (all)...
        """
        rows = [[printable(cell) for cell in row] for row in (COLUMNS, *self.rows())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def rows(self) -> list[tuple[str, ...]]:
        """The keys, each with its fingerprint, status, name, organisation, time and note.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Trust(Path(folder) / "trust.json").rows()
        []
        """
        state, now = self.state, self._now()
        rows: list[tuple[str, ...]] = []
        for pin in state.pins.values():
            until = parse_time(pin.until)
            status = "root" if pin.root else "pinned" if until is None else "replaced"
            note = f"by the statement of {pin.by}" if pin.by else ""
            if until is not None:
                over = "counted" if now > until else "counts"
                note = f"{over} until {pin.until}, then {pin.successor}"
            rows.append((pin.key, status, pin.name, pin.org_id or "(all)", pin.since, note))
        return rows + [
            (one.key, "revoked", one.name, "(all)", one.since, one.reason)
            for one in state.revoked.values()
        ]

    def __repr__(self) -> str:
        state = self.state
        pins = len(state.pins)
        return (
            f"<Trust: {pins} key{' is' if pins == 1 else 's are'} pinned, "
            f"{len(state.revoked)} are revoked, {len(state.seen)} objects seen>"
        )

    def _repr_html_(self) -> str:
        rows = self.rows()
        said = [at for at, _ in enumerate(COLUMNS) if any(row[at] for row in rows)]
        head = "".join(f"<th style='text-align:left'>{escape(COLUMNS[at])}</th>" for at in said)
        # Of all, the fingerprint may be broken best: nobody reads it in one go.
        looks = {at: "white-space:nowrap" if at else "word-break:break-all" for at in said}
        cells = "<td style='text-align:left;{}'>{}</td>"
        body = "".join(
            f"<tr>{''.join(cells.format(looks[at], escape(row[at])) for at in said)}</tr>"
            for row in rows
        )
        title = f"<strong>{escape(repr(self)[1:-1])}</strong>"
        return f"<div style='overflow-x:auto'>{title}<table><tr>{head}</tr>{body}</table></div>"


COLUMNS = ("key", "status", "name", "organisation", "since", "note")


def trust_or_default(
    trust: Trust | str | os.PathLike[str] | bool | None, environ: Mapping[str, str] | None = None
) -> Trust | None:
    """What a caller said, or what this machine has.

    Parameters
    ----------
    trust : Trust, path, bool or None
        A `Trust` or its file; False for none. None or True for that of ``SYNCNB_TRUST`` or of the
        user; with None there is none if the user has no such file.
    environ : mapping of str to str, optional
        Instead of the environment of this process.

    Returns
    -------
    Trust or None
        None if nothing is to be checked.

    Raises
    ------
    SettingsError
        The file that ``SYNCNB_TRUST`` names is not there.
    """
    if isinstance(trust, Trust):
        return trust
    if isinstance(trust, str | os.PathLike):
        if not Path(trust).exists():
            log.warning("%s does not exist: until it does, everything is taken as it comes", trust)
        return Trust(trust)
    if trust is False:
        return None
    path = default_path(environ)
    if path.exists() or trust:
        return Trust(path)
    if (os.environ if environ is None else environ).get("SYNCNB_TRUST"):
        raise SettingsError(
            "SYNCNB_TRUST",
            f"{path} does not exist, so nobody can be told from anybody",
            "pin a key with `syncnb keys pin`, or unset it",
        )
    return None


def printable(text: str) -> str:
    """A text of somebody else without control characters, which a terminal could obey."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _public(key: PublicKey | str | os.PathLike[str]) -> PublicKey | None:
    """The key, or None if it is a fingerprint."""
    if isinstance(key, PublicKey):
        return key
    if isinstance(key, str) and re.fullmatch(r"[0-9a-fA-F:\s]{64,}", key):
        return None
    return read_public_key(key)


def _one_of(pins: Mapping[str, Pin], key: str) -> str:
    begin = key.strip().replace(":", "").lower()
    found = [one for one in pins if len(begin) >= 8 and one.startswith(begin)]
    if len(found) != 1:
        problem = "several pinned keys begin so" if found else "no such key is pinned"
        raise SettingsError("key", f"{key!r:.80}: {problem}", "see `syncnb keys list`")
    return found[0]
