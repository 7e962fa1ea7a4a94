"""What a table says, before it is drawn."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.errors import AccessDeniedError, ConnectionFailedError
from syncnb.tables.arrivals import Arrivals
from syncnb.tables.fleet import Fleet
from syncnb.tables.transfers import Transfers
from syncnb.widgets.table import GOAL, TONES, Snapshot, parse_time, read, snapshot, tone
from tests.browser.scripted_source import ScriptedSource

START = datetime(2026, 11, 24, 14, 3, 7, tzinfo=UTC)
STATUSES = st.sampled_from([*TONES, "", "a status of a newer service"])


def table_of(*statuses: str) -> Snapshot:
    rows = [{"node": f"camera/n{i}", "status": status} for i, status in enumerate(statuses)]
    return Snapshot(title="model/m", columns=("node", "status"), rows=rows)


@pytest.mark.parametrize(
    ("statuses", "summary"),
    [
        pytest.param((), "no nodes yet", id="empty"),
        pytest.param(("sent", "sent"), "0 of 2 consumed, 2 sent", id="just-sent"),
        pytest.param(("error", "consumed", "consumed"), "2 of 3 consumed, 1 error", id="error"),
        pytest.param(("consumed",) * 3, "3 of 3 consumed", id="done"),
        pytest.param(
            ("new", "delivered", "pending"),
            "0 of 3 consumed, 1 delivered, 1 pending, 1 new",
            id="unknown",
        ),
        pytest.param(("",), "0 of 1 consumed, 1 unknown", id="nothing-said"),
    ],
)
def test_the_summary_counts_what_was_reached_first(statuses: tuple[str, ...], summary: str) -> None:
    assert table_of(*statuses).summary == summary


@given(st.lists(STATUSES, max_size=40))
def test_every_row_is_counted_once_whatever_its_status(statuses: list[str]) -> None:
    counts = table_of(*statuses).counts
    assert sum(number for _, _, number in counts) == len(statuses)
    assert len({status for status, _, _ in counts}) == len(counts)
    assert all(number > 0 for _, _, number in counts)


@given(st.lists(STATUSES, max_size=40), st.integers(0, 45))
def test_rows_that_do_not_fit_are_counted_and_errors_are_shown_first(
    statuses: list[str], limit: int
) -> None:
    table = table_of(*statuses)
    shown, rest = table.pick(limit)
    assert len(shown) == min(limit, len(statuses))
    assert (rest == "") == (len(statuses) <= limit)
    errors = min(statuses.count("error"), limit)
    assert sum(row["status"] == "error" for row in shown) >= errors
    if rest:
        assert rest.startswith(f"{len(statuses) - limit} more: ")


def test_rows_that_fit_keep_the_order_of_the_source() -> None:
    table = table_of("consumed", "error", "sent")
    assert table.pick(3) == (list(table.rows), "")


def test_times_of_one_day_are_clock_times_and_the_title_says_utc() -> None:
    source = ScriptedSource(1, start=START)
    source.set("camera/node2", "consumed", after=60)
    table = snapshot(source)
    assert table.labels == ["node", "version", "status", "since (UTC)"]
    assert [table.cells(row)[3] for row in table.rows] == ["14:03:07", "14:04:07"]


def test_times_of_two_days_have_their_date() -> None:
    source = ScriptedSource(1, start=START)
    source.set("camera/node2", "consumed", after=86400)
    table = snapshot(source)
    assert [table.cells(row)[3] for row in table.rows] == [
        "2026-11-24 14:03:07",
        "2026-11-25 14:03:07",
    ]


def test_what_is_no_time_is_drawn_as_it_is() -> None:
    rows = [{"node": "a", "since": "yesterday"}, {"node": "b", "since": "2026-11-24T14:03:07Z"}]
    table = Snapshot(title="", columns=("node", "since"), rows=rows)
    assert table.labels == ["node", "since"]
    assert [table.cells(row)[1] for row in rows] == ["yesterday", "2026-11-24T14:03:07Z"]


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-11-24T14:03:07Z", 14), ("2026-11-24T14:03:07+02:00", 12), ("2026-11-24T14:03:07", 14)],
)
def test_times_are_drawn_in_utc(text: str, hour: int) -> None:
    time = parse_time(text)
    assert time is not None
    assert (time.hour, time.tzinfo) == (hour, UTC)


def test_messages_are_no_column_of_their_own() -> None:
    assert "message" in ScriptedSource.columns
    assert "message" not in snapshot(ScriptedSource(1)).columns


def test_a_row_may_lack_a_column() -> None:
    table = Snapshot(title="", columns=("node", "version"), rows=[{"node": "a"}])
    assert table.cells(table.rows[0]) == ["a", ""]


def test_only_the_goal_is_drawn_as_good() -> None:
    goals = [GOAL, Arrivals.goal, Transfers.goal, Fleet.goal]
    assert [status for status in TONES if tone(status) == "good"] == goals


@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailedError("http://127.0.0.1:9080", "connection refused"),
        AccessDeniedError(403, "get_object_destinations", "object model/m"),
    ],
    ids=["away", "denied"],
)
def test_looking_at_a_source_that_fails_shows_why_and_raises_nothing(error: Exception) -> None:
    source = ScriptedSource(2)
    source.fail(error)
    assert snapshot(source).notice == str(error)
    with pytest.raises(type(error)):
        read(source)


def test_a_mistake_in_a_source_is_not_hidden() -> None:
    source = ScriptedSource(2)
    source.fail(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        snapshot(source)
