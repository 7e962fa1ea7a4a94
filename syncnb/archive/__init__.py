"""The archive: published bytes by their digest, and a record a version.

A sync service keeps only the newest version of an object. What was published before lies here, in a
folder or in an S3-compatible store.
"""

from syncnb.archive.local import LocalArchive
from syncnb.archive.opening import open_archive
from syncnb.archive.records import Archive, ArchiveKey, Record

__all__ = ["Archive", "ArchiveKey", "LocalArchive", "Record", "open_archive"]
