"""A pandas DataFrame as an Arrow table that becomes the same frame again, dtype for dtype.

The table is what pandas itself writes, so any program reads it. What pandas alone would not
restore (strings that are objects, categories of numbers, seconds, ...) is noted in the metadata of
its schema, as JSON under the key ``syncnb``.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncnb.codecs.columns import (
    Inexact,
    decode,
    frame_of_index,
    frequency,
    levels_of,
    note,
    read_ipc,
    with_frequency,
    write_ipc,
)
from syncnb.codecs.tables import refused

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NOTE = b"syncnb"
_ATTRS = b"PANDAS_ATTRS"  # where pandas keeps DataFrame.attrs


def pack(frame: pd.DataFrame) -> pa.Table:
    """The table.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any index, any column labels that are different from each other.

    Returns
    -------
    pyarrow.Table
        The columns, then the levels of the index.

    Raises
    ------
    ModelError
        Something of it cannot be carried exactly; the column is named.

    Notes
    -----
    Not kept: classes derived from DataFrame, levels of a MultiIndex that no row uses, and the
    frequency of an index if it has no name of its own (such as business days with holidays).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": ["x"]}, dtype=object)
    >>> unpack(pack(frame)).dtypes["a"]
    dtype('O')
    """
    import pyarrow as pa

    try:
        return packed(frame)
    except (pa.ArrowException, Inexact, TypeError, ValueError, OverflowError) as error:
        raise refused(
            frame,
            f"Parquet and Arrow cannot hold it exactly ({_said(error)})",
            "give every column a name of its own and values of one type, such as with "
            "DataFrame.astype, or drop it",
        ) from error


def packed(frame: pd.DataFrame) -> pa.Table:
    """As `pack`, with the errors of the libraries and `Inexact`; for parts of a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> packed(pd.DataFrame({"a": [1]})).num_rows
    1
    """
    import pandas as pd
    import pyarrow as pa

    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise Inexact(f"the column {twice!r} is there twice")
    index, plain = frame.index, pd.DataFrame(frame, copy=False)
    plain.attrs = {}
    notes: dict[str, Any] = {"names": _names(index)}
    if not _usual(frame.columns):
        notes["labels"] = write_ipc(packed(frame_of_index(frame.columns)))
        notes["label_names"] = _names(frame.columns)
        notes["label_freq"] = frequency(frame.columns)
        plain.columns = pd.Index(_texts(frame.columns), dtype="str")
    levels: list[pd.Index] = []
    if isinstance(index, pd.RangeIndex):
        notes["range"] = [index.start, index.stop, index.step]
    else:
        levels = levels_of(index)
        notes["freq"] = frequency(index)
    columns = [plain.iloc[:, i] for i in range(plain.shape[1])]
    parts: list[Any] = [*columns, *levels]
    described = [note(values) for values in parts]
    for i, values in enumerate(columns):
        if (simple := described[i].plain(values)) is not values:
            plain.isetitem(i, simple)
    if levels:
        arrays = [
            one.plain(each) for one, each in zip(described[len(columns) :], levels, strict=True)
        ]
        names = [None if name is None else str(name) for name in index.names]
        plain.index = (
            pd.MultiIndex.from_arrays(arrays, names=names)
            if len(arrays) > 1
            else arrays[0].rename(names[0])
        )
    table = pa.Table.from_pandas(plain, preserve_index=bool(levels) or None)
    for i, (one, values) in enumerate(zip(described, parts, strict=True)):
        one.check(values, table.column(i), table.column_names[i])
    notes["columns"] = [one.spec for one in described]
    extra = {NOTE: json.dumps({"pandas": 1, **notes}, separators=(",", ":")).encode()}
    if frame.attrs:
        extra[_ATTRS] = _attrs(frame)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **extra})


def unpack(table: pa.Table) -> pd.DataFrame:
    """The frame of a table; one that `pack` did not make becomes what pandas makes of it.

    Parameters
    ----------
    table : pyarrow.Table
        Of anyone.

    Returns
    -------
    pandas.DataFrame
        The same as was packed.

    Raises
    ------
    ValueError, TypeError, LookupError, pyarrow.ArrowException
        The notes in it are not of its columns.

    Examples
    --------
    >>> import pandas as pd
    >>> unpack(pack(pd.DataFrame({1: [2]}, index=["x"])))
       1
    x  2
    """
    importlib.import_module("pandas.core.arrays.arrow.extension_types")  # periods, intervals
    metadata = table.schema.metadata or {}
    if NOTE not in metadata:
        frame: pd.DataFrame = table.to_pandas()
    else:
        frame = _restore(table, json.loads(metadata[NOTE]))
    if _ATTRS in metadata:
        frame.attrs = dict(json.loads(metadata[_ATTRS]))
    return frame


def _restore(table: pa.Table, notes: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    specs = notes["columns"]
    if len(specs) != table.num_columns:
        raise ValueError(f"{len(specs)} columns are noted, {table.num_columns} are there")
    levels = [] if "range" in notes else notes["names"]
    width = table.num_columns - len(levels)
    plain = [i for i in range(width) if _block(specs[i], table.field(i).type)]
    frame: pd.DataFrame = table.select(plain).to_pandas(ignore_metadata=True)
    for place, i in enumerate(plain):
        if str(frame.dtypes.iloc[place]) != specs[i]:
            frame.isetitem(place, decode(table.column(i), specs[i]))
    if len(plain) < width:
        done = {i: frame.iloc[:, place] for place, i in enumerate(plain)}
        parts = {
            i: done[i] if i in done else _series(decode(table.column(i), specs[i]))
            for i in range(width)
        }
        frame = pd.DataFrame(parts, copy=False)
    if "labels" in notes:
        labels = unpack(read_ipc(notes["labels"]))
        frame.columns = _index(
            [labels.iloc[:, i] for i in range(labels.shape[1])],
            notes["label_names"],
            notes["label_freq"],
        )
    else:
        frame.columns = pd.Index(table.column_names[:width], dtype="str")
    if "range" in notes:
        frame.index = pd.RangeIndex(range(*notes["range"]), name=notes["names"][0])
    else:
        values = [decode(table.column(i), specs[i]) for i in range(width, table.num_columns)]
        frame.index = _index(values, levels, notes["freq"])
    return frame


def _index(arrays: Sequence[Any], names: Sequence[Any], freq: Any) -> pd.Index:
    import pandas as pd

    levels = [pd.Index(array, dtype=array.dtype).rename(None) for array in arrays]
    index = (
        pd.MultiIndex.from_arrays(levels, names=list(names))
        if len(names) > 1
        else levels[0].rename(names[0])
    )
    return with_frequency(index, freq)


def _series(values: Any) -> pd.Series:
    import pandas as pd

    series: pd.Series = pd.Series(values, dtype=values.dtype, copy=False)  # or objects become str
    return series


def _block(spec: Any, kind: pa.DataType) -> bool:
    """Whether pandas puts it into a block of numbers, which is the fast way."""
    from pyarrow import types

    return (
        isinstance(spec, str)
        and (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
        and spec
        == {"double": "float64", "float": "float32", "halffloat": "float16"}.get(
            str(kind), str(kind)
        )
    )


def _usual(columns: pd.Index) -> bool:
    return (
        columns.nlevels == 1
        and str(columns.dtype) == "str"
        and columns.name is None
        and not columns.hasnans
    )


def _texts(columns: pd.Index) -> list[str]:
    """Names for the columns in the file; readable, and each there once."""
    texts = [str(label) for label in columns]
    seen = set(texts)
    return texts if len(seen) == len(texts) else [f"{text} #{i}" for i, text in enumerate(texts)]


def _names(index: pd.Index) -> list[Any]:
    names = list(index.names)
    for name in names:
        if name is not None and type(name) not in (str, int, float, bool):
            raise Inexact(f"an index has the name {name!r}, which is a {type(name).__name__}")
    return names


def _attrs(frame: pd.DataFrame) -> bytes:
    from syncnb.codecs.values import check_value

    check_value(dict(frame.attrs), "DataFrame.attrs", f"a DataFrame with {len(frame.attrs)} attrs")
    return json.dumps(frame.attrs).encode()


def _said(error: Exception) -> str:
    parts = [str(part) for part in error.args] or [str(error)]
    return "; ".join(part.splitlines()[0] for part in parts if part)
