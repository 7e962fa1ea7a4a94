"""What LightGBM would end the process over is refused before it sees it, however it is written."""

from __future__ import annotations

import builtins
import functools
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.codecs import lightgbm_check, lightgbm_regular
from syncnb.codecs.lightgbm_check import check_model
from syncnb.codecs.lightgbm_regular import are_regular
from syncnb.errors import LoadError

_RANDOM = np.random.default_rng(0)
X = _RANDOM.normal(size=(300, 4))
NUMBERS = X[:, 0] * 2 + X[:, 1]
CATEGORIES = np.column_stack([X, _RANDOM.integers(0, 9, 300)])
SPLITS = {"max_cat_to_onehot": 1, "min_data_per_group": 5, "cat_smooth": 0}
FEATURES = 5


@functools.cache
def model_text(kind: str) -> str:
    """A model as LightGBM writes it."""
    kinds: dict[str, tuple[int, Any, Any, dict[str, Any]]] = {
        "two classes": (5, X, (NUMBERS > 0).astype(int), {"objective": "binary"}),
        "three classes": (
            3, X, np.digitize(NUMBERS, [-1, 1]), {"objective": "multiclass", "num_class": 3},
        ),
        "forest": (
            3, X, NUMBERS, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        ),
        "categories": (5, CATEGORIES, CATEGORIES[:, 4] % 3 + NUMBERS, SPLITS),
        "one leaf": (1, X[:5], NUMBERS[:5], {}),
        "linear trees": (5, X, NUMBERS, {"linear_tree": True}),
    }  # fmt: skip
    rounds, rows, target, more = kinds[kind]
    data = lightgbm.Dataset(rows, target, categorical_feature=[4] if kind == "categories" else [])
    return str(lightgbm.train({"verbose": -1, **more}, data, rounds).model_to_string())


REGULAR = ["two classes", "three classes", "forest", "categories", "one leaf"]


def trees_of(text: str) -> tuple[bytes, int, list[int]]:
    """The file, where its trees begin, and how long each is."""
    data = text.encode()
    sizes = text.partition("tree_sizes=")[2].partition("\n")[0]
    return data, data.index(b"\n\n") + 2, [int(size) for size in sizes.split(" ")]


def check(text: str, folder: Path) -> None:
    path = folder / "data.lgb.txt"
    path.write_text(text, newline="")
    check_model(path, "object model/m")


@pytest.mark.parametrize("kind", REGULAR)
def test_what_lightgbm_writes_is_seen_fast(kind: str) -> None:
    """Or the check of a large model takes longer than to read it."""
    assert are_regular(*trees_of(model_text(kind)), FEATURES, "")


