"""Trees that look just as LightGBM writes them, checked at the speed at which it reads them."""

from __future__ import annotations

import functools
import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from syncnb.codecs.lightgbm_trees import Trees, check_nodes, want, whole
from syncnb.errors import LoadError

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d\d\d?)?"
_INTEGER = r"-?\d{1,9}"  # what an int32 holds
_INTEGERS = ("split_feature", "decision_type", "left_child", "right_child")
_BY_NODE = ("split_feature", "split_gain", "threshold", "decision_type", "left_child",
            "right_child")  # fmt: skip
_BY_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_INNER = ("internal_value", "internal_weight", "internal_count")
_LISTS = (*_BY_NODE, *_BY_LEAF, *_INNER)
_CATEGORIES = ("cat_boundaries", "cat_threshold")
_FIRST_LIST = len(("Tree", "num_leaves", "num_cat"))
_FIRST_CATEGORY = _FIRST_LIST + len(_LISTS)
_LINES = _FIRST_CATEGORY + len(("is_linear", "shrinkage", "", ""))
_LONGEST_SHRINKAGE = 31  # characters
_TOGETHER = 1 << 20  # bytes of trees whose numbers are counted together


def are_regular(
    data: bytes | mmap.mmap, at: int, sizes: Sequence[int], features: int, subject: str
) -> bool:
    """Whether trees are surely such as LightGBM writes, and can do no harm.

    What they look like is seen in a second thread while their numbers are counted in this one:
    neither means anything without the other.

    Parameters
    ----------
    data : bytes or mmap.mmap
        The file.
    at : int
        Where the first tree begins.
    sizes : sequence of int
        Bytes of each tree.
    features : int
        Columns that the model knows.
    subject : str
        Which object, for errors.

    Returns
    -------
    bool
        False if they are not, if they may be written in another way, or if nothing here can see
        it fast.
    """
    grammar = _grammar()
    if grammar is None:
        return False
    with ThreadPoolExecutor(1) as beside:
        look = beside.submit(grammar.fullmatch, data, at, at + sum(sizes))
        try:
            first = 0
            for group in _groups(sizes):
                text = data[at : at + sum(group)]
                check_nodes(_trees(text, group, first), features, subject)
                at += len(text)
                first += len(group)
        except (ValueError, LookupError, LoadError):
            return False
        return look.result() is not None


def _groups(sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    start = waiting = 0
    for index, size in enumerate(sizes, 1):
        waiting += size
        if waiting > _TOGETHER or index == len(sizes):
            yield sizes[start:index]
            start, waiting = index, 0


@functools.cache
def _grammar() -> Any:
    """What any number of such trees look like; None without the library that is fast at it."""
    try:
        import re2
    except ImportError:
        return None
    numbers, integers = (f"(?:{one}(?: {one})*)?" for one in (_NUMBER, _INTEGER))
    lists = "".join(rf"{name}={integers if name in _INTEGERS else numbers}\n" for name in _LISTS)
    categories = "".join(rf"{name}=[\d ]*\n" for name in _CATEGORIES)
    begin = r"Tree=\d+\nnum_leaves=\d+\nnum_cat=\d+\n"
    end = rf"is_linear=0\nshrinkage={_NUMBER}\n\n\n"
    return re2.compile(f"(?:{begin}{lists}(?:{categories})?{end})*".encode())


def _trees(text: bytes, sizes: Sequence[int], index: int) -> Trees:
    """Count the numbers of trees; refuse them where they are not as many as they say."""
    import numpy as np

    letters = np.frombuffer(text, np.uint8)
    gaps = np.flatnonzero(letters <= ord(" "))
    newlines = np.flatnonzero(letters[gaps] == ord("\n"))
    ends = gaps[newlines]  # of the lines
    starts = np.cumsum([0, *sizes[:-1]])
    first = np.searchsorted(ends, starts)  # line of each tree
    extra = np.diff(first, append=len(ends)) - _LINES
    want(set(extra.tolist()) <= {0, len(_CATEGORIES)}, "a tree has other lines")
    for number, start in enumerate(starts.tolist(), index):
        want(text.startswith(b"Tree=%d\n" % number, start), "a tree is elsewhere")

    lines = first[:, None] + np.arange(_FIRST_LIST, _FIRST_CATEGORY)
    empty = ends[lines] - ends[lines - 1] == [len(f"{name}=\n") for name in _LISTS]
    counts = newlines[lines] - newlines[lines - 1] - empty
    shrinkage = first + _FIRST_CATEGORY + extra + 1
    longest = (ends[shrinkage] - ends[shrinkage - 1]).max()
    want(longest <= len("shrinkage=\n") + _LONGEST_SHRINKAGE, "its shrinkage is long")
    begins, ends = first.tolist(), ends.tolist()

    def value(line: int, name: str) -> bytes:
        return text[ends[line - 1] + len(name) + 2 : ends[line]]

    leaves = np.array([whole(value(begin + 1, "num_leaves")) for begin in begins])
    wanted = np.repeat(leaves[:, None] - 1, len(_LISTS), axis=1)
    wanted[:, len(_BY_NODE) : -len(_INNER)] += 1
    wrong = counts != wanted
    wrong[leaves == 1, len(_BY_NODE) + 1 :] = False  # there LightGBM reads nothing but its value
    want(not wrong.any(), "a list has another length")

    def integers(name: str) -> Any:
        at = _FIRST_LIST + _LISTS.index(name)
        found = b" ".join(filter(None, [value(begin + at, name) for begin in begins]))
        return np.fromstring(found, dtype=np.int64, sep=" ")

    def fields(tree: int) -> dict[str, bytes]:
        names = enumerate(_LISTS + _CATEGORIES[: extra[tree]], begins[tree] + _FIRST_LIST)
        return {name: value(line, name) for line, name in names}

    return Trees(
        leaves.tolist(),
        [whole(value(begin + 2, "num_cat")) for begin in begins],
        split=integers("split_feature"),
        kind=integers("decision_type"),
        left=integers("left_child"),
        right=integers("right_child"),
        fields=fields,
    )
