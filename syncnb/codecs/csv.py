"""Tables as CSV, on request: for people and for programs that read nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from syncnb.codecs.guards import reading, within
from syncnb.codecs.registry import Loading
from syncnb.codecs.tables import (
    check_table,
    flat_arrow,
    from_arrow,
    library_for,
    library_of,
    refused,
)

_HEAD = 1 << 20  # bytes that the names of the columns may take
_COLUMNS = 100_000
_TOGETHER = 1 << 20  # bytes of a table that become text together


class Csv:
    """Table <-> CSV with a line of names, in UTF-8.

    Names, numbers, texts, booleans, dates and times survive, and missing values beside empty texts.
    Types do not: they are guessed from the text when it is read, so categories become texts, small
    integers int64, and so on. Nested and binary values cannot be written.
    """

    name, version, suffix = "csv", 1, ".csv"
    libraries: Sequence[str] = ("pandas", "pyarrow", "polars")
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a DataFrame or a Table."""
        return bool(library_of(obj))

    def check(self, obj: Any) -> None:
        """Refuse a table without rows or columns."""
        check_table(obj)

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        import pyarrow as pa
        from pyarrow import types

        table = flat_arrow(obj, "CSV")
        for field in table.schema:
            kind = field.type
            if types.is_nested(kind) or types.is_duration(kind) or "binary" in str(kind):
                raise refused(
                    obj,
                    f"CSV has no {kind} (column {field.name!r})",
                    "publish it as Parquet",
                )
        try:
            with path.open("wb") as file:
                file.writelines(_texts(table))
        except pa.ArrowException as error:
            raise refused(obj, f"CSV cannot hold it ({error})", "publish it as Parquet") from error

    def load(self, path: Path, how: Loading) -> Any:
        """Read it."""
        library = library_for(how)
        with reading(how, "a CSV file"):
            import pyarrow.csv as pc
            from pyarrow import types

            within(how, path.stat().st_size, "its table")
            single = _check_head(path) == 1
            table = pc.read_csv(
                path,
                # In a single column an empty line is a missing value.
                parse_options=pc.ParseOptions(
                    newlines_in_values=True, ignore_empty_lines=not single
                ),
                convert_options=pc.ConvertOptions(
                    null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
                ),
            )
            for field in table.schema:
                if types.is_binary(field.type):
                    raise ValueError(f"the column {field.name!r:.40} is not UTF-8")
            if library == "polars":
                import polars as pl

                return pl.from_arrow(table)
            return from_arrow(table, library if library == "pyarrow" else "pandas")


def _texts(table: Any) -> Iterator[Any]:
    """The lines of a table, some rows at a time: Arrow makes them on one core only."""
    import pyarrow as pa
    import pyarrow.csv as pc

    rows = max(_TOGETHER * table.num_rows // max(table.nbytes, 1), 1)

    def text(start: int) -> Any:
        sink = pa.BufferOutputStream()
        pc.write_csv(
            table.slice(start, rows),
            sink,
            pc.WriteOptions(include_header=start == 0, batch_size=rows),
        )
        return sink.getvalue()

    cores = pa.cpu_count()
    with ThreadPoolExecutor(cores) as pool:
        made = deque[Future[Any]]()
        for start in range(0, max(table.num_rows, 1), rows):
            if len(made) > cores:  # no more than that are held in memory
                yield made.popleft().result()
            made.append(pool.submit(text, start))
        while made:
            yield made.popleft().result()


def _check_head(path: Path) -> int:
    """Refuse what has no line of names: a million empty columns are a line of one megabyte.

    Returns how many columns there are at most.
    """
    with path.open("rb") as file:
        line = file.readline(_HEAD)
    if not line.endswith(b"\n") and len(line) == _HEAD:
        raise ValueError(f"its first line has more than {_HEAD} bytes")
    if b"\0" in line or not line.strip():
        raise ValueError("its first line has no names of columns")
    if line.count(b",") >= _COLUMNS:
        raise ValueError(f"it has more than {_COLUMNS} columns")
    return line.count(b",") + 1
