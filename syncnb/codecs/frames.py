"""pandas DataFrames as Apache Parquet; index and dtypes survive, ``DataFrame.attrs`` do not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, MissingDependencyError, ModelError

if TYPE_CHECKING:
    import pandas as pd


class Parquet:
    """DataFrame <-> Parquet, which anything from DuckDB to C++ reads."""

    name, version, suffix = "parquet", 1, ".parquet"
    libraries: Sequence[str] = ("pandas", "pyarrow")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is a DataFrame."""
        return is_instance(obj, "pandas", "DataFrame")

    def check(self, obj: pd.DataFrame) -> None:
        """Refuse a frame without rows or columns."""
        if obj.empty:
            raise ModelError(
                f"a DataFrame of {obj.shape[0]} rows and {obj.shape[1]} columns",
                "it is empty, so there is nothing to publish",
                "check what filled it; to withdraw data, delete the object",
            )
        _pyarrow()

    def dump(self, obj: pd.DataFrame, path: Path) -> None:
        """Write it."""
        import pyarrow as pa

        try:
            obj.to_parquet(path, engine="pyarrow")
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise ModelError(
                f"a DataFrame with the columns {list(obj.columns)[:8]}",
                f"Parquet cannot hold it ({str(error).splitlines()[0]})",
                "give every column a name and values of one type",
            ) from error

    def load(self, path: Path, how: Loading) -> pd.DataFrame:
        """Read it; Parquet holds no code."""
        _pyarrow()
        import pandas as pd
        import pyarrow as pa

        try:
            return pd.read_parquet(path, engine="pyarrow")
        except (pa.ArrowException, OSError, ValueError) as error:
            raise LoadError(
                how.subject, f"its data are no Parquet file ({error})", "publish it again"
            ) from error


def _pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "Parquet", "notebook") from error
