"""Reports as a `Reporter` sends them, and what pretends to be one."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from syncnb import ObjectMetaData, SyncServiceClient

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def fresh() -> str:
    return f"s{uuid.uuid4().hex}"


def parquet(
    columns: Mapping[str, Sequence[Any] | pa.Array],
    first: int = 1,
    *,
    at: datetime | None = NOW,
    numbers: Sequence[int] | None = None,
    **options: Any,
) -> bytes:
    """The data of a report: columns, time, sequence, model version."""
    rows = len(next(iter(columns.values())))
    table = pa.table(
        {
            **columns,
            "reported_at": pa.array([at] * rows, pa.timestamp("us", tz="UTC")),
            "sequence": pa.array(numbers or range(first, first + rows), pa.int64()),
            "model_version": pa.array(["1.0"] * rows),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def send(
    node: SyncServiceClient,
    object_type: str,
    columns: Mapping[str, Sequence[Any] | pa.Array],
    first: int = 1,
    *,
    stream: str = "s1",
    object_id: str = "",
    at: datetime | None = NOW,
    numbers: Sequence[int] | None = None,
    data: bytes | None = None,
    lies: Mapping[str, Any] | None = None,
    **options: Any,
) -> str:
    """Send a report from a node; `lies` go into its manifest, `data` are other bytes."""
    good = parquet(columns, first, at=at, numbers=numbers, **options)
    data = good if data is None else data
    rows = len(next(iter(columns.values())))
    extra = {"stream": stream, "first": first, "last": first + rows - 1, "dropped": 0}
    manifest: dict[str, Any] = {
        "manifest": 1,
        "format": "parquet",
        "codec": "parquet/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "extra": extra,
    }
    for name, value in (lies or {}).items():
        (extra if name in extra else manifest)[name] = value
    meta = ObjectMetaData(
        object_type=object_type,
        object_id=object_id or f"node.{stream}.{first}",
        description=json.dumps({"text": "", "syncnb": manifest}),
    )
    if len(data) < 1 << 20:
        node.update_object(meta, data=data)
    else:
        node.update_object(meta)
        node.update_object_data(meta, io.BytesIO(data), sha256=hashlib.sha256(data).hexdigest())
    return meta.object_id


def lines(node: SyncServiceClient, object_type: str, text: str, object_id: str) -> None:
    """Send JSON lines as `report` does, whatever is in them."""
    data = text.encode()
    manifest = {
        "manifest": 1,
        "format": "jsonl",
        "codec": "jsonl/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "extra": {"reported_at": NOW.isoformat()},
    }
    description = json.dumps({"text": "", "syncnb": manifest})
    meta = ObjectMetaData(object_type=object_type, object_id=object_id, description=description)
    node.update_object(meta, data=data)
