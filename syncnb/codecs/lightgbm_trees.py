"""What the trees of a LightGBM model must be, so that LightGBM does not run out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncnb.codecs.boosting import check_trees

_OF_NUMBERS = b"0123456789+-.eEinfa "  # no "_" and no "+" before, which only Python takes
_OF_INTEGERS = b"0123456789- "


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees whose fields are as long as they say; the nodes of all of them stand in a row.

    Parameters
    ----------
    leaves, by_category : sequence of int, shape (trees,)
        Leaves of each tree, and its nodes that ask for categories.
    split, kind, left, right : array of int, shape (nodes,)
        Which feature a node asks for, in which way, and where it goes on.
    fields : callable
        The lists of a tree by their names, given its place.
    """

    leaves: Sequence[int]
    by_category: Sequence[int]
    split: Any
    kind: Any
    left: Any
    right: Any
    fields: Callable[[int], Mapping[str, bytes]]


def check_nodes(trees: Trees, features: int, subject: str) -> None:
    """Refuse trees that point outside of themselves; many at a time cost little more than one.

    Parameters
    ----------
    trees : Trees
        What to look at.
    features : int
        Columns that the model knows.
    subject : str
        Which object, for the error.

    Raises
    ------
    ValueError
        A leaf, a feature or a category is not there.
    LoadError
        A node is not there, or points in a circle.
    """
    import numpy as np

    grown = [at for at, count in enumerate(trees.leaves) if count > 1]
    if not grown:
        return
    left, right, split, kind = trees.left, trees.right, trees.split, trees.kind
    sizes = np.array([trees.leaves[at] - 1 for at in grown], dtype=np.int64)
    least = -1 - np.repeat(sizes, sizes)
    want(bool((left >= least).all() and (right >= least).all()), "a leaf is not there")
    want(bool(((split >= 0) & (split < features)).all()), "a node asks for a feature not there")
    want(bool(((kind >= 0) & (kind < 16)).all()), "a node decides in a way that is none")
    check_trees(left, right, sizes, subject)
    starts = np.cumsum(sizes) - sizes
    asking = np.add.reduceat(kind & 1, starts).tolist()  # nodes of each tree for categories
    for at, start, count_asking in zip(grown, starts, asking, strict=True):
        if count_asking or trees.by_category[at]:
            nodes = np.flatnonzero(kind[start : start + trees.leaves[at] - 1] & 1)
            _check_categories(trees.fields(at), trees.by_category[at], nodes)


def _check_categories(tree: Mapping[str, bytes], by_category: int, nodes: Any) -> None:
    import numpy as np

    want(by_category > 0, "num_cat is too small")
    bounds = integers(tree["cat_boundaries"])
    want(len(bounds) == by_category + 1 and bounds[0] == 0, "cat_boundaries have another length")
    want(bool((np.diff(bounds) > 0).all()), "cat_boundaries go backwards")
    want(count(tree["cat_threshold"]) == bounds[-1], "cat_threshold has another length")
    which = np.array(tree["threshold"].split(b" "), dtype=np.float64)[nodes]
    want(bool(((which >= 0) & (which < by_category)).all()), "a node's categories are not there")


def count(value: bytes) -> int:
    """How many numbers a line holds."""
    if not value:
        return 0
    want(not value.translate(None, _OF_NUMBERS), "a number is none")
    want(not value.startswith(b"+") and b" +" not in value, "a number is none")
    return len(list(map(float, value.split(b" "))))


def integers(value: bytes) -> Any:
    """The integers of a line."""
    import numpy as np

    want(not value.translate(None, _OF_INTEGERS), "an integer is none")
    return np.array(value.split(), dtype=np.int64)


def whole(value: bytes) -> int:
    """A number as LightGBM reads it too; Python would also take `1_0` and `+10`."""
    want(value.isdigit() and len(value) < 19, f"{value[:32]!r} is no whole number")
    return int(value)


def want(right: bool, otherwise: str) -> None:
    """Refuse the model unless something is right."""
    if not right:
        raise ValueError(otherwise)
