"""What is looked for in a DataFrame of reported rows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from syncnb.codecs.registry import is_instance
from syncnb.errors import InvalidMetaDataError, MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd


def require(rows: pd.DataFrame, *names: str, field: str = "rows") -> None:
    """Refuse rows without some columns.

    Raises
    ------
    InvalidMetaDataError
        One is not there.

    Examples
    --------
    >>> import pandas as pd
    >>> require(pd.DataFrame({"node": []}), "node")
    """
    if not is_instance(rows, "pandas", "DataFrame"):
        raise InvalidMetaDataError(
            field, type(rows).__name__, "give a pandas DataFrame, as `collect` returns it"
        )
    for name in names:
        if name not in rows.columns:
            raise InvalidMetaDataError(
                field, list(rows.columns), f"give some with a column {name!r}"
            )


def version_column(rows: pd.DataFrame) -> pd.Series[str]:
    """The version of the model that produced each row; empty where nobody said it.

    Examples
    --------
    >>> import pandas as pd
    >>> version_column(pd.DataFrame({"version": ["1.0.0", None]})).tolist()
    ['1.0.0', '']
    """
    import pandas as pd

    for name in ("model_version", "version"):
        if name in rows.columns:
            return rows[name].astype("string").fillna("").astype(str)
    return pd.Series("", index=rows.index, dtype=str)


def numbers(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    """A column as floats, with NaN for what is missing.

    Raises
    ------
    InvalidMetaDataError
        It holds something else than numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> numbers(pd.DataFrame({"fps": [1, None]}), "fps").tolist()
    [1.0, nan]
    """
    import pandas as pd

    try:
        return pd.to_numeric(rows[name]).astype("float64")
    except (TypeError, ValueError) as error:
        raise InvalidMetaDataError(name, str(error), "take a column of numbers") from error


def library(module: str, purpose: str) -> Any:
    """A library of the extra ``statistics``.

    Raises
    ------
    MissingDependencyError
        It is not installed.

    Examples
    --------
    >>> library("json", "this").__name__
    'json'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(module.partition(".")[0], purpose, "statistics") from error
