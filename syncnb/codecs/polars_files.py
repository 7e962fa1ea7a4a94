"""Files that polars writes and reads by itself, since only it knows all of its types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from syncnb.codecs.tables import refused

if TYPE_CHECKING:
    import polars as pl

_Form = Literal["parquet", "arrow"]


def write_polars(frame: pl.DataFrame, path: Path, form: _Form) -> None:
    """Write a frame.

    Raises
    ------
    ModelError
        polars cannot write it so that it comes back with the same schema.

    Examples
    --------
    >>> import tempfile
    >>> import polars as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.parquet"
    ...     write_polars(pl.DataFrame({"a": [1]}), path, "parquet")
    ...     read_polars(path, "parquet")["a"].to_list()
    [1]
    """
    import polars as pl

    try:
        if form == "parquet":
            frame.write_parquet(path)
            schema = pl.Schema(pl.read_parquet_schema(path))
        else:
            frame.write_ipc(path, compression="uncompressed")
            schema = pl.scan_ipc(path, glob=False).head(1).collect().schema
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise refused(
            frame, f"{form} cannot hold it ({error})", "cast the column to another type, or drop it"
        ) from error
    if form == "parquet" and any(_is_128(dtype) for dtype in schema.values()):
        odd = [name for name, dtype in schema.items() if not _width(dtype)]
        if odd:
            raise refused(
                frame,
                f"integers of 128 bits travel only beside numbers and times, not beside {odd[0]!r}",
                "cast them to Decimal, or split the frame",
            )
    for name, dtype in frame.schema.items():
        if schema[name] != dtype:
            raise refused(
                frame,
                f"the column {name!r} of type {dtype} would come back as {schema[name]}",
                "cast it to that",
            )


def read_polars(path: Path, form: _Form) -> pl.DataFrame:
    """Read a frame.

    Raises
    ------
    ValueError
        polars refuses the file.

    Examples
    --------
    >>> read_polars(Path(__file__), "parquet")
    Traceback (most recent call last):
    ValueError: parquet: File out of specification: ...
    """
    import polars as pl

    try:
        if form == "parquet":
            return pl.read_parquet(path, glob=False, hive_partitioning=False)
        return pl.scan_ipc(path, glob=False).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(str(error)) from error


def polars_size(path: Path) -> int:
    """Bytes that a Parquet file claims to unpack to, which only polars can open.

    pyarrow opens none with integers of 128 bits. Polars does not show how large the texts and lists
    in a file are before it reads them, so beside those integers there must be none.

    Raises
    ------
    ValueError
        There are some, or polars cannot open it either.

    Examples
    --------
    >>> import tempfile
    >>> import polars as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.parquet"
    ...     write_polars(pl.DataFrame({"a": [1, 2]}, schema={"a": pl.Int128}), path, "parquet")
    ...     polars_size(path)
    32
    """
    import polars as pl

    try:
        schema = pl.read_parquet_schema(path)
        rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(str(error)) from error
    widths = [_width(dtype) for dtype in schema.values()]
    if not all(widths):
        raise ValueError("it has integers of 128 bits beside texts or nested values")
    return int(rows) * sum(widths)


def _is_128(dtype: pl.DataType) -> bool:
    import polars as pl

    if isinstance(dtype, pl.List | pl.Array):
        return _is_128(dtype.inner)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return any(_is_128(field.dtype) for field in dtype.fields)  # type: ignore[arg-type]
    return dtype in (pl.Int128, pl.UInt128)


def _width(dtype: pl.DataType) -> int:
    """Bytes of a value; 0 if that differs from value to value."""
    return 16 if dtype.is_numeric() or dtype.is_temporal() or str(dtype) == "Boolean" else 0
