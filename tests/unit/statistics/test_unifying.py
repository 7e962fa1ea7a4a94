"""One type for a column of many tables, and one time for a row of a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.statistics.sequences import Intervals
from syncnb.statistics.unifying import common_type, fitted, unified

_SIMPLE: tuple[Any, ...] = (
    pa.null(), pa.bool_(), pa.int8(), pa.int64(), pa.uint8(), pa.uint64(), pa.float32(),
    pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.timestamp("s"),
    pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC"), pa.duration("ms"), pa.date32(),
    pa.dictionary(pa.int32(), pa.string()),
)  # fmt: skip
TYPES = st.recursive(
    st.sampled_from(_SIMPLE),
    lambda inner: st.one_of(inner.map(pa.list_), inner.map(lambda t: pa.struct([("a", t)]))),
    max_leaves=3,
)


@given(a=TYPES, b=TYPES)
def test_common_type_has_the_values_of_both(a: Any, b: Any) -> None:
    """Whoever comes first, and never by making a text of a number."""
    one, other = common_type(a, b), common_type(b, a)
    assert (one is None) == (other is None)
    if one is not None:
        assert pa.array([], a).cast(one).type == one
        assert common_type(one, a) == one
        assert common_type(one, b) == one
        assert not (pa.types.is_integer(a) and pa.types.is_string(one))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (pa.int64(), pa.string()), (pa.bool_(), pa.int64()), (pa.uint64(), pa.int64()),
        (pa.list_(pa.int64()), pa.list_(pa.string())), (pa.timestamp("s"), pa.timestamp("s", "UTC")),
        (pa.struct([("a", pa.int64())]), pa.struct([("a", pa.string())])), (pa.string(), pa.binary()),
    ],
    ids=str,
)  # fmt: skip
def test_types_that_exclude_each_other(a: Any, b: Any) -> None:
    """There is none."""
    assert common_type(a, b) is None


def test_type_of_most_rows_stays() -> None:
    """One odd object in front does not throw out all others; what others rely on stays anyway."""
    odd, good = pa.table({"a": ["x"]}), pa.table({"a": [1, 2]})
    types, losers = unified([odd, good, good])
    assert types == {"a": pa.int64()}
    assert list(losers) == [0]
    assert "column 'a' is string here and int64 elsewhere" in losers[0]
    types, losers = unified([good], {"a": pa.string()})
    assert types == {"a": pa.string()}
    assert list(losers) == [0]


def test_value_that_would_change_is_refused() -> None:
    """The largest whole numbers are no floats."""
    table = pa.table({"a": [2**53 + 1]})
    with pytest.raises(ValueError, match="column 'a' is int64 here and double elsewhere"):
        fitted(table, {"a": pa.float64()}, ())


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9))))
def test_intervals_hold_what_was_added(added: list[tuple[int, int]]) -> None:
    """As a set does, but in as few intervals as there are runs."""
    intervals, numbers = Intervals(), set[int]()
    for first, more in added:
        intervals.add(first, first + more)
        numbers |= set(range(first, first + more + 1))
    assert {n for n in range(60) if n in intervals} == numbers
    missing = intervals.missing(np.arange(60))
    assert set(np.arange(60)[missing].tolist()) == set(range(60)) - numbers
    assert len(intervals) == len({n for n in numbers if n - 1 not in numbers})
