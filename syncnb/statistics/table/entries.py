"""Entries of the log of a table: small JSON, never changed, never removed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from syncnb.metadata import ObjectMetaData
from syncnb.statistics.table.names import check_data_file, staged, token

Kind = Literal["append", "done", "compact", "clean"]
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Taken:
    """An object whose rows an entry brings, or sets aside.

    Parameters
    ----------
    key : str
        As `names.key_of` has it.
    org_id, object_type, object_id : str
        The object, for its acknowledgement.
    instance_id, data_id : int
        Which instance.
    origin_type, origin_id : str
        The node.
    rows : int
        How many of its rows the entry brings.
    stream : str or None
        Of which spool.
    first, last : int or None
        The sequence numbers that are in from now on.
    dropped : int
        Rows of the stream that the node dropped so far.
    reason : str or None
        Why it was set aside, under its key.
    """

    key: str
    org_id: str
    object_type: str
    object_id: str
    instance_id: int
    data_id: int = 0
    origin_type: str = ""
    origin_id: str = ""
    rows: int = 0
    stream: str | None = None
    first: int | None = None
    last: int | None = None
    dropped: int = 0
    reason: str | None = None

    @property
    def meta(self) -> ObjectMetaData:
        """What an acknowledgement needs."""
        return ObjectMetaData(
            object_type=self.object_type, object_id=self.object_id, instance_id=self.instance_id,
            data_id=self.data_id, origin_type=self.origin_type, origin_id=self.origin_id,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that an entry puts into its place.

    Parameters
    ----------
    staged : str
        Its name until then.
    name : str
        Its place.
    rows, size : int
        Rows, and bytes.
    """

    staged: str
    name: str
    rows: int
    size: int

    def __post_init__(self) -> None:
        staged(self.staged)
        check_data_file(self.name)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A file that a compaction replaces, with its rows and bytes."""

    name: str
    rows: int
    size: int

    def __post_init__(self) -> None:
        check_data_file(self.name)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One step in the history of a table.

    Parameters
    ----------
    kind : {"append", "done", "compact", "clean"}
        Rows come; an earlier entry is carried out; files become fewer; staged files that nobody
        wants are removed.
    at : str
        When, by the clock of the updater, as RFC 3339.
    adds : tuple of File
        What is put into its place.
    removes : tuple of Removed
        What goes then.
    objects : tuple of Taken
        What is acknowledged then.
    schema : str or None
        Of the table, if it has grown.
    wide : tuple of str
        Columns in which integers were seen that a float cannot hold.
    of : int
        Number of the entry that is carried out.
    clean : tuple of str
        Staged files that go.
    writer : str
        Different for each entry, so that a writer knows its own.
    """

    kind: Kind
    at: str
    adds: tuple[File, ...] = ()
    removes: tuple[Removed, ...] = ()
    objects: tuple[Taken, ...] = ()
    schema: str | None = None
    wide: tuple[str, ...] = ()
    of: int = 0
    clean: tuple[str, ...] = ()
    writer: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the log; what says nothing is left out."""
        lists = {
            "adds": [vars(one) for one in self.adds],
            "removes": [vars(one) for one in self.removes],
            "objects": [
                {name: value for name, value in vars(one).items() if value not in (None, "", 0)}
                for one in self.objects
            ],
            "wide": list(self.wide),
            "clean": list(self.clean),
            "schema": self.schema,
            "of": self.of,
        }
        said = {name: value for name, value in lists.items() if value}
        return {"format": _FORMAT, "kind": self.kind, "at": self.at, "writer": self.writer} | said

    def to_bytes(self) -> bytes:
        """The file of the log."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` made.

        Raises
        ------
        ValueError, KeyError, TypeError
            It is none, or names a place outside of the table.
        """
        if value["format"] != _FORMAT:
            raise ValueError("a later syncnb wrote it; update this one")
        if value["kind"] not in get_args(Kind):
            raise ValueError(f"it is of an unknown kind {value['kind']!r:.40}")
        clean = tuple(value.get("clean", ()))
        for name in clean:
            staged(name)
        return cls(
            kind=value["kind"],
            at=str(value["at"]),
            adds=tuple(File(**one) for one in value.get("adds", ())),
            removes=tuple(Removed(**one) for one in value.get("removes", ())),
            objects=tuple(Taken(**_complete(one)) for one in value.get("objects", ())),
            schema=value.get("schema"),
            wide=tuple(value.get("wide", ())),
            of=int(value.get("of", 0)),
            clean=clean,
            writer=str(value.get("writer", "")),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` made."""
        return cls.from_json(json.loads(data))


def new_writer() -> str:
    """For `Entry.writer`."""
    return token()


def _complete(one: Mapping[str, Any]) -> dict[str, Any]:
    needed = {"org_id": "", "object_type": "", "object_id": "", "instance_id": 0}
    return {**needed, **one}
