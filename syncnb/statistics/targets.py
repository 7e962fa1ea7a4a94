"""An Arrow table as what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncnb.errors import InvalidMetaDataError, MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_PARTITION = 1 << 18  # rows of a Dask DataFrame's partition, at most
Aside = Sequence[Mapping[str, str | None]]


def check_target(to: str, index: str | None) -> None:
    """Refuse what no table can become, before anything is fetched.

    Raises
    ------
    InvalidMetaDataError
        Nothing has this name, or it has no index.
    MissingDependencyError
        The library is not installed.
    """
    if to not in TARGETS:
        raise InvalidMetaDataError("to", to, f"give one of {', '.join(map(repr, TARGETS))}")
    if index not in (None, "reported_at") or (index is not None and to != "pandas"):
        raise InvalidMetaDataError("index", index, 'give None, or "reported_at" with to="pandas"')
    needed = {"polars": "polars", "dask": "dask.dataframe"}.get(to)
    if needed is not None:
        try:
            __import__(needed)
        except ImportError as error:
            raise MissingDependencyError(error.name or to, f'to="{to}"', to) from None


def to_pandas(table: pa.Table, aside: Aside = (), index: str | None = None) -> pd.DataFrame:
    """A DataFrame; whole numbers and booleans with gaps keep their kind, lists are lists.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    aside : sequence of mappings, optional
        Objects that could not be read, for `attrs`.
    index : str, optional
        The column that becomes the index.
    """
    import pandas as pd
    import pyarrow.types as kinds

    odd = {}
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if kinds.is_nested(field.type):
            odd[field.name] = pd.Series(column.to_pylist(), dtype=object)
        elif field.name == "sequence" or (
            column.null_count and (kinds.is_integer(field.type) or kinds.is_boolean(field.type))
        ):
            odd[field.name] = column.to_pandas(types_mapper=_nullable().get)
    frame: pd.DataFrame = table.drop_columns(list(odd)).to_pandas() if odd else table.to_pandas()
    for place, name in enumerate(table.schema.names):
        if name in odd:
            frame.insert(place, name, odd[name])
    if index is not None:
        frame = frame.set_index(index).sort_index(kind="stable")
    frame.attrs["set_aside"] = [dict(one) for one in aside]
    return frame


def _nullable() -> dict[Any, Any]:
    import pandas as pd
    import pyarrow as pa

    names = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    mapped: dict[Any, Any] = {
        pa.type_for_alias(n.lower()): pd.api.types.pandas_dtype(n) for n in names
    }
    return mapped | {pa.bool_(): pd.BooleanDtype()}


def _polars(table: pa.Table, aside: Aside, index: str | None) -> Any:
    import polars as pl

    return pl.from_arrow(table)


def _arrow(table: pa.Table, aside: Aside, index: str | None) -> pa.Table:
    return table.replace_schema_metadata({"set_aside": json.dumps([dict(one) for one in aside])})


def _dataset(table: pa.Table, aside: Aside, index: str | None) -> Any:
    import pyarrow.dataset as ds

    return ds.dataset(_arrow(table, aside, index))


def _dask(table: pa.Table, aside: Aside, index: str | None) -> Any:
    import dask.dataframe as dd

    starts = range(0, max(len(table), 1), _PARTITION)
    pieces = [table.slice(start, _PARTITION) for start in starts]
    # Types are those of the whole: a partition without gaps would have others.
    meta = to_pandas(table.slice(0, 0))
    for name, dtype in to_pandas(table).dtypes.items():
        meta[name] = meta[name].astype(dtype)
    return dd.from_map(_partition, pieces, [dict(meta.dtypes)] * len(pieces), meta=meta)


def _partition(piece: pa.Table, dtypes: Mapping[str, Any]) -> pd.DataFrame:
    return to_pandas(piece).astype(dtypes)


TARGETS: Mapping[str, Callable[[Any, Aside, str | None], Any]] = {
    "pandas": to_pandas,
    "polars": _polars,
    "arrow": _arrow,
    "dataset": _dataset,
    "dask": _dask,
}
