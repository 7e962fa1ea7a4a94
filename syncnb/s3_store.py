"""A bucket of an S3-compatible store, by its URL."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncnb.errors import MissingDependencyError, SettingsError

if TYPE_CHECKING:
    from obstore.store import S3Store


def s3_store(url: str, setting: str) -> S3Store:
    """Open ``s3://bucket/prefix``; endpoint, region and keys come from the ``AWS_*`` variables.

    Raises
    ------
    SettingsError
        The URL names no bucket, or the endpoint is not encrypted.
    MissingDependencyError
        obstore is not installed.
    """
    parts = urlsplit(url)
    if not parts.netloc or parts.query or "@" in parts.netloc:
        raise SettingsError(
            setting, f"{parts.netloc!r} is no bucket", "write it as s3://bucket/prefix"
        )
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise MissingDependencyError("obstore", "A place in S3", "s3") from error
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={"allow_http": _may_be_plain(), "timeout": "120s"},
        retry_config={"max_retries": 4},
    )


def shown(url: str) -> str:
    """The URL for people: without what could be a secret."""
    parts = urlsplit(url)
    return f"s3://{parts.netloc}{parts.path}"


def first_line(error: Exception) -> str:
    """What is wrong, without what the library adds."""
    return str(error).strip().split("\n", 1)[0]


def _may_be_plain() -> bool:
    """Whether the endpoint is reached without TLS: on this machine, or where that was said."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    parts = urlsplit(endpoint)
    if parts.scheme != "http":
        return False
    if os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true":
        return True
    host = parts.hostname or ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise SettingsError(
            "AWS_ENDPOINT_URL",
            f"data and keys would go to {host} without TLS",
            "use https, or set AWS_ALLOW_HTTP=true if you trust the network",
        )
    return True
