"""A look at a model of XGBoost before XGBoost reads it, which takes each number for right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.boosting import check_trees
from syncnb.codecs.ubjson import parse
from syncnb.codecs.ubjson_shapes import columns, lengths, one_of_each
from syncnb.errors import LoadError, UntrustedDataError

_NO_PARENT = (-1, (1 << 31) - 1)
_OF_NODES = (
    "right_children", "parents", "split_indices", "split_conditions", "split_type",
    "default_left", "base_weights", "loss_changes", "sum_hessian",
)  # fmt: skip
_NUMBERS = ("left_children", "parents", "right_children", "split_indices")
_CATEGORIES = 1 << 24  # XGBoost's own limit: a category is a number in a 32-bit float


class _VectorLeavesError(Exception):
    """A tree predicts several values at once."""


def check_model(path: Path, subject: str) -> None:
    """Refuse a file that would crash XGBoost or never end.

    Parameters
    ----------
    path : Path
        The file; it is read as a whole, as XGBoost does after that.
    subject : str
        Which object, for the error.

    Raises
    ------
    LoadError
        It is cut off or no UBJSON; or its trees point outside of themselves, into circles, at
        features or categories that are not there.
    UntrustedDataError
        Its leaves are vectors.

    Notes
    -----
    The fields are those of XGBoost's model schema, ``doc/model.schema``.
    """
    try:
        _check_learner(parse(path.read_bytes())["learner"], subject)
    except _VectorLeavesError:
        raise UntrustedDataError(
            subject,
            "its leaves are vectors (multi_strategy), an experiment of XGBoost that is not checked",
            "if you trust its publisher, pin the key that signs it, or load(trusted=True)",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise LoadError(
            subject,
            f"its data are no model of XGBoost ({type(error).__name__}: {error})",
            "publish it again",
        ) from error


def _check_learner(learner: dict[str, Any], subject: str) -> None:
    param = learner["learner_model_param"]
    features = int(param["num_feature"])
    outputs = max(int(param["num_class"]), int(param.get("num_target", 1)), 1)
    for key in ("feature_names", "feature_types"):
        _want(len(learner.get(key, ())) in (0, features), f"{key} are not {features}")
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        _want(
            len(booster["model"]["weights"]) == (features + 1) * outputs,
            f"the weights are not {features + 1} x {outputs}",
        )
        return
    if booster["name"] == "dart":
        weights, booster = booster["weight_drop"], booster["gbtree"]
        _want(len(weights) == len(booster["model"]["trees"]), "weight_drop has another length")
    _want(booster["name"] == "gbtree", f"there is no booster {booster['name']!r}")
    _check_forest(booster["model"], features, outputs, subject)


def _check_forest(model: dict[str, Any], features: int, outputs: int, subject: str) -> None:
    import numpy as np

    trees = model["trees"]
    groups = np.asarray(model["tree_info"], dtype=np.int64)
    count = int(model["gbtree_model_param"]["num_trees"])
    _want(count == len(trees) == len(groups), "the number of trees is wrong")
    _want(bool(((groups >= 0) & (groups < outputs)).all()), "a tree is of no class")
    rounds = np.asarray(model.get("iteration_indptr", ()), dtype=np.int64)
    if len(rounds):
        _want(rounds[0] == 0 and rounds[-1] == count, "the rounds are not of these trees")
        _want(bool((np.diff(rounds) >= 0).all()), "the rounds go backwards")
    _check_names_of_categories(model.get("cats"), features)
    if not trees:
        return
    sizes, by_category = lengths(trees, "left_children"), lengths(trees, "categories_nodes")
    *numbers, kind = columns(trees, (*_NUMBERS, "split_type"))
    left, parents, right, split = map(_integers, _NUMBERS, numbers)
    _check_sizes(trees, features)
    _want(bool(((left >= -1) & ((left < 0) == (right < 0))).all()), "a node has one child")
    _want(bool((right >= -1).all()), "a child is no node")
    _check_parents(parents, left, right, sizes)
    split = split[left >= 0]
    _want(bool(((split >= 0) & (split < features)).all()), "a node asks for a feature not there")
    check_trees(left, right, sizes, subject)
    numeric = np.repeat(np.equal(by_category, 0), sizes)
    _want(not kind[numeric].any(), "a node has no categories")
    for tree, nodes, count in zip(trees, sizes, by_category, strict=True):
        if count:
            _check_categories(tree, nodes)


def _integers(key: str, array: Any) -> Any:
    """As this machine lays them out."""
    _want(array.dtype.kind in "iu", f"{key} are no integers")
    return array.astype("int64")


def _check_parents(parents: Any, left: Any, right: Any, sizes: Sequence[int]) -> None:
    import numpy as np

    size = np.repeat(sizes, sizes)
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    inside = (parents >= 0) & (parents < size)
    _want(bool((inside | np.isin(parents, _NO_PARENT)).all()), "a parent is no node")
    own = np.arange(len(parents)) - start
    for children in (left, right):
        there = np.flatnonzero((children >= 0) & (children < size))
        same = parents[start[there] + children[there]] == own[there]
        _want(bool(same.all()), "a child has another parent")


def _check_sizes(trees: Sequence[Mapping[str, Any]], features: int) -> None:
    for tree in one_of_each(trees):
        param, nodes = tree["tree_param"], len(tree["left_children"])
        _want(int(param["num_nodes"]) == nodes > 0, "a tree has another number of nodes")
        _want(int(param["num_feature"]) in (0, features), "a tree is of other features")
        if int(param["size_leaf_vector"]) > 1:
            raise _VectorLeavesError
        for key in _OF_NODES:
            _want(lengths([tree], key) == [nodes], f"{key} has another length")


def _check_categories(tree: Mapping[str, Any], nodes: int) -> None:
    import numpy as np

    which, starts, sizes, categories = (
        np.asarray(tree[f"categories{part}"], dtype=np.int64)
        for part in ("_nodes", "_segments", "_sizes", "")
    )
    _want(len(which) == len(starts) == len(sizes), "the categories have other lengths")
    _want(bool(((categories >= 0) & (categories < _CATEGORIES)).all()), "a category is no category")
    _want(bool((np.diff(which) > 0).all()), "the nodes of categories are not in order")
    _want(which[0] >= 0 and which[-1] < nodes, "categories are of no node")
    _want(bool((starts >= 0).all() and (sizes > 0).all()), "a node has no categories")
    _want(bool((starts + sizes <= len(categories)).all()), "categories are outside")
    by_category = np.flatnonzero(np.asarray(tree["split_type"]) != 0)
    _want(bool(np.isin(by_category, which).all()), "a node has no categories")


def _check_names_of_categories(cats: dict[str, Any] | None, features: int) -> None:
    """The dictionary with which XGBoost 3.1 and newer encodes a frame's categories."""
    import numpy as np

    if not cats:
        return
    segments = np.asarray(cats["feature_segments"], dtype=np.int64)
    order = np.asarray(cats["sorted_idx"], dtype=np.int64)
    if not len(segments):
        return
    _want(len(segments) == features + 1 and segments[0] == 0, "the categories are of others")
    _want(bool((np.diff(segments) >= 0).all()), "the categories go backwards")
    _want(segments[-1] == len(order), "the categories have another order")
    _want(len(cats["enc"]) == features, "the categories are of other features")
    for i, names in enumerate(cats["enc"]):
        size = int(segments[i + 1] - segments[i])
        own = order[segments[i] : segments[i + 1]]
        _want(bool((np.sort(own) == np.arange(size)).all()), "the categories have another order")
        values = names["values"]
        if "offsets" in names and len(names["offsets"]):  # strings, as Arrow lays them out
            offsets = np.asarray(names["offsets"], dtype=np.int64)
            _want(len(offsets) == size + 1 and offsets[0] == 0, "the names have another number")
            _want(bool((np.diff(offsets) >= 0).all()), "the names go backwards")
            _want(offsets[-1] == len(values), "the names are outside")
        else:
            _want(len(values) == size, "the names have another number")


def _want(right: bool, otherwise: str) -> None:
    if not right:
        raise ValueError(otherwise)