@pytest.mark.parametrize("kind", [*REGULAR, "linear trees"])
def test_models_pass_without_the_fast_look_too(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library for it is not on every node."""
    load = builtins.__import__

    def missing(name: str, *others: Any) -> Any:
        if name == "re2":
            raise ImportError(name)
        return load(name, *others)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.setattr(
        lightgbm_regular, "_grammar", functools.cache(lightgbm_regular._grammar.__wrapped__)
    )
    check(model_text(kind), tmp_path)
    assert not are_regular(*trees_of(model_text(kind)), FEATURES, "")
    with pytest.raises(LoadError):
        check(model_text(kind).replace("\nleaf_value=", "\nleaf_value=1 "), tmp_path)


def test_many_trees_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each part knows which trees it holds, and is looked at as all of them."""
    text = model_text("categories")
    for module in (lightgbm_regular, lightgbm_check):
        monkeypatch.setattr(module, "_TOGETHER", len(text) // 10)
    assert are_regular(*trees_of(text), FEATURES, "")
    for name in ("left_child", "cat_threshold", "leaf_count"):
        for cut in (text.find, text.rfind):
            start = cut(f"\n{name}=") + len(name) + 2
            forged = f"{text[:start]}0 {text[start:]}"
            with pytest.raises(LoadError):
                check(resized(forged, text, start), tmp_path)


def test_tree_in_a_circle_is_refused(tmp_path: Path) -> None:
    """It would never end."""
    forged = model_text("two classes").replace("\nleft_child=1 ", "\nleft_child=0 ")
    assert forged != model_text("two classes")
    with pytest.raises(LoadError, match="circle"):
        check(forged, tmp_path)


def resized(forged: str, text: str, at: int) -> str:
    """With the new size of the tree that was forged at a place of the text."""
    _, start, sizes = trees_of(text)
    ends = start + np.cumsum(sizes)
    tree = int(np.searchsorted(ends, at, side="right"))
    if start <= at < ends[-1]:
        sizes[tree] += len(forged) - len(text)
    head, key, rest = forged.partition("tree_sizes=")
    return f"{head}{key}{' '.join(map(str, sizes))}\n{rest.partition(chr(10))[2]}"


@pytest.mark.parametrize("kind", ["two classes", "categories", "linear trees"])
@pytest.mark.parametrize(
    ("key", "number", "reason"),
    [
        ("leaf_value", "1e-5.5", "ValueError"),
        ("leaf_value", "1 2", r"leaf_value is not \d+ numbers"),
        ("leaf_value", "", "ValueError"),
        ("threshold", "1-2", "ValueError"),
        ("threshold", "1 2", r"threshold is not \d+ numbers"),
        ("leaf_weight", "1\t", "a number is none"),
        ("left_child", "1.5", "an integer is none"),
        ("left_child", "99999999999999999999", "OverflowError"),
        ("left_child", "999999999", "outside or in a circle"),
        ("right_child", "-99", "a leaf is not there"),
        ("split_feature", "999999999", "a feature not there"),
        ("decision_type", "16", "in a way that is none"),
        ("decision_type", "-1", "in a way that is none"),
        ("shrinkage", "0.00000000000000000000000000000001", "its shrinkage is long"),
        ("shrinkage", "1 1", "shrinkage is not 1 numbers"),
        ("is_linear", "2", "is_linear is neither 0 nor 1"),
        ("num_leaves", "0", "a tree has no leaves"),
        ("num_leaves", "9", "is not 9 numbers|is not 8 numbers"),
    ],
)
def test_forged_number_of_a_tree_is_refused(
    kind: str, key: str, number: str, reason: str, tmp_path: Path
) -> None:
    """Also in the last of many trees."""
    with pytest.raises(LoadError, match=reason):
        check(forged(kind, key, number), tmp_path)


def forged(kind: str, key: str, number: str) -> str:
    """A model, with another first number in a list of its last tree."""
    text = model_text(kind)
    start = text.rindex(f"\n{key}=") + len(key) + 2
    end = min(text.index(" ", start), text.index("\n", start))
    return resized(text[:start] + number + text[end:], text, start)


@pytest.mark.parametrize(
    ("key", "number", "reason"),
    [
        ("leaf_const", "1e400", "too large or too small"),
        ("leaf_const", "-0.1e-400", "too large or too small"),
        ("leaf_coeff", "2e-310", "too large or too small"),
        ("leaf_coeff", "1\t", "a number is none"),
    ],
)
def test_forged_number_of_a_linear_tree_is_refused(
    key: str, number: str, reason: str, tmp_path: Path
) -> None:
    """LightGBM reads these in yet another way."""
    with pytest.raises(LoadError, match=reason):
        check(forged("linear trees", key, number), tmp_path)


@pytest.mark.parametrize(
    ("key", "number", "reason"),
    [
        ("num_cat", "0", "num_cat is too small"),
        ("num_cat", "99", "cat_boundaries have another length"),
        ("cat_boundaries", "1", "cat_boundaries have another length"),
        ("cat_boundaries", "0 1", "cat_boundaries have another length"),
        ("cat_threshold", "1 1", "cat_threshold has another length"),
    ],
)
def test_forged_categories_are_refused(key: str, number: str, reason: str, tmp_path: Path) -> None:
    """A node would look for its bits elsewhere."""
    with pytest.raises(LoadError, match=reason):
        check(forged("categories", key, number), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\nmax_feature_idx=", "\nmax_feature_idx=+", "is no whole number"),
        ("\ntree_sizes=", "\nTree=0\ntree_sizes=", "a tree stands in its head"),
        ("\ntree_sizes=", "\n Tree=0\ntree_sizes=", "is no field"),
        ("\ntree_sizes=", "\ntree_sizes=+", "is no whole number"),
        ("\ntree_sizes=", "\ntree_sizes=\nsizes=", "is no whole number"),
        ("\ntree_sizes=", "\ntree_sizes=0 ", "a tree is cut off"),
        ("\ntree_sizes=", "\ntree_sizes=9", "a tree is cut off"),
        ("\nnum_leaves=", "\nnum_leaves=+", "is no whole number"),
        ("\nnum_cat=0", "\nnum_cat=0_0", "is no whole number"),
        ("\nshrinkage=", "\nleaf_features=1\rnum_cat=1\nshrinkage=", "a CR"),
        ("\nis_linear=0", "\nis_linear=1", "KeyError: 'leaf_const'"),
        ("\nshrinkage=", "\nextra=1\nshrinkage=", "fields that trees have not"),
        ("\nshrinkage=", "\naverage_output\nshrinkage=", "is no field"),
        ("\nshrinkage=", "\n\nshrinkage=", "is no field"),
        ("\n\nend of trees", "end of trees", "has no end"),
        ("\nTree=1\n", "\nTree=7\n", "tree 1 is not where it should be"),
        ("\nparameters:\n", "\nparameters:\r\n", "a CR"),
        ("\n\nfeature_importances:", "\nparameters:\n\nfeature_importances:", "no parameter"),
        ("\nfeature_importances:", "\n parameters:\nfeature_importances:", "begin twice"),
    ],
)
def test_model_that_lightgbm_would_read_otherwise_is_refused(
    old: str, new: str, reason: str, tmp_path: Path
) -> None:
    """What is looked at must be what is read: lines end, trees end and numbers are as there."""
    text = model_text("two classes")
    before, _, after = text.rpartition(old)
    forged = before + new + after
    if "tree_sizes=" in before:
        forged = resized(forged, text, len(before))
    with pytest.raises(LoadError, match=reason):
        check(forged, tmp_path)


def test_tree_behind_a_tree_is_refused(tmp_path: Path) -> None:
    """LightGBM reads the first of them, so that is the one to look at."""
    text = model_text("two classes")
    data, start, sizes = trees_of(text)
    another = data[start : start + sizes[0]].decode()
    forged = text.replace("end of trees", f"{another}end of trees")
    with pytest.raises(LoadError, match="is no field"):
        check(resized(forged, text, start + sum(sizes) - 1), tmp_path)


def test_single_leaf_has_a_single_value(tmp_path: Path) -> None:
    """Nothing else of such a tree is read."""
    text = model_text("one leaf")
    for value in ("", "1 2"):
        with pytest.raises(LoadError, match="leaf_value is not 1 numbers"):
            check(forged("one leaf", "leaf_value", value), tmp_path)
    check(forged("one leaf", "leaf_weight", "1 2"), tmp_path)
    assert are_regular(*trees_of(text.replace("leaf_count=5", "leaf_count=6")), FEATURES, "")


NUMBERS_AND_NONE = st.one_of(
    st.floats().map(repr),
    st.integers().map(str),
    st.integers(-9, 99).map(str),
    st.text("0123456789+-.eEinfa _x\n\t", max_size=6),
    st.sampled_from(
        ["", "0 ", " 0", "\nTree=1\n", "\n\n", "\nis_linear=1", "\nnum_cat=1", "=", ":"]
    ),
)


@given(
    st.sampled_from(REGULAR), st.floats(0, 1, exclude_max=True), st.integers(0, 9),
    NUMBERS_AND_NONE, st.booleans(),
)  # fmt: skip
def test_no_forged_tree_looks_as_if_lightgbm_had_written_it(
    kind: str, place: float, removed: int, put_in: str, new_size: bool
) -> None:
    """The fast look passes nothing that the slow one, which reads as Python does, would refuse."""
    text = model_text(kind)
    _, start, sizes = trees_of(text)
    at = start + int(place * sum(sizes))
    forged = text[:at] + put_in + text[at + removed :]
    data, start, sizes = trees_of(resized(forged, text, at) if new_size else forged)
    if start + sum(sizes) <= len(data) and are_regular(data, start, sizes, FEATURES, ""):
        lightgbm_check._check_trees(data, start, sizes, FEATURES, "")
