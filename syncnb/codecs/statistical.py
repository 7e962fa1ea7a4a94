"""statsmodels results: refused unless a format is asked for, since their only file is a pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, ModelError


class Statsmodels:
    """Takes fitted results of statsmodels, to say how they can be published.

    Notes
    -----
    ``Results.save`` of statsmodels writes a pickle, and there is no other form of a whole result.
    Such a pickle also holds the data that the model was fitted on, unless ``results.remove_data()``
    was called.
    """

    name, version, suffix = "statsmodels", 1, ".statsmodels"
    libraries: Sequence[str] = ("statsmodels",)
    executes = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a model of statsmodels or its results."""
        return any(
            is_instance(obj, module, name)
            for module, name in (
                ("statsmodels.base.model", "Model"),
                ("statsmodels.base.model", "Results"),
                ("statsmodels.base.wrapper", "ResultsWrapper"),
            )
        )

    def check(self, obj: Any) -> NoReturn:
        """Refuse it, and say what can be done."""
        kind = type(obj).__name__
        if is_instance(obj, "statsmodels.base.model", "Model"):
            raise ModelError(
                f"this {kind}",
                "it holds data and no result",
                "fit it, and publish what .fit() returns with format='pickle'",
            )
        raise ModelError(
            f"this {kind}",
            "statsmodels can only save it as a pickle, which can run any code when it is loaded",
            "give format='pickle' if those who load it trust you, or publish its numbers: "
            "publish_dataframe(results.params.to_frame('value'), ...)",
        )

    def dump(self, obj: Any, path: Path) -> NoReturn:
        """Never; `check` refused it."""
        self.check(obj)

    def load(self, path: Path, how: Loading) -> NoReturn:
        """Never; nobody writes such data."""
        raise LoadError(
            how.subject, "syncnb writes no statsmodels files", "publish it with format='pickle'"
        )
