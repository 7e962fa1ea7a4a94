"""A look at a model of LightGBM before LightGBM reads it, which ends the process over a bad one."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Any

from syncnb.codecs.boosting import check_trees
from syncnb.errors import LoadError

_OF_NUMBERS = b"0123456789+-.eEinfa "  # no "_" and no "+" before, which only Python takes
_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_NODES_IF_THERE = ("split_gain", "internal_value", "internal_weight", "internal_count")
_LEAVES_IF_THERE = ("leaf_weight", "leaf_count", "leaf_const", "num_features")
_FLAGS = (b"average_output",)  # of a random forest
_PARAMETER = re.compile(rb"\[[a-z_0-9]+: [ -~\x80-\xff]*\]")
END = b"\nend of parameters\n"


def check_model(path: Path, subject: str) -> None:
    """Refuse a file that would crash LightGBM or never end.

    Parameters
    ----------
    path : Path
        The file; it is mapped and read tree by tree.
    subject : str
        Which object, for the error.

    Raises
    ------
    LoadError
        It is cut off or no such text; or its trees point outside of themselves, into circles, at
        features or categories that are not there.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            _check_text(data, subject)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise LoadError(
            subject,
            f"its data are no model of LightGBM ({type(error).__name__}: {error})",
            "publish it again",
        ) from error


def _check_text(data: mmap.mmap, subject: str) -> None:
    _want(data.find(b"\0") < 0, "it holds a NUL, where LightGBM would stop or never end")
    at = data.find(b"\n\n") + 2
    _want(data[:5] == b"tree\n" and at > 1, "it does not begin with a tree's head")
    head = _fields(data[len(b"tree\n") : at])
    features, outputs = int(head["max_feature_idx"]) + 1, int(head["num_tree_per_iteration"])
    _want(0 < features <= len(data) and 0 < outputs <= len(data), "its numbers are no numbers")
    _want(int(head["num_class"]) in (1, outputs), "its classes are not its outputs")
    _want(0 <= int(head.get("label_index", 0)) <= features, "its label is no column")
    for key in ("feature_names", "feature_infos"):
        _want(len(head[key].split(b" ")) == features, f"{key} are not {features}")
    if head.get("monotone_constraints"):
        _want(_count(head["monotone_constraints"]) == features, "the constraints are of others")
    sizes = [int(size) for size in head["tree_sizes"].split()]
    _want(len(sizes) % outputs == 0, "it has no whole number of rounds")
    for index, size in enumerate(sizes):
        _want(0 < size <= len(data) - at, "a tree is cut off")
        text = data[at : at + size]
        _want(text.startswith(b"Tree=%d\n" % index), f"tree {index} is not where it should be")
        _check_tree(_fields(text), features, subject)
        at += size
    _want(data[at : at + 13] == b"end of trees\n", "the end of the trees is missing")
    end = data.find(END, at)
    _want(end >= 0, "the end is missing")
    _check_parameters(data[at + 13 : end])


def _check_parameters(text: bytes) -> None:
    lines = text.partition(b"\nparameters:\n")[2].split(b"\n")
    for line in lines:
        _want(not line or _PARAMETER.fullmatch(line) is not None, f"{line[:80]!r} is no parameter")


def _check_tree(tree: dict[str, bytes], features: int, subject: str) -> None:
    import numpy as np

    leaves, by_category = int(tree["num_leaves"]), int(tree["num_cat"])
    _want(leaves > 0, "a tree has no leaves")
    _want(_count(tree["leaf_value"]) == leaves, f"leaf_value is not {leaves} numbers")
    _want(all(len(tree.get(key, b"0")) < 32 for key in ("shrinkage", "is_linear")), "it is long")
    _want(_count(tree.get("shrinkage", b"1")) == 1, "shrinkage is no number")
    linear = int(tree.get("is_linear", b"0"))
    _want(linear in (0, 1), "is_linear is neither 0 nor 1")
    if linear:
        _check_linear(tree, leaves, features)
    if leaves == 1:
        return
    for keys, length in (
        (_NODES, leaves - 1),
        (_NODES_IF_THERE, leaves - 1),
        (_LEAVES_IF_THERE, leaves),
    ):
        for key in keys:
            if key in _NODES or key in tree:
                _want(_count(tree[key]) == length, f"{key} is not {length} numbers")
    left, right, split, kind = (
        _integers(tree[key])
        for key in ("left_child", "right_child", "split_feature", "decision_type")
    )
    _want(bool((left >= -leaves).all() and (right >= -leaves).all()), "a leaf is not there")
    _want(bool(((split >= 0) & (split < features)).all()), "a node asks for a feature not there")
    _want(bool(((kind >= 0) & (kind < 16)).all()), "a node decides in a way that is none")
    check_trees(left, right, [leaves - 1], subject)
    if (kind & 1).any() or by_category:
        _check_categories(tree, by_category, np.flatnonzero(kind & 1))


def _check_categories(tree: dict[str, bytes], by_category: int, nodes: Any) -> None:
    import numpy as np

    _want(by_category > 0, "num_cat is too small")
    bounds = _integers(tree["cat_boundaries"])
    _want(len(bounds) == by_category + 1 and bounds[0] == 0, "cat_boundaries have another length")
    _want(bool((np.diff(bounds) > 0).all()), "cat_boundaries go backwards")
    _want(_count(tree["cat_threshold"]) == bounds[-1], "cat_threshold has another length")
    which = np.array(tree["threshold"].split(b" "), dtype=np.float64)[nodes]
    _want(bool(((which >= 0) & (which < by_category)).all()), "a node's categories are not there")


def _check_linear(tree: dict[str, bytes], leaves: int, features: int) -> None:
    _want(_count(tree["leaf_const"]) == leaves, "leaf_const has another length")
    sizes = _integers(tree["num_features"])
    _want(len(sizes) == leaves and bool((sizes >= 0).all()), "num_features has another length")
    used = _integers(tree["leaf_features"]) if int(sizes.sum()) else _integers(b"")
    _want(len(used) == int(sizes.sum()), "leaf_features have another length")
    _want(bool(((used >= 0) & (used < features)).all()), "a leaf asks for a feature not there")
    _want(
        _count(b" ".join(tree["leaf_coeff"].split())) == len(used),
        "leaf_coeff has another length",
    )


def _fields(text: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for line in text.split(b"\n"):
        key, equals, value = line.partition(b"=")
        name = key.decode("ascii")
        _want(bool(equals and name) or not line or line in _FLAGS, f"{line[:80]!r} is no field")
        _want(name not in found, f"{name} is there twice")
        if equals:
            found[name] = value
    return found


def _count(value: bytes) -> int:
    """How many numbers a line holds."""
    if not value:
        return 0
    _want(not value.translate(None, _OF_NUMBERS), "a number is none")
    _want(not value.startswith(b"+") and b" +" not in value, "a number is none")
    return len(list(map(float, value.split(b" "))))


def _integers(value: bytes) -> Any:
    import numpy as np

    return np.array(value.split(), dtype=np.int64)


def _want(right: bool, otherwise: str) -> None:
    if not right:
        raise ValueError(otherwise)
