"""What this process uploads and downloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncnb.client.progress import TRANSFERS, Meter, size
from syncnb.tables.view import TableView, shared

_TICK = 0.25  # seconds between two looks at bytes that go on


def transfers() -> TableView:
    """Uploads and downloads of this process: those that run, and the last that have ended.

    Returns
    -------
    TableView
        A row for each, with how far it is and how fast it goes.

    Examples
    --------
    >>> import io
    >>> from syncnb import LocalFleet, ObjectMetaData, transfers
    >>> note = ObjectMetaData(object_type="note", object_id="example")
    >>> with LocalFleet(nodes=0) as fleet:
    ...     fleet.cloud.update_object(note)
    ...     fleet.cloud.update_object_data(note, io.BytesIO(b"hello"))
    ...     found = transfers().to_pandas().set_index("transfer")
    >>> found.loc["note/example up", "status"]
    'done'
    """
    return TableView(shared("transfers", Transfers))


class Transfers:
    """What `transfers` shows.

    Examples
    --------
    >>> Transfers().done()
    False
    """

    title = "Transfers of this process"
    columns: Sequence[str] = ("transfer", "progress", "speed", "status", "since", "message")
    empty = "Nothing was transferred yet: each upload and download appears here as it begins."
    goal = "done"

    def rows(self) -> Sequence[Mapping[str, str]]:
        """The newest first."""
        return [_row(meter) for meter in reversed(TRANSFERS.listed())]

    def wait_for_change(self, timeout: float) -> bool:
        """Wait until one begins, ends, or goes on."""
        if any(meter.state == "running" for meter in TRANSFERS.listed()):
            TRANSFERS.wait(min(timeout, _TICK))
            return True
        return TRANSFERS.wait(timeout)

    def done(self) -> bool:
        """There may always be another one."""
        return False


def _row(meter: Meter) -> Mapping[str, str]:
    done, total, seconds = meter.done, meter.total, meter.seconds
    part = f"{100 * min(done, total) // total} % of {size(total)}" if total else size(done)
    return {
        "transfer": meter.title,
        "progress": part,
        "speed": f"{size(int(done / seconds))}/s" if done and seconds > 0 else "",
        "status": meter.state,
        "since": (meter.ended or meter.began).isoformat(timespec="seconds"),
        "message": meter.error,
    }
