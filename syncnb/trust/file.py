"""What a node trusts and has seen, on disk: safe for several processes, and after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from syncnb.errors import SettingsError
from syncnb.settings import config_path
from syncnb.whole_file import whole_file

VARIABLE = "SYNCNB_TRUST"
_FORM = 1  # of the file
_Result = TypeVar("_Result")
Name = tuple[str, str, str]  # organisation, type, ID


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A key that counts here.

    Parameters
    ----------
    key : str
        Its fingerprint.
    name : str
        Whose it is, for people.
    org_id : str
        The only organisation for which it counts; empty for all.
    root : bool
        Whether it signs statements about other keys, and nothing else.
    public_key : str
        Base64 of the key in DER; empty if only the fingerprint is known.
    by : str
        Fingerprint of the key whose statement brought it; empty if a person pinned it.
    since, until : str
        RFC 3339: since when it is pinned; to when it counts, empty for ever.
    successor : str
        Fingerprint of the key that took its place.

    Examples
    --------
    >>> Pin(key="ab" * 32, name="ci").root
    False
    """

    key: str
    name: str = ""
    org_id: str = ""
    root: bool = False
    public_key: str = ""
    by: str = ""
    since: str = ""
    until: str = ""
    successor: str = ""


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """A key that counts no more, whatever it signed, and whoever pins it.

    Parameters
    ----------
    key : str
        Its fingerprint.
    name : str
        Whose it was.
    root : bool
        Whether it was a root key: then nobody but another one says something about keys.
    reason : str
        Why, for people.
    by : str
        Fingerprint of the key whose statement said so; empty if a person did.
    since : str
        RFC 3339.

    Examples
    --------
    >>> Revoked(key="ab" * 32, reason="stolen").reason
    'stolen'
    """

    key: str
    name: str = ""
    root: bool = False
    reason: str = ""
    by: str = ""
    since: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The newest that this node has seen of an object.

    Parameters
    ----------
    sequence : int
        Of its manifest.
    version : str
        Of the object.
    sha256 : str
        Of its data.

    Examples
    --------
    >>> Seen(sequence=3, version="1.2.0", sha256="ab" * 32).sequence
    3
    """

    sequence: int
    version: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """All of the file.

    Parameters
    ----------
    pins : mapping of str to Pin
        By fingerprint.
    revoked : mapping of str to Revoked
        By fingerprint.
    seen : mapping
        (organisation, type, ID) -> `Seen`.

    Examples
    --------
    >>> State().with_pin(Pin(key="ab" * 32)).pins["ab" * 32].root
    False
    """

    pins: Mapping[str, Pin] = field(default_factory=dict)
    revoked: Mapping[str, Revoked] = field(default_factory=dict)
    seen: Mapping[Name, Seen] = field(default_factory=dict)

    @property
    def roots(self) -> frozenset[str]:
        """The keys that alone may say something about others, if there are any."""
        return frozenset(key for key, pin in self.pins.items() if pin.root)

    @property
    def closed(self) -> bool:
        """Whether only signed objects are taken, also if the last key is revoked."""
        return bool(self.pins or self.revoked)

    @property
    def rooted(self) -> bool:
        """Whether only root keys may say something about keys, also if the last one is revoked."""
        return bool(self.roots) or any(one.root for one in self.revoked.values())

    def with_pin(self, pin: Pin) -> State:
        """With one more, or one replaced."""
        return replace(self, pins={**self.pins, pin.key: pin})

    def without_pin(self, key: str) -> State:
        """Without one."""
        return replace(self, pins={name: pin for name, pin in self.pins.items() if name != key})

    def with_revoked(self, revoked: Revoked) -> State:
        """With one that counts no more; it is not pinned any more either."""
        more = {**self.revoked, revoked.key: revoked}
        return replace(self.without_pin(revoked.key), revoked=more)

    def with_seen(self, name: Name, seen: Seen) -> State:
        """With something newer of an object."""
        return replace(self, seen={**self.seen, name: seen})


def default_path(environ: Mapping[str, str] | None = None) -> Path:
    """The file of ``SYNCNB_TRUST``, or ``trust.json`` where this platform keeps settings.

    Examples
    --------
    >>> default_path({"SYNCNB_TRUST": "/etc/syncnb/trust.json"}).as_posix()
    '/etc/syncnb/trust.json'
    """
    environ = os.environ if environ is None else environ
    if named := environ.get(VARIABLE):
        return Path(named).expanduser()
    plain = {name: value for name, value in environ.items() if name != "SYNCNB_CONFIG"}
    return config_path(plain).with_name("trust.json")


class TrustFile:
    """The file: read as it is, changed under a lock and replaced as a whole.

    Parameters
    ----------
    path : Path
        Made with the first change.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = TrustFile(Path(folder) / "trust.json")
    ...     file.change(lambda state: (state.with_pin(Pin(key="ab" * 32)), None))
    ...     len(file.read().pins)
    1
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[tuple[int, int, int], State] | None = None

    def read(self) -> State:
        """What is in it; nothing if it is not there.

        Raises
        ------
        SettingsError
            It cannot be read, or everybody can write it: then nothing is trusted.
        """
        try:
            with self.path.open("rb") as file:
                facts = os.fstat(file.fileno())
                identity = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
                if stat.S_IMODE(facts.st_mode) & 0o002:
                    raise self._wrong("everybody can write it", f"chmod o-w {self.path}")
                if self._known is not None and self._known[0] == identity:
                    return self._known[1]
                state = _state(json.loads(file.read()))
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, SettingsError):
                raise
            # An empty trust in its place would take what it refuses.
            raise self._wrong(
                f"it cannot be read ({error})", "bring back a copy, or remove it and pin again"
            ) from error
        self._known = (identity, state)
        return state

    def change(self, step: Callable[[State], tuple[State, _Result]]) -> _Result:
        """Change it; nobody else does so meanwhile, and it is on the disk when this returns.

        Parameters
        ----------
        step : callable
            Given the state, returns the new one and what this is to return. If it raises, nothing
            changes.

        Raises
        ------
        SettingsError
            It cannot be read or written.
        """
        with self._locked():
            before = self.read()
            after, result = step(before)
            if after != before:
                try:
                    with whole_file(self.path) as file:
                        json.dump(_document(after), file, indent=1)
                    _sync_folder(self.path.parent)
                except OSError as error:
                    raise self._unwritten(error) from error
        return result

    @contextmanager
    def _locked(self) -> Iterator[None]:
        beside = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            held = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritten(error) from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX)  # a file of its own: the other one is replaced
            yield
        finally:
            os.close(held)

    def _unwritten(self, error: OSError) -> SettingsError:
        return self._wrong(
            f"it cannot be written ({error.strerror}), and a node that forgets what it has seen "
            "takes older versions again",
            f"name a file in a folder of yours in {VARIABLE}",
        )

    def _wrong(self, problem: str, remedy: str) -> SettingsError:
        return SettingsError("trust", f"{self.path}: {problem}", remedy)


