"""Which library a table is of, and tables as Arrow tables and back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import MissingDependencyError, ModelError

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS = {
    "geopandas": "GeoDataFrame",  # before pandas, whose DataFrame it extends
    "pandas": "DataFrame",
    "polars": "DataFrame",
    "pyarrow": "Table",
}
_EXTRAS = {"geopandas": "geo", "pandas": "notebook", "polars": "polars", "pyarrow": "notebook"}


def library_of(obj: object) -> str:
    """The library that a table is of, ``""`` if it is no table; nothing is imported.

    Examples
    --------
    >>> import pandas as pd
    >>> library_of(pd.DataFrame()), library_of({})
    ('pandas', '')
    """
    return next((lib for lib, name in _KINDS.items() if is_instance(obj, lib, name)), "")


def library_for(how: Loading) -> str:
    """The library whose table is to be made: the publisher's, pandas if that is not known.

    Raises
    ------
    MissingDependencyError
        It is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> library_for(Loading(subject="", folder=Path(), type="polars.dataframe.frame.DataFrame"))
    'polars'
    """
    hint = how.type.partition(".")[0]
    library = hint if hint in _KINDS else "pandas"
    for needed in (library, "pyarrow"):
        need(needed)
    return library


def need(library: str) -> None:
    """Say how to install a library of tables that is not there.

    Raises
    ------
    MissingDependencyError
        It is not.

    Examples
    --------
    >>> need("pandas")
    """
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise MissingDependencyError(library, "This table", _EXTRAS[library]) from error


def check_table(obj: Any) -> None:
    """Refuse a table without rows or columns.

    Raises
    ------
    ModelError
        It has none.
    MissingDependencyError
        pyarrow, which every table needs, is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> check_table(pd.DataFrame())
    Traceback (most recent call last):
    syncnb.errors.ModelError: a DataFrame of 0 rows and 0 columns: it is empty, so there is ...
    """
    rows, columns = obj.shape
    if not rows or not columns:
        raise ModelError(
            f"a {type(obj).__name__} of {rows} rows and {columns} columns",
            "it is empty, so there is nothing to publish",
            "check what filled it; to withdraw data, delete the object",
        )
    need("pyarrow")


def to_arrow(obj: Any) -> pa.Table:
    """A table of pandas, geopandas or pyarrow as an Arrow table from which it can be made again.

    Raises
    ------
    ModelError
        It cannot be carried exactly.

    Examples
    --------
    >>> import pandas as pd
    >>> to_arrow(pd.DataFrame({"a": [1]})).column_names
    ['a']
    """
    library = library_of(obj)
    if library == "pyarrow":
        return obj
    if library == "geopandas":
        from syncnb.codecs.geo import pack_geo

        return pack_geo(obj)
    from syncnb.codecs.exact import pack

    return pack(obj)


def from_arrow(table: pa.Table, library: str) -> Any:
    """The table of a library out of an Arrow table.

    Examples
    --------
    >>> import pandas as pd
    >>> from_arrow(to_arrow(pd.DataFrame({"a": [1]})), "pandas")
       a
    0  1
    """
    if library == "pyarrow":
        return table
    if library == "geopandas":
        from syncnb.codecs.geo import unpack_geo

        return unpack_geo(table)
    from syncnb.codecs.exact import unpack

    return unpack(table)


def refused(obj: Any, problem: object, remedy: str) -> ModelError:
    """The error for a table that cannot be carried exactly.

    Examples
    --------
    >>> import pandas as pd
    >>> print(refused(pd.DataFrame({"a": [1]}), "it is odd", "drop it"))
    a DataFrame with the columns ['a']: it is odd. Drop it.
    """
    names = list(getattr(obj, "column_names", None) or getattr(obj, "columns", []))
    shown = ", ".join(repr(name) for name in names[:8]) + (", ..." if len(names) > 8 else "")
    said = (str(problem).splitlines() or [""])[0].encode(errors="backslashreplace").decode()
    return ModelError(f"a {type(obj).__name__} with the columns [{shown}]", said, remedy)


def flat_arrow(obj: Any, form: str) -> pa.Table:
    """A table for a format that has rows and named columns, and nothing else.

    Parameters
    ----------
    obj : table
        Of any of the libraries.
    form : str
        What the format is called, for errors.

    Raises
    ------
    ModelError
        It has an index, labels or geometries, which would be lost.

    Examples
    --------
    >>> import pandas as pd
    >>> flat_arrow(pd.DataFrame({"a": [1]}), "CSV").column_names
    ['a']
    """
    library = library_of(obj)
    if library == "polars":
        import polars as pl

        try:
            return obj.to_arrow()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
            raise refused(
                obj, f"{form} cannot hold it ({error})", "publish it as Parquet"
            ) from error
    if library == "geopandas":
        raise refused(obj, f"{form} has no geometries", "publish it as Parquet")
    if library == "pandas":
        index = obj.index
        if index.nlevels > 1 or index.name is not None or not index.equals(_rows(len(obj))):
            raise refused(
                obj, f"{form} would lose its index", "call reset_index() first, or drop it there"
            )
        if obj.columns.nlevels > 1 or not all(isinstance(name, str) for name in obj.columns):
            raise refused(
                obj, f"{form} has names for columns and no other labels", "name them with texts"
            )
    return to_arrow(obj).replace_schema_metadata(None)


def _rows(number: int) -> Any:
    import pandas as pd

    return pd.RangeIndex(number)
