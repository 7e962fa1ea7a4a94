"""What travels to the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncnb.widgets.changes import Changes
from syncnb.widgets.table import Snapshot

NAMES = st.sampled_from([f"n{i}" for i in range(7)])
STATUSES = st.sampled_from(["sent", "delivered", "consumed", "error", ""])
TEXTS = st.text(alphabet="ab\t\n\r\\ <&", max_size=5)
ROWS = st.lists(
    st.fixed_dictionaries({"node": NAMES, "status": STATUSES, "message": TEXTS}),
    max_size=8,
    unique_by=lambda row: row["node"],
)


def table(rows: Sequence[Mapping[str, str]]) -> Snapshot:
    return Snapshot(title="", columns=("node", "status"), rows=tuple(rows))


def unescaped(text: str) -> str:
    out, letters = "", iter(text)
    for letter in letters:
        out += (
            {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[next(letters)]
            if letter == "\\"
            else letter
        )
    return out


class Page:
    """What a front end has, by the rules of live.js."""

    def __init__(self, everything: str) -> None:
        serial, *self.lines = everything.split("\n")
        self.serial = int(serial)

    def apply(self, patch: Mapping[str, Any]) -> None:
        assert patch["serial"] == self.serial + 1
        self.serial = patch["serial"]
        if patch["runs"]:
            before, self.lines = self.lines, []
            for start, count in patch["runs"]:
                self.lines += [""] * count if start < 0 else before[start : start + count]
        for place, line in zip(patch["at"], patch["rows"].split("\n"), strict=bool(patch["at"])):
            self.lines[place : place + 1] = [line]

    def rows(self, statuses: Sequence[str]) -> list[dict[str, str]]:
        found = []
        for line in self.lines:
            node, status, message, _ = line.split("\t")
            found.append(
                {"node": node, "status": statuses[int(status)], "message": unescaped(message)}
            )
        return found


@given(st.lists(ROWS, min_size=1, max_size=6))
def test_whoever_gets_every_patch_has_every_row(states: list[list[dict[str, str]]]) -> None:
    """Whatever comes, goes, moves or changes."""
    changes = Changes(table(states[0]))
    page = Page(changes.everything())
    for rows in states[1:]:
        patch = changes.turn_to(table(rows))
        if patch is not None:
            page.apply(patch.to_wire())
        assert page.rows(changes.statuses) == rows
        assert page.lines == Page(changes.everything()).lines


def test_a_patch_holds_what_changed_and_no_more() -> None:
    rows = [{"node": f"n{i}", "status": "sent"} for i in range(10_000)]
    changes = Changes(table(rows))
    rows[500] = {"node": "n500", "status": "consumed"}
    patch = changes.turn_to(table([*rows[:9000], {"node": "new", "status": "sent"}, *rows[9000:]]))
    assert patch is not None
    assert patch.at == [500, 9000]
    assert patch.runs == [[0, 9000], [-1, 1], [9000, 1000]]
    assert len(patch.rows) < 40


def test_nothing_travels_when_nothing_changed() -> None:
    rows = ({"node": "n1", "status": "sent"},)
    changes = Changes(table(rows))
    assert changes.turn_to(table(rows)) is None
    assert changes.turn_to(table([dict(row) for row in rows])) is None


def test_the_history_of_a_row_is_kept_and_bounded() -> None:
    """Its last steps, with the seconds between them."""
    columns = ("node", "status", "since")
    changes = Changes(Snapshot(title="", columns=columns, rows=()))
    for step in range(20):
        status = ("sent", "consumed")[step % 2]
        row = {"node": "n", "status": status, "since": f"2030-01-01T00:00:{2 * step:02}Z"}
        changes.turn_to(Snapshot(title="", columns=columns, rows=(row,)))
    assert changes.everything().split("\t")[-1] == "0 1:2 0:2 1:2 0:2 1:2 0:2 1:2"


def test_two_rows_of_one_name_stay_two() -> None:
    rows = [{"node": "n", "status": "sent"}, {"node": "n", "status": "consumed"}]
    changes = Changes(table(rows))
    assert Page(changes.everything()).rows(changes.statuses) == [
        {**row, "message": ""} for row in rows
    ]
