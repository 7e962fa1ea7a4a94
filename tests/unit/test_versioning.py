"""Versions are told from other texts, sorted as people mean them, and counted on."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.errors import InvalidMetaDataError
from syncnb.versioning import check_version, next_version, sort_key

NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=5)
VERSIONS = st.builds(
    lambda numbers, pre: ".".join(map(str, numbers)) + pre,
    NUMBERS,
    st.sampled_from(["", "-rc1", "-rc.2", "-alpha", "-0"]),
)
ORDER = [
    "0.9", "1-0", "1-2", "1-alpha", "1-alpha1", "1-alpha.2", "1-beta", "1-rc9", "1-rc10", "1",
    "1.0.1", "1.2.0", "1.10.0", "2026.01.05", "2026.11.25",
]  # fmt: skip


@pytest.mark.parametrize("text", [*ORDER, "1.2.0-rc.1-a", "007"])
def test_version_is_taken(text: str) -> None:
    """As it is."""
    assert check_version(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "v1", "1.", ".1", "1..2", "1.2.x", "latest", "1 ", " 1", "1\n", "1.2-", "1.2+gpu", "1.2-a..b",
        "1/2", "../1", "<b>", "-1", "1.2.3.4.5.6.7.8.9", "1" * 10, "1." + "1" * 70, "١", None, 7, 1.2,
    ],
)  # fmt: skip
def test_what_is_no_version_is_refused(text: object) -> None:
    """With what one looks like."""
    with pytest.raises(InvalidMetaDataError, match=r"such as '1.2.0'") as caught:
        check_version(text)  # type: ignore[arg-type]
    assert caught.value.field == "version"


def test_versions_are_in_the_order_that_people_mean() -> None:
    """Ten is more than nine, a release more than its candidates."""
    assert sorted(Random(1).sample(ORDER, len(ORDER)), key=sort_key) == ORDER
    assert sort_key("1.2") == sort_key("1.2.0")
    assert sort_key("2026.1.5") == sort_key("2026.01.05")


@given(VERSIONS)
def test_next_version_is_newer(version: str) -> None:
    """Always, and is a version."""
    assert sort_key(check_version(next_version(version))) > sort_key(version)


def test_next_version_counts_on() -> None:
    """From nothing too."""
    counted = {None: "1", "": "1", "1": "2", "9": "10", "1.2.0": "1.2.1", "1.2.0-rc1": "1.2.0"}
    for before, after in (counted | {"2026.11.09": "2026.11.10"}).items():
        assert next_version(before) == after
    with pytest.raises(InvalidMetaDataError):
        next_version("latest")
