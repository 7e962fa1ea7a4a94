"""What lies elsewhere, ready to be published: MLflow, Hugging Face's cache, any URL of fsspec."""

from syncnb.bridges.recording import record
from syncnb.bridges.resolving import resolve
from syncnb.bridges.source import Source

__all__ = ["Source", "record", "resolve"]
