"""Data of every kind reach a node and become again what they were."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from shapely import Point

from syncnb import LocalFleet, publish, publish_dataframe, publish_file, publish_model, updates
from syncnb.errors import NoCodecError

TABLES: list[Any] = [
    pd.DataFrame({"a": pd.Series(["x", None], dtype=object)}, index=pd.Index([3, 4], name="i")),
    pl.DataFrame({"a": [1, None], "b": [["x"], []]}),
    pa.table({"a": [1, 2]}),
    gpd.GeoDataFrame({"a": [1]}, geometry=[Point(1, 2)], crs="EPSG:4326"),
]
OTHERS: list[Any] = [
    np.arange(6.0).reshape(2, 3), {"a": np.ones(2), "b": np.zeros(3)}, "text\r\n", b"bytes",
    {"limit": 0.1, "names": ["a", None]}, [1, 2.5, True], 5, 0.5, False, None,
]  # fmt: skip


def received(fleet: LocalFleet, kind: str) -> Any:
    with next(updates(kind, client=fleet.node("node1"), timeout=20)) as update:
        return update.load()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table).__module__)
def test_a_table_arrives_as_what_it_was(fleet: LocalFleet, table: Any) -> None:
    """Of four libraries."""
    kind = f"t{uuid.uuid4().hex}"
    done = publish_dataframe(
        table, name="a", object_type=kind, dest_type="edge", client=fleet.cloud
    )
    assert done.manifest.file_name == "a.parquet"
    back = received(fleet, kind)
    assert type(back) is type(table)
    assert back.equals(table)


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_other_data_arrive_as_what_they_were(fleet: LocalFleet, value: Any) -> None:
    """Arrays, texts, values."""
    kind = f"v{uuid.uuid4().hex}"
    publish(value, kind, "a", dest_type="edge", client=fleet.cloud)
    back = received(fleet, kind)
    assert type(back) is type(value)
    np.testing.assert_equal(back, value)


def test_a_folder_arrives_as_a_folder(fleet: LocalFleet, tmp_path: Path) -> None:
    """Larger than what travels with the metadata."""
    (tmp_path / "m" / "sub").mkdir(parents=True)
    (tmp_path / "m" / "sub" / "weights").write_bytes(b"x" * 400_000)
    kind = f"f{uuid.uuid4().hex}"
    done = publish_file(tmp_path / "m", object_type=kind, dest_type="edge", client=fleet.cloud)
    assert (done.manifest.format, done.manifest.file_name) == ("folder", "m.zip")
    with next(updates(kind, client=fleet.node("node1"), timeout=20)) as update:
        folder = update.load()
        assert folder.name == "m"
        assert (folder / "sub" / "weights").read_bytes() == b"x" * 400_000
    assert not folder.exists()


@pytest.mark.parametrize("thing", [*TABLES, *OTHERS], ids=lambda thing: type(thing).__name__)
def test_data_are_no_model(fleet: LocalFleet, thing: Any) -> None:
    """A variable of another name is soon passed."""
    with pytest.raises(NoCodecError, match="it is no model"):
        publish_model(thing, name="a", client=fleet.cloud)
