"""A look at a model of LightGBM before LightGBM reads it, which ends the process over a bad one."""

from __future__ import annotations

import math
import mmap
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from syncnb.codecs.lightgbm_regular import are_regular
from syncnb.codecs.lightgbm_trees import Trees, check_nodes, count, integers, want, whole
from syncnb.errors import LoadError

_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_NODES_IF_THERE = ("split_gain", "internal_value", "internal_weight", "internal_count")
_LEAVES_IF_THERE = ("leaf_weight", "leaf_count", "leaf_const", "num_features")
_FLAGS = (b"average_output",)  # of a random forest
_SOMETIMES = ("cat_boundaries", "cat_threshold", "is_linear", "leaf_features", "leaf_coeff")
_ALWAYS = ("Tree", "num_leaves", "num_cat", "leaf_value", "shrinkage")
_OF_A_TREE = {*_ALWAYS, *_SOMETIMES, *_NODES, *_NODES_IF_THERE, *_LEAVES_IF_THERE}
_NOT_ZERO = re.compile(rb"[-+.0]*[1-9]")
_PARAMETER = re.compile(rb"\[[a-z_0-9]+: [ -~\x80-\xff]*\]")
_TOGETHER = 1 << 18  # bytes of trees that are looked at together
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
    want(data.find(b"\0") < 0, "it holds a NUL, where LightGBM would stop or never end")
    want(data.find(b"\r") < 0, "it holds a CR, which ends a line for LightGBM")
    at = data.find(b"\n\n") + 2
    want(data[:5] == b"tree\n" and at > 1, "it does not begin with a tree's head")
    head = _fields(data[len(b"tree\n") : at], _FLAGS)
    want("Tree" not in head, "a tree stands in its head")
    features, outputs = whole(head["max_feature_idx"]) + 1, whole(head["num_tree_per_iteration"])
    want(features <= len(data) and 0 < outputs <= len(data), "its numbers are no numbers")
    want(whole(head["num_class"]) in (1, outputs), "its classes are not its outputs")
    want(whole(head.get("label_index", b"0")) <= features, "its label is no column")
    for key in ("feature_names", "feature_infos"):
        want(len(head[key].split(b" ")) == features, f"{key} are not {features}")
    if head.get("monotone_constraints"):
        want(count(head["monotone_constraints"]) == features, "the constraints are of others")
    sizes = [whole(size) for size in head["tree_sizes"].split(b" ")]
    want(len(sizes) % outputs == 0, "it has no whole number of rounds")
    want(min(sizes) > 0 and sum(sizes) <= len(data) - at, "a tree is cut off")
    if not are_regular(data, at, sizes, features, subject):
        _check_trees(data, at, sizes, features, subject)
    at += sum(sizes)
    want(data[at : at + 13] == b"end of trees\n", "the end of the trees is missing")
    end = data.find(END, at)
    want(end >= 0, "the end is missing")
    _check_parameters(data[at + 12 : end])


def _check_parameters(text: bytes) -> None:
    before, _, parameters = text.partition(b"\nparameters:\n")
    want(b"parameters:" not in before, "its parameters begin twice")
    for line in parameters.split(b"\n"):
        want(not line or _PARAMETER.fullmatch(line) is not None, f"{line[:80]!r} is no parameter")


def _check_trees(
    data: bytes | mmap.mmap, at: int, sizes: Sequence[int], features: int, subject: str
) -> None:
    """Look at trees as LightGBM would read them, whoever wrote them; some of them at a time."""
    trees, waiting = [], 0
    for index, size in enumerate(sizes):
        text = data[at : at + size]
        want(text.startswith(b"Tree=%d\n" % index), f"tree {index} is not where it should be")
        want(text.endswith(b"\n\n"), f"tree {index} has no end")
        trees.append(_fields(text))
        want(trees[-1].keys() <= _OF_A_TREE, f"tree {index} has fields that trees have not")
        at += size
        waiting += size
        if waiting > _TOGETHER or index == len(sizes) - 1:
            check_nodes(_trees(trees, features), features, subject)
            trees, waiting = [], 0


def _trees(trees: Sequence[Mapping[str, bytes]], features: int) -> Trees:
    leaves = [whole(tree["num_leaves"]) for tree in trees]
    want(min(leaves) > 0, "a tree has no leaves")
    for tree, many in zip(trees, leaves, strict=True):
        _check_lengths(tree, many)
        want(len(tree.get("shrinkage", b"")) < 32, "its shrinkage is long")
        linear = whole(tree.get("is_linear", b"0"))
        want(linear in (0, 1), "is_linear is neither 0 nor 1")
        if linear:
            _check_linear(tree, many, features)
    grown = [tree for tree, many in zip(trees, leaves, strict=True) if many > 1]
    split, kind, left, right = (
        integers(b" ".join(tree[key] for tree in grown))
        for key in ("split_feature", "decision_type", "left_child", "right_child")
    )
    by_category = [whole(tree["num_cat"]) for tree in trees]
    return Trees(leaves, by_category, split, kind, left, right, trees.__getitem__)


def _check_lengths(tree: Mapping[str, bytes], leaves: int) -> None:
    wanted = {"leaf_value": leaves}
    if "shrinkage" in tree:
        wanted["shrinkage"] = 1
    if leaves > 1:
        wanted |= dict.fromkeys(_NODES, leaves - 1)
        wanted |= {key: leaves - 1 for key in _NODES_IF_THERE if key in tree}
        wanted |= {key: leaves for key in _LEAVES_IF_THERE if key in tree}
    for key, length in wanted.items():
        if count(tree[key]) != length:
            raise ValueError(f"{key} is not {length} numbers")


def _check_linear(tree: Mapping[str, bytes], leaves: int, features: int) -> None:
    want(count(tree["leaf_const"]) == leaves, "leaf_const has another length")
    sizes = integers(tree["num_features"])
    want(len(sizes) == leaves and bool((sizes >= 0).all()), "num_features has another length")
    used = integers(tree["leaf_features"]) if int(sizes.sum()) else integers(b"")
    want(len(used) == int(sizes.sum()), "leaf_features have another length")
    want(bool(((used >= 0) & (used < features)).all()), "a leaf asks for a feature not there")
    factors = b" ".join(filter(None, tree["leaf_coeff"].split(b" ")))
    want(count(factors) == len(used), "leaf_coeff has another length")
    for number in filter(None, (tree["leaf_const"] + b" " + factors).split(b" ")):
        want(_has_double(number), f"{number[:32]!r} is too large or too small")


def _has_double(number: bytes) -> bool:
    """Whether `std::stod` takes it, which throws where others round to 0 or to infinity."""
    normal = sys.float_info.min < abs(float(number)) < math.inf
    return normal or not _NOT_ZERO.match(number)


def _fields(text: bytes, flags: Sequence[bytes] = ()) -> dict[str, bytes]:
    """The fields up to the blank line that ends them, where LightGBM stops reading."""
    found: dict[str, bytes] = {}
    for line in text.rstrip(b"\n").split(b"\n"):
        key, equals, value = line.partition(b"=")
        name = key.decode("ascii")
        if not (equals and name.isidentifier()) and line not in flags:
            raise ValueError(f"{line[:80]!r} is no field")
        if name in found:
            raise ValueError(f"{name} is there twice")
        if equals:
            found[name] = value
    return found
