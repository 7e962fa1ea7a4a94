"""Reports that the table cannot take: kept in ``_set_aside``, each with its reason."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.statistics.table.entries import Taken
from syncnb.statistics.table.names import SET_ASIDE
from syncnb.statistics.table.place import Place
from syncnb.statistics.table.staging import keep_rows

if TYPE_CHECKING:
    import pyarrow as pa


def set_aside(place: Place, taken: Taken, content: pa.Table | Path | None) -> None:
    """Keep a report under its key; doing it again changes nothing.

    Parameters
    ----------
    place : Place
        The table.
    taken : Taken
        The object, with its reason.
    content : pyarrow.Table, path or None
        Its rows, kept as Parquet; its data, kept as they are; or nothing, where it has none.
    """
    folder = f"{SET_ASIDE}/{taken.key}"
    if content is not None:
        # No suffix: `DIR/**/*.parquet` is for the rows of the table.
        with place.writing(f"{folder}/data") as path:
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                keep_rows(path, content)
    about = {
        "reason": taken.reason,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "org_id": taken.org_id,
        "object_type": taken.object_type,
        "object_id": taken.object_id,
        "instance_id": taken.instance_id,
        "node_type": taken.origin_type,
        "node": taken.origin_id,
        "data": None if content is None else "as reported" if isinstance(content, Path) else "rows",
    }
    place.write(f"{folder}/about.json", json.dumps(about, indent=2).encode())


def because(taken: Taken, reason: str) -> Taken:
    """The same object, with a reason."""
    return replace(taken, reason=reason)
