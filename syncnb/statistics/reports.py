"""What a report is: an object of a node whose manifest says that it holds rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from syncnb.errors import InvalidManifestError
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData, parse_time

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST = 2**63 - 1  # of an int64


@dataclass(frozen=True)
class Form:
    """What the manifest of an object says of the rows in it.

    Parameters
    ----------
    kind : {"jsonl", "parquet"}
        How they are written.
    manifest : Manifest or None
        None if there is none: another program may have written JSON lines.
    reported_at : datetime or None
        When the rows were reported, where the rows do not say it (JSON lines).
    stream : str or None
        Of which spool they come.
    first, last : int or None
        Sequence numbers of the first and the last row.
    dropped : int
        Rows of the stream that were dropped on the node so far.
    aggregates : bool
        Whether the rows are counts and distributions.
    """

    kind: Literal["jsonl", "parquet"]
    manifest: Manifest | None
    reported_at: datetime | None = None
    stream: str | None = None
    first: int | None = None
    last: int | None = None
    dropped: int = 0
    aggregates: bool = False

    @classmethod
    def of(cls, meta: ObjectMetaData) -> Self | None:
        """Read it out of the metadata of an object.

        Parameters
        ----------
        meta : ObjectMetaData
            As the service gave them.

        Returns
        -------
        Form or None
            None if the object is no report of syncnb, but something else that was published.

        Raises
        ------
        InvalidManifestError
            It says that it is a report, and then something that cannot be.

        Examples
        --------
        >>> Form.of(ObjectMetaData(object_type="stats", object_id="a")).kind
        'jsonl'
        """
        manifest = Manifest.from_description(meta.description)
        if manifest is None:
            return cls("jsonl", None)
        extra = manifest.extra
        if manifest.format == "jsonl" and manifest.codec == "jsonl/1":
            if "stream" not in extra:
                manifest.check_size(meta)
                said = extra.get("reported_at")
                moment = parse_time(said, exact=True) if isinstance(said, str) else None
                return cls("jsonl", manifest, moment)
        elif manifest.format != "parquet" or "stream" not in extra:
            return None
        manifest.check_size(meta)
        kind: Literal["jsonl", "parquet"] = "jsonl" if manifest.format == "jsonl" else "parquet"
        stream = extra["stream"]
        if not isinstance(stream, str) or not 0 < len(stream) <= 128:
            raise _odd("stream", stream)
        numbers = [_number(extra, name) for name in ("first", "last", "dropped")]
        first, last, dropped = numbers
        if not 1 <= first <= last:
            raise _odd("first", first)
        aggregates = extra.get("aggregates") is True
        return cls(kind, manifest, None, stream, first, last, dropped, aggregates)


@dataclass(frozen=True)
class Report:
    """The rows of one object.

    Parameters
    ----------
    meta : ObjectMetaData
        Of the object; node and node type are its origin.
    table : pyarrow.Table
        What was reported, and behind it all of `syncnb.statistics.columns.COLUMNS`, in their order
        and with their types.
    stream : str or None
        Of which spool the rows come; None for those of `report`.
    first, last : int or None
        Sequence numbers that the object stands for; rows in between may have been dropped.
    dropped : int
        Rows of the stream that were dropped on the node so far.
    whole : bool
        Whether these are all rows of the object; otherwise older ones were not asked for, and it is
        not to be acknowledged.
    """

    meta: ObjectMetaData
    table: pa.Table
    stream: str | None = None
    first: int | None = None
    last: int | None = None
    dropped: int = 0
    whole: bool = True


@dataclass(frozen=True)
class Unreadable:
    """An object whose rows cannot be read.

    Parameters
    ----------
    meta : ObjectMetaData
        Of the object.
    reason : str
        Why, in a sentence for people.
    path : Path or None
        A copy of its data, until the iterator that yielded this goes on; None if there is none.
    ours : bool
        Whether it says that it is a report: then it is set aside and acknowledged. Anything else
        is left where it is, for the program that it is meant for.
    """

    meta: ObjectMetaData
    reason: str
    path: Path | None = None
    ours: bool = True


def _number(extra: Any, name: str) -> int:
    value = extra.get(name, 0 if name == "dropped" else None)
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise _odd(name, value)
    return value


def _odd(name: str, value: object) -> InvalidManifestError:
    return InvalidManifestError(
        "the manifest of the object", f"its {name} is {value!r:.60}", "look at what reported it"
    )
