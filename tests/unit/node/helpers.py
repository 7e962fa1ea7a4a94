"""What the tests of a node share: objects that are broken in one way or another."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from syncnb import Manifest, ObjectMetaData, Publication, SyncServiceClient


def fresh() -> str:
    return f"n{uuid.uuid4().hex}"


def publish_raw(
    client: SyncServiceClient,
    object_type: str,
    data: bytes,
    *,
    name: str = "a",
    version: str = "",
    format: str = "bytes",  # noqa: A002
    sha: str = "",
    requires: Mapping[str, str] | None = None,
    example: Mapping[str, Any] | None = None,
) -> Publication:
    """Publish data with a manifest that may lie about them."""
    manifest = Manifest(
        format=format,
        codec=f"{format}/1",
        sha256=sha or sha256(data).hexdigest(),
        size=len(data),
        name=name,
        version=version,
        requires=requires or {},
        example=example or {},
    )
    meta = ObjectMetaData(
        object_type=object_type,
        object_id=name,
        dest_type="edge",
        version=version,
        description=manifest.to_description(),
    )
    client.update_object(meta, data=data)
    return Publication(meta, manifest, client)
