"""What nodes send: reports of both forms, and worse."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from syncnb import LocalFleet, ObjectMetaData, SyncServiceClient

NOW = datetime.now(UTC)


def send_stream(
    node: SyncServiceClient,
    object_type: str,
    stream: str,
    first: int,
    values: list[Any],
    *,
    object_id: str = "",
    at: datetime = NOW,
    dropped: int = 0,
    column: str = "value",
) -> None:
    """What a `Reporter` sends: rows with sequence numbers from `first` on."""
    count = len(values)
    times = [at + timedelta(milliseconds=n) for n in range(count)]
    table = pa.table(
        {
            column: pa.array(values),
            "reported_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "sequence": pa.array(range(first, first + count), pa.int64()),
            "model_version": pa.nulls(count, pa.string()),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    extra = {"stream": stream, "first": first, "last": first + count - 1, "dropped": dropped}
    send_data(
        node, object_type, object_id or f"n.{stream}.{first}", buffer.getvalue(), "parquet", extra
    )


def send_lines(
    node: SyncServiceClient, object_type: str, object_id: str, rows: list[dict[str, Any]]
) -> None:
    """What `report` sends, under an ID of ours."""
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    extra = {"reported_at": NOW.isoformat()}
    send_data(node, object_type, object_id, data, "jsonl", extra)


def send_data(
    node: SyncServiceClient,
    object_type: str,
    object_id: str,
    data: bytes,
    form: str,
    extra: dict[str, Any],
) -> None:
    """Bytes that say that they are a report."""
    manifest = {
        "manifest": 1,
        "format": form,
        "codec": f"{form}/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "extra": extra,
    }
    meta = ObjectMetaData(
        object_type=object_type,
        object_id=object_id,
        description=json.dumps({"text": "", "syncnb": manifest}),
    )
    node.update_object(meta, data=data)


def waiting(fleet: LocalFleet, object_type: str) -> set[str]:
    """IDs of what has arrived and was not acknowledged."""
    found = fleet.cloud.get_updated_objects(object_type, received=True)
    return {meta.object_id for meta in found if not meta.deleted}