def _document(state: State) -> dict[str, Any]:
    return {
        "syncnb-trust": _FORM,
        "pins": [_short(pin) for pin in state.pins.values()],
        "revoked": [_short(one) for one in state.revoked.values()],
        "seen": [
            [*name, seen.sequence, seen.version, seen.sha256] for name, seen in state.seen.items()
        ],
    }


def _short(entry: Pin | Revoked) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value}


def _state(document: Any) -> State:
    if document["syncnb-trust"] != _FORM:
        raise ValueError(f"its form is {document['syncnb-trust']!r:.40}, here {_FORM} is known")
    pins = [_entry(Pin, one) for one in document["pins"]]
    revoked = [_entry(Revoked, one) for one in document["revoked"]]
    return State(
        pins={pin.key: pin for pin in pins},
        revoked={one.key: one for one in revoked},
        seen={
            (str(org), str(kind), str(name)): Seen(
                sequence=int(sequence), version=str(version), sha256=str(sha256)
            )
            for org, kind, name, sequence, version, sha256 in document["seen"]
        },
    )


def _entry(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """An entry; a member that a later syncnb added may be what limits it, so that is an error."""
    unknown = values.keys() - {one.name for one in fields(kind)}
    if unknown:
        raise ValueError(f"a later syncnb wrote {sorted(unknown)[0]!r:.40} into it")
    return kind(**values)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)  # else the new name could be lost with the power
    finally:
        os.close(number)
