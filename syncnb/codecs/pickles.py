"""joblib files, which run code when they are loaded: only for those who trust the publisher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.registry import Loading
from syncnb.errors import LoadError


class Joblib:
    """A joblib file -> its object. It is never chosen for writing; use `publish_file` for that."""

    name, version, suffix = "joblib", 1, ".joblib"
    libraries: Sequence[str] = ("joblib",)
    executes = True

    def accepts(self, obj: object) -> bool:
        """Never."""
        return False

    def check(self, obj: Any) -> None:
        """Nothing gets here."""

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        import joblib

        joblib.dump(obj, path)

    def load(self, path: Path, how: Loading) -> Any:
        """Read it; whoever calls this trusts it."""
        import joblib

        try:
            return joblib.load(path)
        except (ValueError, EOFError, KeyError, ImportError, AttributeError) as error:
            raise LoadError(
                how.subject, f"joblib cannot read its data ({error})", "publish it again"
            ) from error
