"""A look at a model of LightGBM before LightGBM reads it, which ends the process over a bad one."""

from __future__ import annotations

import math
import mmap
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.boosting import check_trees
from syncnb.errors import LoadError

_OF_NUMBERS = b"0123456789+-.eEinfa "  # no "_" and no "+" before, which only Python takes
_OF_INTEGERS = b"0123456789- "
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
    _want(data.find(b"\0") < 0, "it holds a NUL, where LightGBM would stop or never end")
    _want(data.find(b"\r") < 0, "it holds a CR, which ends a line for LightGBM")
    at = data.find(b"\n\n") + 2
    _want(data[:5] == b"tree\n" and at > 1, "it does not begin with a tree's head")
    head = _fields(data[len(b"tree\n") : at], _FLAGS)
    _want("Tree" not in head, "a tree stands in its head")
    features, outputs = _whole(head["max_feature_idx"]) + 1, _whole(head["num_tree_per_iteration"])
    _want(features <= len(data) and 0 < outputs <= len(data), "its numbers are no numbers")
    _want(_whole(head["num_class"]) in (1, outputs), "its classes are not its outputs")
    _want(_whole(head.get("label_index", b"0")) <= features, "its label is no column")
    for key in ("feature_names", "feature_infos"):
        _want(len(head[key].split(b" ")) == features, f"{key} are not {features}")
    if head.get("monotone_constraints"):
        _want(_count(head["monotone_constraints"]) == features, "the constraints are of others")
    sizes = [_whole(size) for size in head["tree_sizes"].split(b" ")]
    _want(len(sizes) % outputs == 0, "it has no whole number of rounds")
    trees, waiting = [], 0
    for index, size in enumerate(sizes):
        _want(0 < size <= len(data) - at, "a tree is cut off")
        text = data[at : at + size]
        _want(text.startswith(b"Tree=%d\n" % index), f"tree {index} is not where it should be")
        _want(text.endswith(b"\n\n"), f"tree {index} has no end")
        trees.append(_fields(text))
        _want(trees[-1].keys() <= _OF_A_TREE, f"tree {index} has fields that trees have not")
        at += size
        waiting += size
        if waiting > _TOGETHER or index == len(sizes) - 1:
            _check_trees(trees, features, subject)
            trees, waiting = [], 0
    _want(data[at : at + 13] == b"end of trees\n", "the end of the trees is missing")
    end = data.find(END, at)
    _want(end >= 0, "the end is missing")
    _check_parameters(data[at + 12 : end])


def _check_parameters(text: bytes) -> None:
    before, _, parameters = text.partition(b"\nparameters:\n")
    _want(b"parameters:" not in before, "its parameters begin twice")
    for line in parameters.split(b"\n"):
        _want(not line or _PARAMETER.fullmatch(line) is not None, f"{line[:80]!r} is no parameter")


def _check_trees(trees: Sequence[Mapping[str, bytes]], features: int, subject: str) -> None:
    """Refuse trees that lie; numpy takes little longer for many of them than for one."""
    import numpy as np

    leaves = [_whole(tree["num_leaves"]) for tree in trees]
    _want(min(leaves) > 0, "a tree has no leaves")
    _check_lengths(trees, leaves)
    for tree, count in zip(trees, leaves, strict=True):
        _want(len(tree.get("shrinkage", b"")) < 32, "its shrinkage is long")
        linear = _whole(tree.get("is_linear", b"0"))
        _want(linear in (0, 1), "is_linear is neither 0 nor 1")
        if linear:
            _check_linear(tree, count, features)
    by_category = [_whole(tree["num_cat"]) for tree in trees]
    grown = [at for at, count in enumerate(leaves) if count > 1]
    if not grown:
        return
    sizes = np.array([leaves[at] - 1 for at in grown], dtype=np.int64)
    left, right, split, kind = (
        _counted_integers([trees[at][key] for at in grown])
        for key in ("left_child", "right_child", "split_feature", "decision_type")
    )
    least = -1 - np.repeat(sizes, sizes)
    _want(bool((left >= least).all() and (right >= least).all()), "a leaf is not there")
    _want(bool(((split >= 0) & (split < features)).all()), "a node asks for a feature not there")
    _want(bool(((kind >= 0) & (kind < 16)).all()), "a node decides in a way that is none")
    check_trees(left, right, sizes, subject)
    starts = np.cumsum(sizes) - sizes
    asking = np.add.reduceat(kind & 1, starts).tolist()  # nodes of each tree for categories
    for at, start, count in zip(grown, starts, asking, strict=True):
        if count or by_category[at]:
            nodes = np.flatnonzero(kind[start : start + leaves[at] - 1] & 1)
            _check_categories(trees[at], by_category[at], nodes)


