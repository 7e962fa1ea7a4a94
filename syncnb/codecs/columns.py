"""One column of pandas in Arrow: what is noted of its dtype, and getting that back."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_CHUNK = 1 << 16  # values compared at a time
# Of these, equal ones are the same; a Decimal may get zeros at its end.
_SCALARS = {str, bytes, bool, int, Decimal, date, time, datetime, timedelta, type(None)}
_NULLS = ("None", "nan", "<NA>", "NaT")


class Inexact(Exception):  # becomes a ModelError that names the frame
    """A column cannot be carried exactly."""


@dataclass(frozen=True)
class Note:
    """What has to be known about a column beside its Arrow type.

    Parameters
    ----------
    spec : str or dict
        JSON: the name of a dtype, or what makes one.

    Examples
    --------
    >>> import pandas as pd
    >>> note(pd.Series([1, 2])).spec
    'int64'
    """

    spec: Any

    def plain(self, values: Any) -> Any:
        """The values in a form that Arrow takes: categories of anything but texts and numbers."""
        import pandas as pd

        if isinstance(self.spec, dict) and "categories" in self.spec:
            kind = values.dtype.categories.dtype
            simple = isinstance(kind, pd.StringDtype | pd.DatetimeTZDtype)
            if pd.api.types.is_extension_array_dtype(kind) and not simple:
                return values.astype(kind)
        return values

    def check(self, values: Any, column: pa.ChunkedArray, name: str) -> None:
        """Compare objects with what will be read, type for type; other dtypes are exact.

        Raises
        ------
        Inexact
            They differ.
        """
        if not (isinstance(self.spec, dict) and "object" in self.spec):
            return
        for start in range(0, len(values), _CHUNK):
            mine = list(values[start : start + _CHUNK])
            theirs = list(decode(column.slice(start, _CHUNK), self.spec))
            kinds = list(map(type, mine))
            if set(kinds) <= _SCALARS and kinds == list(map(type, theirs)) and mine == theirs:
                continue
            for i, (one, other) in enumerate(zip(mine, theirs, strict=True)):
                if not _same(one, other):
                    raise Inexact(
                        f"the column {name!r} has {one!r:.60} in row {start + i}, which would come "
                        f"back as {other!r:.60}"
                    )


def _same(one: Any, other: Any) -> bool:
    """Whether they are equal and of one type, also inside; 1 == True, and nan != nan."""
    if type(one) is not type(other):
        return False
    return bool(one == other) if type(one) in _SCALARS else repr(one) == repr(other)


def note(values: pd.Series | pd.Index) -> Note:
    """What has to be known about a column.

    Raises
    ------
    Inexact
        Its dtype cannot be carried exactly.

    Examples
    --------
    >>> import pandas as pd
    >>> note(pd.Series(["a"], dtype="str")).spec
    {'string': 'pyarrow', 'na': 'nan'}
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        from syncnb.codecs.exact import packed

        categories = write_ipc(packed(frame_of_index(dtype.categories)))
        return Note(
            {
                "categories": categories,
                "ordered": bool(dtype.ordered),
                "freq": frequency(dtype.categories),
            }
        )
    if isinstance(dtype, pd.ArrowDtype):
        empty = pa.table({"": pa.array([], dtype.pyarrow_dtype)})
        return Note({"arrow": write_ipc(empty)})
    if isinstance(dtype, pd.StringDtype):
        return Note({"string": dtype.storage, "na": "NA" if dtype.na_value is pd.NA else "nan"})
    if dtype == np.dtype(object):
        return Note({"object": _null_of(values)})
    try:
        again = pd.api.types.pandas_dtype(str(dtype))
    except (TypeError, ValueError):
        again = None
    if again != dtype or isinstance(dtype, pd.SparseDtype):
        hint = ": use .sparse.to_dense()" if isinstance(dtype, pd.SparseDtype) else ""
        raise Inexact(f"the column {values.name!r} has the dtype {dtype}{hint}")
    return Note(str(dtype))


