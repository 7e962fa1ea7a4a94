"""A few rows of data as JSON and back, exactly, with no code and no library of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncnb.codecs.registry import is_instance

Json = Any
_DTYPE = re.compile(r"[<>=|]?(?:bool|u?int(?:8|16|32|64)|float(?:16|32|64)|[mM]8\[\w+\])")
_PANDAS = re.compile(
    r"str|string|object|boolean|bool|[uU]?[iI]nt(?:8|16|32|64)|[fF]loat(?:16|32|64)|"
    r"(?:datetime|timedelta)64\[\w+\]"
)
_ZONED = re.compile(r"datetime64\[(\w+), ([\w/+:-]+)\]")
_POLARS = re.compile(r"U?Int(?:8|16|32|64)|Float(?:32|64)|Boolean|String|Date")


def pack(value: Any) -> Json | None:
    """Rows as JSON values.

    Parameters
    ----------
    value : array, DataFrame, Series, list, or mapping of these
        Of numpy, pandas or polars; lists hold JSON values, such as texts.

    Returns
    -------
    JSON or None
        None if they cannot be packed so that `unpack` gives exactly the same.

    Examples
    --------
    >>> import numpy as np
    >>> packed = pack(np.array([[0.1, float("nan")]]))
    >>> packed
    {'dtype': 'float64', 'shape': [1, 2], 'values': [0.1, {'float': 'nan'}]}
    >>> unpack(packed)
    array([[0.1, nan]])
    """
    try:
        packed = _pack(value)
        return packed if same(unpack(packed), value) else None
    except (TypeError, ValueError, OverflowError, AttributeError, LookupError):
        return None


def unpack(packed: Json) -> Any:
    """Rows out of JSON values.

    Parameters
    ----------
    packed : JSON
        As `pack` made it; it may come from the wire.

    Returns
    -------
    array, DataFrame, Series, list or dict
        What was packed.

    Raises
    ------
    ValueError, TypeError, LookupError
        It is nothing that `pack` makes.
    ImportError
        They are rows of a library that is not installed.

    Examples
    --------
    >>> unpack({"list": ["some", "texts"]})
    ['some', 'texts']
    """
    for kind, read in _READERS.items():
        if kind in packed:
            return read(packed)
    raise ValueError("there are rows in it of a kind that this syncnb does not know")


def same(one: Any, other: Any) -> bool:
    """Whether two are equal in type, dtype, shape and every value; nan equals nan."""
    if is_instance(one, "numpy", "ndarray"):
        import numpy as np

        if type(one) is not type(other) or one.shape != other.shape:
            return False
        if one.dtype.kind == "O":
            return other.dtype.kind == "O" and all(map(_same_scalar, one.flat, other.flat))
        if "U" not in (one.dtype.kind, other.dtype.kind) and one.dtype != other.dtype:
            return False
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fmM"))
    if is_instance(one, "pandas", "DataFrame"):
        return (
            type(one) is type(other)
            and list(one.columns) == list(other.columns)
            and list(one.dtypes) == list(other.dtypes)
            and bool(one.reset_index(drop=True).equals(other.reset_index(drop=True)))
        )
    if is_instance(one, "pandas", "Series"):
        return type(one) is type(other) and same(one.to_frame("x"), other.to_frame("x"))
    if is_instance(one, "polars", "DataFrame"):
        return type(one) is type(other) and one.schema == other.schema and bool(one.equals(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


def _same_scalar(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or _both_nan(one, other))


def _both_nan(one: Any, other: Any) -> bool:
    return isinstance(one, float) and math.isnan(one) and math.isnan(other)


def _pack(value: Any) -> Json:
    if is_instance(value, "numpy", "ndarray"):
        return _array(value)
    if is_instance(value, "pandas", "DataFrame"):
        if len(set(value.columns)) < value.shape[1] or not all(
            isinstance(name, str | int) for name in value.columns
        ):
            raise TypeError("columns without names of their own")
        return {"pandas": [[name, *_column(value[name])] for name in value.columns]}
    if is_instance(value, "pandas", "Series"):
        return {"series": [value.name, *_column(value)]}
    if is_instance(value, "polars", "DataFrame"):
        return {"polars": [[s.name, *_polars_column(s)] for s in value.get_columns()]}
    if isinstance(value, Mapping):
        return {"inputs": {str(key): _pack(rows) for key, rows in value.items()}}
    if isinstance(value, list):
        return {"list": [_scalar(one) for one in value]}
    raise TypeError("rows of no known kind")


def _array(array: Any) -> Json:
    kind, flat = array.dtype.kind, array.ravel()
    values: Sequence[Any]
    if kind in "mM":
        dtype, values = array.dtype.str.lstrip("<>=|"), flat.view("i8").tolist()
    elif kind in "biu":
        dtype, values = str(array.dtype.newbyteorder("=")), flat.tolist()
    elif kind == "f":
        dtype, values = str(array.dtype.newbyteorder("=")), [_float(one) for one in flat]
    elif kind in "UO":
        dtype, values = {"U": "str", "O": "object"}[kind], [_scalar(one) for one in flat.tolist()]
    else:
        raise TypeError(f"an array of {array.dtype}")
    return {"dtype": dtype, "shape": list(array.shape), "values": values}


def _float(number: Any) -> Json:
    """The shortest decimal that gives the same number of the same width."""
    if not math.isfinite(number):
        return {"float": str(float(number))}
    short = float(str(number))
    return short if type(number)(short) == number else float(number)


def _scalar(value: Any) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value) or value.keys() == {"float"}:
            raise TypeError("a mapping that JSON does not have")
        return {key: _scalar(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_scalar(one) for one in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise TypeError(f"a {type(value).__name__}")


def _column(series: Any) -> list[Json]:
    """Dtype and values of a column of pandas."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _column(pd.Series(dtype.categories))
        return [{"categories": categories, "ordered": dtype.ordered}, series.cat.codes.tolist()]
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return [str(dtype), moments.to_numpy().view("i8").tolist()]
    if dtype.kind in "biufmM" and not pd.api.types.is_extension_array_dtype(dtype):
        return [str(dtype), _array(series.to_numpy())["values"]]
    if not _PANDAS.fullmatch(str(dtype)):
        raise TypeError(f"a column of {dtype}")
    return [str(dtype), [None if one is pd.NA else _scalar(one) for one in series.tolist()]]


