"""Files of a table as a dataset of Arrow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from syncnb.statistics.table.place import Found, Place
from syncnb.statistics.table.schemas import PARTITION

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads


def dataset_of(place: Place, schema: pa.Schema, files: Iterable[Found]) -> pads.Dataset:
    """Files as a dataset of Arrow, with the day as a column."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    system, root = place.arrow()
    day = pa.field(PARTITION, pa.date32())
    whole = pa.schema([*schema, day])
    paths = [f"{root}/{one.name}" for one in files]
    if not paths:
        return pads.dataset(whole.empty_table())
    return pads.dataset(
        paths,
        schema=whole,
        filesystem=system,
        format="parquet",
        partitioning=pads.partitioning(pa.schema([day]), flavor="hive"),
        partition_base_dir=root,
    )
