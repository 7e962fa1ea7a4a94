"""Many small files of a day as few large ones, with all columns that the table has by now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from syncnb.statistics.table.days import Bucket
from syncnb.statistics.table.entries import Entry, Removed, new_writer
from syncnb.statistics.table.log import Log
from syncnb.statistics.table.names import day_of, has_odd_clock, staged
from syncnb.statistics.table.place import Found, Place
from syncnb.statistics.table.reading import live_files
from syncnb.statistics.table.schemas import fitted
from syncnb.statistics.table.staging import ROW_GROUP, show_schema, stage_one
from syncnb.statistics.table.state import State
from syncnb.statistics.table.updating import Clock, Updater

if TYPE_CHECKING:
    import pyarrow as pa

TARGET = 256 << 20  # bytes of a file
_BYTES = 128 << 20  # of a row group in memory


def compact(place: Place, log: Log, updater: Updater, clock: Clock, target: int) -> int:
    """Compact every day that has several small files, or files that lack columns.

    Returns
    -------
    int
        How many files were replaced.
    """
    updater.finish()
    updater.clean()
    show_schema(place, log.state().schema)
    groups: dict[Bucket, list[Found]] = {}
    pending = log.state().pending.values()
    coming = {file.name for entry in pending for file in entry.adds}
    for one in live_files(place, log):
        if one.name in coming or (place.settles and one.modified > clock() - place.settles):
            continue  # an updater that was held up may still be about to put it there
        groups.setdefault(Bucket(day_of(one.name), has_odd_clock(one.name)), []).append(one)
    replaced = 0
    for bucket, files in groups.items():
        for some in _chosen(place, log.state().schema, files, target):
            replaced += len(some) * _replace(place, log, updater, clock, bucket, some)
    log.keep_checkpoint()
    return replaced


def _chosen(
    place: Place, schema: pa.Schema, files: Sequence[Found], target: int
) -> Iterator[list[Found]]:
    """Files that become one."""
    import pyarrow.parquet as pq

    system, root = place.arrow()
    some: list[Found] = []
    size, old = 0, False

    def worth() -> bool:
        return len(some) > 1 or old

    for one in files:
        lacks = not pq.read_schema(f"{root}/{one.name}", filesystem=system).equals(schema)
        if one.size >= target // 2 and not lacks:
            continue
        if some and size + one.size > target:
            if worth():
                yield some
            some, size, old = [], 0, False
        some.append(one)
        size, old = size + one.size, old or lacks
    if worth():
        yield some


def _replace(
    place: Place, log: Log, updater: Updater, clock: Clock, bucket: Bucket, files: Sequence[Found]
) -> bool:
    state = log.state()
    schema, number = state.schema, state.number + 1
    counts: dict[str, int] = {}
    file = stage_one(place, _tables(place, schema, files, counts), schema, bucket, number)
    removes = tuple(Removed(name=one.name, rows=counts[one.name], size=one.size) for one in files)
    at = clock().isoformat(timespec="seconds")
    entry = Entry(kind="compact", at=at, adds=(file,), removes=removes, writer=new_writer())
    while _are_there(place, state := log.state(), files):
        if updater.compacted(entry, state.number + 1):
            return True
    place.remove(staged(file.staged))  # another compaction was faster
    return False


def _are_there(place: Place, state: State, files: Sequence[Found]) -> bool:
    going = {one.name for entry in state.pending.values() for one in entry.removes}
    names = {one.name for one in place.names(f"day={day_of(files[0].name)}")} - going
    return all(one.name in names for one in files)


def _tables(
    place: Place, schema: pa.Schema, files: Sequence[Found], counts: dict[str, int]
) -> Iterator[pa.Table]:
    """The rows of files in their order, in pieces for row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    system, root = place.arrow()
    waiting: list[pa.Table] = []
    for one in files:
        counts[one.name] = 0
        with system.open_input_file(f"{root}/{one.name}") as source, pq.ParquetFile(source) as file:
            for batch in file.iter_batches():
                table = fitted(pa.Table.from_batches([batch]), schema)
                counts[one.name] += len(table)
                waiting.append(table)
                rows = sum(map(len, waiting))
                if rows >= ROW_GROUP or sum(t.nbytes for t in waiting) >= _BYTES:
                    yield pa.concat_tables(waiting)
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