def _polars_column(series: Any) -> list[Json]:
    import polars as pl

    dtype = series.dtype
    if isinstance(dtype, pl.Datetime):
        values = series.to_physical().to_list()
        return [{"unit": dtype.time_unit, "zone": dtype.time_zone}, values]
    if dtype == pl.Date:
        return ["Date", series.to_physical().to_list()]
    if not _POLARS.fullmatch(str(dtype)):
        raise TypeError(f"a column of {dtype}")
    return [str(dtype), [_scalar(one) for one in series.to_list()]]


def _plain(value: Json) -> Any:
    """A scalar as Python has it."""
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            return float(value["float"])
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _read_array(packed: Json) -> Any:
    import numpy as np

    dtype, values = packed["dtype"], [_plain(value) for value in packed["values"]]
    if dtype == "object":
        array = np.empty(len(values), dtype=object)
        array[:] = values
    elif dtype == "str":
        array = np.array(values, dtype=np.str_)
    elif not _DTYPE.fullmatch(dtype):
        raise ValueError(f"an array of {dtype!r:.40}")
    elif "[" in dtype:
        array = np.array(values, dtype="i8").view(dtype)
    else:
        array = np.array(values, dtype=dtype)
    return array.reshape(packed["shape"])


def _read_column(dtype: Json, values: Json) -> Any:
    import pandas as pd

    if isinstance(dtype, dict):
        categories = _read_column(*dtype["categories"])
        kind = pd.CategoricalDtype(categories, dtype["ordered"])
        return pd.Series(pd.Categorical.from_codes(values, dtype=kind))
    if zoned := _ZONED.fullmatch(dtype):
        moments = _read_array({"dtype": f"M8[{zoned[1]}]", "values": values, "shape": [-1]})
        return pd.Series(moments).dt.tz_localize("UTC").dt.tz_convert(zoned[2])
    if not _PANDAS.fullmatch(dtype):
        raise ValueError(f"a column of {dtype!r:.40}")
    if dtype.startswith(("datetime64", "timedelta64")):
        code = f"{'M8' if dtype[0] == 'd' else 'm8'}{dtype[dtype.index('[') :]}"
        return pd.Series(_read_array({"dtype": code, "values": values, "shape": [-1]}))
    return pd.Series([_plain(value) for value in values], dtype=dtype)


def _read_pandas(packed: Json) -> Any:
    import pandas as pd

    columns = {name: _read_column(dtype, values) for name, dtype, values in packed["pandas"]}
    return pd.DataFrame(columns)


def _read_series(packed: Json) -> Any:
    name, dtype, values = packed["series"]
    return _read_column(dtype, values).rename(name)


def _read_polars(packed: Json) -> Any:
    import polars as pl

    def column(name: str, dtype: Json, values: Json) -> Any:
        if isinstance(dtype, dict):
            kind = pl.Datetime(dtype["unit"], dtype["zone"])
            return pl.Series(name, values, dtype=pl.Int64).cast(kind)
        if dtype == "Date":
            return pl.Series(name, values, dtype=pl.Int32).cast(pl.Date)
        if not _POLARS.fullmatch(dtype):
            raise ValueError(f"a column of {dtype!r:.40}")
        return pl.Series(name, [_plain(value) for value in values], dtype=getattr(pl, dtype))

    return pl.DataFrame([column(*one) for one in packed["polars"]])


_READERS: Mapping[str, Callable[[Json], Any]] = {
    "values": _read_array,
    "pandas": _read_pandas,
    "series": _read_series,
    "polars": _read_polars,
    "inputs": lambda packed: {name: unpack(rows) for name, rows in packed["inputs"].items()},
    "list": lambda packed: [_plain(value) for value in packed["list"]],
}
