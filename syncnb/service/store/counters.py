"""Numbers that only grow, flags, and timers that run once for all processes of a service."""

from __future__ import annotations

from syncnb.service.store.statements import Statements

_HOLD = "hold files"


class Counters(Statements):
    """The tables ``counters`` and ``timers``."""

    def next_instance(self, now: float) -> int:
        """A number that grows with every call, over restarts and restores (sync-http.md, 12).

        Parameters
        ----------
        now : float
            Seconds since the epoch; the number is about that in nanoseconds.
        """
        return self.next_number("instance", at_least=int(now * 1e9))

    def next_number(self, name: str, *, at_least: int = 1) -> int:
        """The next number of a row that never repeats one."""
        self.changed = True
        ((value,),) = self._rows(
            "INSERT INTO counters (name, value) VALUES (:name, :least) "
            "ON CONFLICT (name) DO UPDATE SET value = CASE "
            "WHEN counters.value < :least THEN :least ELSE counters.value + 1 END RETURNING value",
            {"name": name, "least": at_least},
        )
        return int(value)

    def raise_number(self, name: str, to: int) -> None:
        """The next number of a row is greater than `to`."""
        if self.number(name) < to:
            self._put("counters", ("name",), {"name": name, "value": to})

    def number(self, name: str) -> int:
        """What a row holds; 0 if it is not there."""
        row = self._row("SELECT value FROM counters WHERE name = :name", {"name": name})
        return int(row[0]) if row else 0

    def set_number(self, name: str, value: int) -> None:
        """Let a row hold this."""
        self._put("counters", ("name",), {"name": name, "value": value})

    def flag(self, name: str) -> bool:
        """Whether a flag was set, ever."""
        return self._row("SELECT 1 FROM counters WHERE name = :name", {"name": name}) is not None

    def set_flag(self, name: str) -> None:
        """Set a flag for good."""
        self._put("counters", ("name",), {"name": name, "value": 1})

    def clear_flag(self, name: str) -> None:
        """Take a flag back."""
        self._change("DELETE FROM counters WHERE name = :name", {"name": name})

    def timer_is_due(self, name: str, now: float, interval: float) -> bool:
        """Whether a timer is due; if so, it is the caller's to do, and nobody else's.

        Parameters
        ----------
        now : float
            Seconds since the epoch.
        interval : float
            Seconds until it is due again.
        """
        row = self._row("SELECT due_at FROM timers WHERE name = :name", {"name": name})
        # The clocks of two machines differ, and one may have waited for its turn since it looked;
        # a time that is further away comes from a clock that was wrong.
        if row is not None and now < float(row[0]) <= now + 2 * interval:
            return False
        self._put("timers", ("name",), {"name": name, "due_at": now + interval})
        return True

    def hold_files(self, until: float) -> None:
        """Let nobody remove files that no record names until then: they are being backed up."""
        self._put("timers", ("name",), {"name": _HOLD, "due_at": until})

    def files_are_held(self, now: float) -> bool:
        """Whether they are."""
        row = self._row("SELECT due_at FROM timers WHERE name = :name", {"name": _HOLD})
        return row is not None and now < float(row[0])