def decode(column: pa.ChunkedArray, spec: Any) -> Any:
    """The values of a column as an array of pandas or numpy.

    Raises
    ------
    ValueError, TypeError, LookupError, pyarrow.ArrowException
        They are not of what `spec` says.

    Examples
    --------
    >>> import pyarrow as pa
    >>> decode(pa.chunked_array([[1, None]]), "Int64").dtype
    Int64Dtype()
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if isinstance(spec, str):
        dtype = pd.api.types.pandas_dtype(spec)
        if isinstance(dtype, pd.DatetimeTZDtype):
            column = column.cast(pa.timestamp(dtype.unit, str(dtype.tz)))
        elif isinstance(dtype, np.dtype) and dtype.kind in "Mm":
            make = pa.timestamp if dtype.kind == "M" else pa.duration
            column = column.cast(make(np.datetime_data(dtype.str)[0]))
        if isinstance(dtype, np.dtype):
            if dtype.kind not in "iufbMm":
                raise ValueError(f"{spec!r} is no dtype of a column")
            return column.to_pandas().to_numpy().astype(dtype, copy=False)
        return dtype.__from_arrow__(column)  # type: ignore[attr-defined]
    if "arrow" in spec:
        kind = read_ipc(spec["arrow"]).schema.field(0).type
        column = column if column.type == kind else column.cast(kind)
        return pd.arrays.ArrowExtensionArray(column)
    if "string" in spec:
        na = np.nan if spec["na"] == "nan" else pd.NA
        return pd.StringDtype(spec["string"], na_value=na).__from_arrow__(column)  # type: ignore[attr-defined]
    if "object" in spec:
        return _objects(column, spec["object"])
    return _categorical(column, spec)


def _categorical(column: pa.ChunkedArray, spec: Any) -> pd.Categorical:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from syncnb.codecs.exact import NOTE, unpack

    table = read_ipc(spec["categories"])
    values = unpack(table).iloc[:, 0]
    categories = pd.Index(values, dtype=values.dtype).rename(None)
    categories = with_frequency(categories, spec["freq"])
    of_values = _spec_of(table.schema.metadata[NOTE])
    hashed = categories.astype(object) if isinstance(categories, pd.IntervalIndex) else categories

    def codes_of(values: pa.ChunkedArray) -> Any:
        found = hashed.get_indexer(pd.Index(decode(values, of_values)).astype(hashed.dtype))
        if (found < 0).any():
            raise ValueError("a value is none of the categories")
        return found

    codes = np.full(len(column), -1, dtype=np.int64)
    start = 0
    for chunk in column.chunks:
        place = slice(start, start := start + len(chunk))
        valid = chunk.is_valid().to_numpy(zero_copy_only=False)
        if pa.types.is_dictionary(chunk.type):
            known = codes_of(pa.chunked_array([chunk.dictionary]))
            codes[place][valid] = known[chunk.indices.drop_null().to_numpy()]
        else:
            codes[place][valid] = codes_of(pa.chunked_array([chunk.drop_null()]))
    kind = pd.CategoricalDtype(categories, ordered=spec["ordered"])
    return pd.Categorical.from_codes(codes, dtype=kind)


def _spec_of(noted: bytes) -> Any:
    import json

    return json.loads(noted)["columns"][0]


def _null_of(values: Any) -> str:
    """The one kind of missing value in a column of objects."""
    missing = values[values.isna()]
    kinds = {repr(one) for one in missing if type(one).__name__ != "Decimal"}
    if len(kinds) > 1:
        raise Inexact(f"the column {values.name!r} mixes the missing values {sorted(kinds)}")
    kind = next(iter(kinds), "None")
    if kind not in _NULLS:
        raise Inexact(f"the column {values.name!r} has the missing value {kind}")
    return kind


def _objects(column: pa.ChunkedArray, null: str) -> Any:
    import numpy as np
    import pandas as pd

    missing = dict(zip(_NULLS, (None, float("nan"), pd.NA, pd.NaT), strict=True))[null]
    out = np.empty(len(column), dtype=object)
    start = 0
    for batch in (column.slice(i, _CHUNK) for i in range(0, len(column), _CHUNK)):
        values = batch.to_pylist()
        for i, value in enumerate(values):
            out[start + i] = missing if value is None else value
        start += len(values)
    return out


def frequency(index: pd.Index) -> Any:
    """The name of the frequency of an index, or of each level; None if that says not all of it.

    Examples
    --------
    >>> import pandas as pd
    >>> frequency(pd.date_range("2030-01-01", periods=3))
    'D'
    """
    from pandas import MultiIndex
    from pandas.tseries.frequencies import to_offset

    if isinstance(index, MultiIndex):
        return [frequency(level) for level in index.levels]
    freq = getattr(index, "freq", None)
    if freq is None or index.dtype.kind not in "Mm":  # the frequency of periods is their dtype
        return None
    try:
        return str(freq.freqstr) if to_offset(freq.freqstr) == freq else None
    except ValueError:
        return None


def with_frequency(index: pd.Index, freq: Any) -> pd.Index:
    """The index with the frequency that `frequency` noted, where its values have it.

    Examples
    --------
    >>> import pandas as pd
    >>> with_frequency(pd.DatetimeIndex(["2030-01-01", "2030-01-02"]), "D").freq
    <Day>
    """
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        levels: list[Any] = [
            with_frequency(level, each) for level, each in zip(index.levels, freq, strict=True)
        ]
        return index.set_levels(levels) if any(freq) else index
    if freq is None:
        return index
    try:
        kind = pd.DatetimeIndex if index.dtype.kind == "M" else pd.TimedeltaIndex
        return kind(index, freq=freq)
    except ValueError:
        return index


def frame_of_index(index: pd.Index) -> pd.DataFrame:
    """An index as a frame, a column a level, with rows and columns that are only numbered.

    Examples
    --------
    >>> import pandas as pd
    >>> frame_of_index(pd.Index(["a"], name="x")).columns.tolist()
    ['0']
    """
    import pandas as pd

    return pd.DataFrame(
        {
            str(i): pd.Series(level.array, dtype=level.dtype)
            for i, level in enumerate(levels_of(index))
        }
    )


def levels_of(index: pd.Index) -> list[pd.Index]:
    """The levels of an index, each with a value a row.

    Examples
    --------
    >>> import pandas as pd
    >>> levels_of(pd.MultiIndex.from_arrays([["a"], [2]], names=["x", 0]))[0].tolist()
    ['a']
    """
    nameless = index.set_names([None] * index.nlevels)  # pandas takes a number for a name first
    return [nameless.get_level_values(i).rename(name) for i, name in enumerate(index.names)]


def write_ipc(table: pa.Table) -> str:
    """A small table as text.

    Examples
    --------
    >>> import pyarrow as pa
    >>> read_ipc(write_ipc(pa.table({"a": [1]}))).num_rows
    1
    """
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue()).decode()


def read_ipc(text: str) -> pa.Table:
    """What `write_ipc` wrote; checked, since it comes from anywhere.

    Examples
    --------
    >>> import pyarrow as pa
    >>> read_ipc(write_ipc(pa.table({"a": [1]}))).column_names
    ['a']
    """
    import pyarrow as pa

    table = pa.ipc.open_stream(base64.b64decode(text)).read_all()
    table.validate(full=True)
    return table
