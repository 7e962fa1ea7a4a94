"""CatBoost models in its own binary format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.boosting import KEY, check_kind, note, read_note, unfitted
from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, MissingDependencyError

_NAMES = ("CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker", "CatBoost")
KINDS = tuple(f"catboost.core.{name}" for name in _NAMES)


class CatBoost:
    """Any model of CatBoost <-> the same class, with its settings, labels and feature names.

    What is lost: the data that it was fitted on, and the history of the evaluation's predictions.
    A file of another tool comes out as the manifest says if that is one of CatBoost's classes, else
    as a `catboost.CatBoost`.
    """

    name, version, suffix = "catboost", 1, ".cbm"
    libraries: Sequence[str] = ("catboost", "numpy")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is one of CatBoost's models."""
        return is_instance(obj, "catboost.core", "CatBoost")

    def check(self, obj: Any) -> None:
        """Refuse an unfitted one, and one that would come out as something else."""
        check_kind(obj, KINDS, "its file with publish_file after model.save_model")
        if not obj.is_fitted():
            raise unfitted(obj)

    def dump(self, obj: Any, path: Path) -> None:
        """Write it; a note in the model's metadata names its class."""
        about = obj.get_metadata()
        about[KEY] = note(obj)
        try:
            obj.save_model(str(path))
        finally:
            del about[KEY]

    def load(self, path: Path, how: Loading) -> Any:
        """Read it; the format holds no code, and CatBoost checks its structure."""
        catboost = _catboost()
        try:
            plain = catboost.CatBoost().load_model(str(path))
            found = read_note(plain.get_metadata().get(KEY), how.subject)
            kind = found.get("class") or how.type
            if kind not in KINDS or kind == "catboost.core.CatBoost":
                model = plain
            else:
                model = getattr(catboost, kind.rpartition(".")[2])().load_model(str(path))
            if found:
                del model.get_metadata()[KEY]
            return model
        except (catboost.CatBoostError, ValueError, TypeError, KeyError, UnicodeError) as error:
            raise LoadError(
                how.subject,
                f"CatBoost cannot read its data ({str(error).strip().splitlines()[-1]})",
                "compare the library versions in its manifest with yours, or publish it again",
            ) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """Labels of a classifier, else values."""
        return model.predict(rows)


def _catboost() -> Any:
    try:
        import catboost
    except ImportError as error:
        raise MissingDependencyError("catboost", "CatBoost models", "catboost") from error
    return catboost
