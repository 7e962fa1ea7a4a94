"""What an archive holds, and under which names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from syncnb.errors import ArchiveError
from syncnb.metadata.times import format_time, parse_time

MAX_RECORD = 64 * 1024  # bytes
YOUNG = 3600.0  # seconds that bytes may lie without a record: somebody is publishing them
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST = 120  # characters of a name that stay readable
_FORMAT = 1
_TEXTS = ("org_id", "object_type", "object_id", "version", "sha256", "description")


class ArchiveKey(NamedTuple):
    """An object: the records of one lie together."""

    org_id: str
    object_type: str
    object_id: str

    @property
    def place(self) -> str:
        """Below ``records/``; no text leaves its folder, and no two have one place.

        Examples
        --------
        >>> ArchiveKey("acme", "model", "Defects@production").place
        'acme/model/=44efects=40production'
        >>> ArchiveKey("", "..", "a/../b").place
        '=/=2e./a=2f..=2fb'
        """
        return "/".join(_part(name) for name in self)

    def __str__(self) -> str:
        return f"object {self.object_type}/{self.object_id}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One published version.

    Parameters
    ----------
    key : ArchiveKey
        Of which object.
    version : str
        The version.
    sha256 : str
        Digest of its data, 64 hexadecimal digits; under it they lie in the archive.
    size : int
        Bytes of the data.
    description : str
        As it was published: the manifest, with its signature.
    sequence : int
        That of the manifest.
    published : datetime, optional
        Aware.
    addresses : mapping
        ``dest_type``, ``dest_id`` and ``destinations_list``, where it went.

    Examples
    --------
    >>> record = Record(key=ArchiveKey("acme", "model", "a"), version="1", sha256="0" * 64, size=3)
    >>> Record.from_json(record.to_json(), record.key, "here") == record
    True
    """

    key: ArchiveKey
    version: str
    sha256: str
    size: int
    description: str = ""
    sequence: int = 0
    published: datetime | None = None
    addresses: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it lies, below the root of an archive."""
        return f"records/{self.key.place}/{_part(self.version)}.json"

    def to_json(self) -> bytes:
        """Its file."""
        value = {
            "record": _FORMAT,
            **self.key._asdict(),
            "version": self.version,
            "sha256": self.sha256,
            "size": self.size,
            "sequence": self.sequence,
            "published": None if self.published is None else format_time(self.published),
            "addresses": dict(self.addresses),
            "description": self.description,
        }
        return json.dumps(value, ensure_ascii=False, indent=1).encode(errors="surrogatepass")

    @classmethod
    def from_json(cls, data: bytes, key: ArchiveKey, where: str) -> Self:
        """Read a file that somebody wrote: nothing in it is believed before it is checked.

        Raises
        ------
        ArchiveError
            It is no record of this object.
        """
        try:
            value = json.loads(data) if len(data) <= MAX_RECORD else None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or value.get("record") != _FORMAT:
            raise _broken(where, "it is no record")
        texts = {name: value.get(name) for name in _TEXTS}
        numbers = {name: value.get(name) for name in ("size", "sequence")}
        if not all(isinstance(one, str) for one in texts.values()) or not all(
            type(one) is int and one >= 0 for one in numbers.values()
        ):
            raise _broken(where, "it is no record")
        found = ArchiveKey(*(str(texts.pop(name)) for name in ArchiveKey._fields))
        if found != key:
            raise _broken(where, f"it is of {found}, not of {key}")
        check_digest(str(texts["sha256"]), where)
        addresses, published = value.get("addresses"), value.get("published")
        return cls(
            key=key,
            version=str(texts["version"]),
            sha256=str(texts["sha256"]),
            description=str(texts["description"]),
            size=int(numbers["size"] or 0),
            sequence=int(numbers["sequence"] or 0),
            published=parse_time(published) if isinstance(published, str) else None,
            addresses=addresses if isinstance(addresses, dict) else {},
        )


class Archive(Protocol):
    """A place for published bytes and their records; safe for several publishers at once.

    Examples
    --------
    >>> import tempfile
    >>> from syncnb.archive import open_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     archive = open_archive(folder)
    ...     archive.records(ArchiveKey("acme", "model", "a"))
    []
    """

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def keep(self, path: Path, digest: str, *, ours: bool = False) -> None:
        """Keep the bytes of a file.

        Parameters
        ----------
        path : Path
            The file; its bytes are compared with the digest as they are copied.
        digest : str
            SHA-256, in hexadecimal.
        ours : bool, default False
            Whether nobody changes the file any more, so that it need not be copied.

        Raises
        ------
        DigestMismatchError
            The file has other bytes.
        ArchiveError
            The archive cannot be written.
        """

    def claim(self, record: Record) -> bool:
        """Write the record of a version that has none; of several publishers, one can.

        Returns
        -------
        bool
            False if there is one already.
        """

    def update(self, record: Record) -> None:
        """Write the record of a version anew."""

    def release(self, record: Record) -> None:
        """Remove the record of a version that was not published after all."""

    def records(self, key: ArchiveKey) -> list[Record]:
        """The records of an object, by their sequence."""

    def fetch(self, digest: str, path: Path) -> None:
        """Copy bytes out, compared with their digest.

        Raises
        ------
        ArchiveError
            They are not there, or damaged.
        """

    def prune(self, keep: int) -> int:
        """Forget all but the latest `keep` versions of each object, and bytes of no version.

        Parameters
        ----------
        keep : int
            At least 1; the latest by when they were published, a rollback counting as one.

        Returns
        -------
        int
            How many versions were forgotten.

        Raises
        ------
        InvalidMetaDataError
            `keep` is less than 1.
        ArchiveError
            The archive cannot be read or written.
        """


def check_digest(digest: str, where: str) -> None:
    """Refuse what is no digest, since it becomes a name.

    Raises
    ------
    ArchiveError
        It is none.
    """
    if _DIGEST.fullmatch(digest) is None:
        raise _broken(where, f"its digest is {digest!r:.80}")


def place_of(digest: str) -> str:
    """Where bytes lie, below the root of an archive."""
    check_digest(digest, "the archive")
    return f"blobs/{digest[:2]}/{digest}"


def surplus(records: Sequence[Record], keep: int) -> list[Record]:
    """What `Archive.prune` forgets of one object."""
    return sorted(records, key=lambda one: one.sequence)[:-keep]


def _part(name: str) -> str:
    """A text as one name of a file, also where letters of both cases are one."""
    if not name:
        return "="
    quoted = "".join(
        chr(byte) if chr(byte) in "abcdefghijklmnopqrstuvwxyz0123456789_-." else f"={byte:02x}"
        for byte in name.encode(errors="surrogatepass")
    )
    quoted = re.sub(r"^\.", "=2e", quoted)
    if len(quoted) > _LONGEST:
        return f"{quoted[:_LONGEST]}=={sha256(name.encode(errors='surrogatepass')).hexdigest()}"
    return quoted


def _broken(where: str, problem: str) -> ArchiveError:
    return ArchiveError(where, problem, "remove it, or name another archive")
