"""Where large data lie: a folder (`local`) or an S3 store (`s3`), by one contract (`base`)."""

from syncnb.service.blobs.base import BlobReader, Blobs, BlobsError, BytesReader, TooLarge
from syncnb.service.blobs.local import LocalBlobs, LocalReader

__all__ = [
    "BlobReader",
    "Blobs",
    "BlobsError",
    "BytesReader",
    "LocalBlobs",
    "LocalReader",
    "TooLarge",
]
