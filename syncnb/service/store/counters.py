"""Numbers that only grow, flags, and timers that run once for all processes of a service."""

from __future__ import annotations

from syncnb.service.store.statements import Statements


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
        row = self._row("SELECT value FROM counters WHERE name = :name", {"name": name})
        value = max(at_least, (int(row[0]) + 1) if row else 0)
        self._put("counters", ("name",), {"name": name, "value": value})
        return value

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
        if row is not None and now < float(row[0]) <= now + interval:
            return False  # a time further away than that comes from a clock that was wrong
        self._put("timers", ("name",), {"name": name, "due_at": now + interval})
        return True
