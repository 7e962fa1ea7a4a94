"""The log of a table: entries with numbers, each made once, by whoever is first."""

from __future__ import annotations

from syncnb.errors import TableError
from syncnb.statistics.table.entries import Entry
from syncnb.statistics.table.names import CHECKPOINTS, checkpoint, entry
from syncnb.statistics.table.place import Place
from syncnb.statistics.table.state import State

_EVERY = 20  # entries between checkpoints
_KEPT = 2  # checkpoints that stay
_REMEDY = "restore it from a backup, or start a new table elsewhere"


class Log:
    """The history of a table, and what it adds up to.

    Nothing of it is ever removed: an updater that was stopped for a week finds that the entry it
    wanted to write is there, and begins again.

    Parameters
    ----------
    place : Place
        Where the table is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._state: State | None = None
        self._checkpoint = 0

    def state(self) -> State:
        """What the log adds up to now.

        Returns
        -------
        State
            The same object each time, brought up to date; not to be changed.

        Raises
        ------
        TableError
            It cannot be read.
        """
        if self._state is None:
            self._state = self._newest_checkpoint()
            self._checkpoint = self._state.number
        state = self._state
        while (data := self._place.read(entry(state.number + 1))) is not None:
            self._apply(state, data)
        return state

    def append(self, one: Entry, number: int) -> bool:
        """Make an entry.

        Parameters
        ----------
        one : Entry
            What it says.
        number : int
            The next after the state that it was made for.

        Returns
        -------
        bool
            False if somebody else was faster: then what it says may not be right any more.
        """
        state = self.state() if self._state is None else self._state
        if state.number + 1 != number:
            return False
        if not self._place.create(entry(number), one.to_bytes()):
            return False
        state.apply(one)
        return True

    def keep_checkpoint(self) -> None:
        """Write the state down if there are many entries since the last time."""
        state = self._state
        if state is None or state.number < self._checkpoint + _EVERY:
            return
        self._place.write(checkpoint(state.number), state.to_bytes())
        self._checkpoint = state.number
        for old in self._place.names(CHECKPOINTS)[:-_KEPT]:
            self._place.remove(old.name)

    def _apply(self, state: State, data: bytes) -> None:
        name = entry(state.number + 1)
        try:
            one = Entry.from_bytes(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _broken(self._place, name, error) from error
        state.apply(one)

    def _newest_checkpoint(self) -> State:
        for _ in range(3):  # others write newer ones and remove the old
            names = [one.name for one in self._place.names(CHECKPOINTS)]
            if not names:
                return State()
            data = self._place.read(names[-1])
            if data is not None:
                try:
                    return State.from_bytes(data)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise _broken(self._place, names[-1], error) from error
        raise TableError(
            f"the table {self._place.shown}", "its checkpoints change all the time", "try again"
        )


def _broken(place: Place, name: str, error: Exception) -> TableError:
    said = f"{name} cannot be read ({str(error) or type(error).__name__:.200})"
    return TableError(f"the table {place.shown}", said, _REMEDY)
