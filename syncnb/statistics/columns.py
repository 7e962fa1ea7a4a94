"""What travels with what was reported, and how much."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "node", "node_type", "reported_at", "object_id", "sequence", "stream", "model_version",
)  # fmt: skip
LARGEST_LINES = 64 << 20  # bytes of an object of JSON lines, which Python reads as a whole
SAME = ("node", "node_type", "object_id", "stream")  # in all rows of an object
DIFFERENT = ("reported_at", "sequence", "model_version")  # from row to row
OF_STREAMS = ("sequence", "stream", "model_version")  # empty in what `report` sends


@cache
def column_types() -> dict[str, pa.DataType]:
    """The Arrow types of `COLUMNS`, in their order.

    Returns
    -------
    dict of str to pyarrow.DataType
        Times are of the node's clock, in microseconds UTC.

    Examples
    --------
    >>> list(column_types()) == list(COLUMNS)
    True
    """
    import pyarrow as pa

    text, time, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.int64()
    return dict(zip(COLUMNS, (text, text, time, text, number, text, text), strict=True))