def _check_lengths(trees: Sequence[Mapping[str, bytes]], leaves: Sequence[int]) -> None:
    keys: list[str] = []
    lines: list[bytes] = []
    lengths: list[int] = []
    for tree, count in zip(trees, leaves, strict=True):
        wanted = {"leaf_value": count}
        if "shrinkage" in tree:
            wanted["shrinkage"] = 1
        if count > 1:
            wanted |= dict.fromkeys(_NODES, count - 1)
            wanted |= {key: count - 1 for key in _NODES_IF_THERE if key in tree}
            wanted |= {key: count for key in _LEAVES_IF_THERE if key in tree}
        keys += wanted
        lines += [tree[key] for key in wanted]
        lengths += wanted.values()
    found = _counts(lines)
    for key, length, count in zip(keys, lengths, found, strict=True):
        if count != length:
            raise ValueError(f"{key} is not {length} numbers")


def _check_categories(tree: Mapping[str, bytes], by_category: int, nodes: Any) -> None:
    import numpy as np

    _want(by_category > 0, "num_cat is too small")
    bounds = _integers(tree["cat_boundaries"])
    _want(len(bounds) == by_category + 1 and bounds[0] == 0, "cat_boundaries have another length")
    _want(bool((np.diff(bounds) > 0).all()), "cat_boundaries go backwards")
    _want(_count(tree["cat_threshold"]) == bounds[-1], "cat_threshold has another length")
    which = np.array(tree["threshold"].split(b" "), dtype=np.float64)[nodes]
    _want(bool(((which >= 0) & (which < by_category)).all()), "a node's categories are not there")


def _check_linear(tree: Mapping[str, bytes], leaves: int, features: int) -> None:
    _want(_count(tree["leaf_const"]) == leaves, "leaf_const has another length")
    sizes = _integers(tree["num_features"])
    _want(len(sizes) == leaves and bool((sizes >= 0).all()), "num_features has another length")
    used = _integers(tree["leaf_features"]) if int(sizes.sum()) else _integers(b"")
    _want(len(used) == int(sizes.sum()), "leaf_features have another length")
    _want(bool(((used >= 0) & (used < features)).all()), "a leaf asks for a feature not there")
    factors = b" ".join(filter(None, tree["leaf_coeff"].split(b" ")))
    _want(_count(factors) == len(used), "leaf_coeff has another length")
    for number in filter(None, (tree["leaf_const"] + b" " + factors).split(b" ")):
        _want(_has_double(number), f"{number[:32]!r} is too large or too small")


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


def _counts(lines: Sequence[bytes]) -> list[int]:
    """How many numbers each line holds.

    Python takes longer to make a float of its digits than LightGBM does: where all numbers look as
    LightGBM writes them, what stands between the digits says enough.
    """
    import numpy as np

    text = b"\n".join([b"", *lines, b""])
    letters = np.frombuffer(text, np.uint8)
    other = letters - ord("0") > 9  # than digits; what comes before "0" wraps around
    bare = np.flatnonzero(other[:-1] & other[1:])  # neither it nor the next is a digit
    before, sign = letters[bare], letters[bare + 1]
    power, minus = before == ord("e"), sign == ord("-")
    begins = (before == ord(" ")) | (before == ord("\n"))
    signed = (minus & (begins | power)) | ((sign == ord("+")) & power)
    order = text.translate(None, b"0123456789+-")
    gaps = np.frombuffer(order.translate(None, b".e"), np.uint8)
    ends = np.flatnonzero(gaps == ord("\n"))
    plain = (
        signed.all()
        and len(bare) == np.count_nonzero(other) - len(order)  # each sign is one of them
        and not any(pair in order for pair in (b"..", b"ee", b"e."))
        and np.count_nonzero(gaps == ord(" ")) + len(ends) == len(gaps)
    )
    return np.diff(ends).tolist() if plain else [_count(line) for line in lines]


def _count(value: bytes) -> int:
    """How many numbers a line holds."""
    if not value:
        return 0
    _want(not value.translate(None, _OF_NUMBERS), "a number is none")
    _want(not value.startswith(b"+") and b" +" not in value, "a number is none")
    return len(list(map(float, value.split(b" "))))


def _counted_integers(lines: Sequence[bytes]) -> Any:
    """The integers of lines that hold numbers, as `_counts` has seen; large ones as the largest."""
    import numpy as np

    text = b" ".join(lines)
    _want(not text.translate(None, _OF_INTEGERS), "an integer is none")
    return np.fromstring(text, dtype=np.int64, sep=" ")


def _integers(value: bytes) -> Any:
    import numpy as np

    _want(not value.translate(None, _OF_INTEGERS), "an integer is none")
    return np.array(value.split(), dtype=np.int64)


def _whole(value: bytes) -> int:
    """A number as LightGBM reads it too; Python would also take `1_0` and `+10`."""
    _want(value.isdigit() and len(value) < 19, f"{value[:32]!r} is no whole number")
    return int(value)


def _want(right: bool, otherwise: str) -> None:
    if not right:
        raise ValueError(otherwise)
