"""A node's cache: published bytes by their digest, for all programs of a user."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from syncnb.cache_settings import cache_path, size_setting
from syncnb.errors import SettingsError
from syncnb.leases import Lease

log = logging.getLogger("syncnb")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)


class Cache:
    """Files by the SHA-256 of their bytes, in a folder that several processes may use at a time.

    A file enters it complete and checked. When it is full, what was not used for the longest time
    goes; a file that a program has in use stays readable for it.

    Parameters
    ----------
    path : path, optional
        The folder; by default ``SYNCNB_CACHE`` names it, or it is ``syncnb`` in the cache folder
        of the platform.
    size : int, optional
        Bytes that it may hold; by default ``SYNCNB_CACHE_SIZE`` says it, such as ``"500M"`` or
        ``"20G"``, or it is 10 GiB.

    Raises
    ------
    SettingsError
        The size is none.

    Notes
    -----
    ``data/`` has the files, ``used/`` a note of each (its time is when the file was last used),
    ``leases/`` a folder for each use, with a hard link to the file, ``kept/`` what is not to be
    evicted. A folder of a process that has died is found by its lock, which the kernel releases.

    A file is compared with its digest when it enters. Later its size and its time are looked at; if
    they have changed, or the machine was restarted since, the digest is computed again.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
    ...     with cache.open(digest, "a.txt", lambda path: path.write_bytes(b"data")) as lease:
    ...         lease.path.read_text()
    ...     digest in cache
    'data'
    True
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, size: int | None = None
    ) -> None:
        self.path = cache_path() if path is None else Path(path).expanduser().absolute()
        self.size = size_setting() if size is None else size
        if self.size <= 0:
            raise SettingsError("size", f"{size!r} is no number of bytes", "give 1 or more")

    def open(self, digest: str, name: str, fill: Callable[[Path], object]) -> Lease:
        """The file with a digest; one that is not here is fetched.

        Parameters
        ----------
        digest : str
            SHA-256 in hexadecimal.
        name : str
            What the file is to be called in the lease.
        fill : callable
            Writes the file to a path, and raises if the bytes have another digest.

        Returns
        -------
        Lease
            To be closed when the file is not needed any more. The file is for reading.

        Raises
        ------
        OSError
            The folder cannot be used, or the disk is full.
        SettingsError
            Others may write to the folder.
        Exception
            What `fill` raised; the cache is as it was.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
        ...     with cache.open(digest, "a.txt", lambda path: path.write_bytes(b"data")) as lease:
        ...         lease.path.name
        'a.txt'
        """
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise SettingsError("digest", f"{digest!r} is no SHA-256", "give 64 hex digits")
        lease = self._lease(name)
        try:
            if not self._take(digest, lease.path):
                self._fill(lease.path, fill)
                self._put(digest, lease.path)
        except BaseException:
            lease.close()
            raise
        return lease

    def __contains__(self, digest: str) -> bool:
        return (self.path / "data" / digest).exists()

    def kept(self, label: str) -> Mapping[str, object] | None:
        """What `keep` noted under a label.

        Parameters
        ----------
        label : str
            Any text.

        Returns
        -------
        mapping or None
            None if there is nothing that can be read.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
        ...     print(cache.kept("in use"))
        None
        """
        try:
            values = json.loads(self._label(label).read_bytes())
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) and values.get("label") == label else None

    def keep(self, label: str, digest: str, **values: object) -> None:
        """Do not evict a file, until another one has the label.

        Parameters
        ----------
        label : str
            Any text; one file a label.
        digest : str
            Which file.
        **values
            JSON, to find beside it.

        Raises
        ------
        OSError
            It cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
        ...     cache.keep("in use", digest, version="1")
        ...     cache.kept("in use")["version"]
        '1'
        """
        target = self._label(label)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            for path in (self.path / "data" / digest, self.path / "data"):
                _sync(path)
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("wb") as file:
                file.write(json.dumps({"label": label, "digest": digest, **values}).encode())
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def forget(self, label: str) -> None:
        """What was kept under a label may be evicted.

        Parameters
        ----------
        label : str
            As for `keep`.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
        ...     cache.keep("in use", digest)
        ...     cache.forget("in use")
        """
        self._label(label).unlink(missing_ok=True)

    def changed(self, label: str) -> int:
        """When `keep` was last called for a label, by any process.

        Parameters
        ----------
        label : str
            As for `keep`.

        Returns
        -------
        int
            Nanoseconds; 0 for never.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
        ...     cache.changed("in use")
        0
        """
        try:
            return self._label(label).stat().st_mtime_ns
        except OSError:
            return 0

    def clear(self) -> None:
        """Remove every file that is not kept; what is in use can be read on.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     cache, digest = Cache(folder), hashlib.sha256(b"data").hexdigest()
        ...     cache.open(digest, "a", lambda path: path.write_bytes(b"data")).close()
        ...     cache.clear()
        ...     digest in cache
        False
        """
        self._evict(0)

    def __repr__(self) -> str:
        held = sum(entry.size for entry in self._entries())
        return f"<Cache {self.path}: {held:,} of {self.size:,} bytes>"

    # ------------------------------------------------------------------ details

    def _lease(self, name: str) -> Lease:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.path.stat()
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            problem = f"others may write to {self.path}, and so exchange what is loaded from it"
            raise SettingsError("SYNCNB_CACHE", problem, "name a folder of your own, chmod 700")
        for sub in ("data", "used", "leases"):
            (self.path / sub).mkdir(exist_ok=True)
        return Lease.within(self.path / "leases", name)

    def _take(self, digest: str, target: Path) -> bool:
        """Link a file that is here to a place, if it is the right one."""
        blob, note = self.path / "data" / digest, self.path / "used" / digest
        try:
            _link(blob, target)
        except FileNotFoundError:
            return False
        status = target.stat()
        known = _read_note(note)
        if known != _note_of(status):
            if _sha256(target) != digest:
                log.warning("%s was damaged on the disk and is fetched again", blob)
                for path in (note, blob, target):
                    path.unlink(missing_ok=True)
                return False
            _write_note(note, status)
        with contextlib.suppress(FileNotFoundError):  # evicted meanwhile; the link is ours
            os.utime(note)
        return True

    def _fill(self, target: Path, fill: Callable[[Path], object]) -> None:
        try:
            fill(target)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            log.warning("the disk of %s is full: what is not in use is removed from it", self.path)
            self.clear()
            fill(target)

    def _put(self, digest: str, source: Path) -> None:
        """Take a file in; two processes may bring the same one."""
        size = source.stat().st_size
        if size > self.size:
            return
        source.chmod(0o444)
        with contextlib.suppress(FileExistsError):
            _link(source, self.path / "data" / digest)
            _write_note(self.path / "used" / digest, source.stat())
        self._evict(self.size, digest)

    def _evict(self, size: int, new: str = "") -> None:
        with (self.path / ".lock").open("ab") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            entries = sorted(self._entries(), key=lambda entry: entry.used_at)
            held = sum(entry.size for entry in entries)
            if held <= size:
                return
            spared = {new, *self._kept_digests()}
            for entry in entries:
                if held <= size:
                    return
                if entry.digest not in spared:
                    (self.path / "used" / entry.digest).unlink(missing_ok=True)
                    (self.path / "data" / entry.digest).unlink(missing_ok=True)
                    held -= entry.size

    def _entries(self) -> list[_Entry]:
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.path / "data") as blobs:
            for blob in blobs:
                with contextlib.suppress(FileNotFoundError):
                    size, used_at = blob.stat().st_size, 0
                    with contextlib.suppress(FileNotFoundError):
                        used_at = (self.path / "used" / blob.name).stat().st_mtime_ns
                    found.append(_Entry(blob.name, size, used_at))
        return found

    def _kept_digests(self) -> set[str]:
        digests = set()
        for path in (self.path / "kept").glob("*.json"):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                digests.add(str(json.loads(path.read_bytes())["digest"]))
        return digests

    def _label(self, label: str) -> Path:
        return self.path / "kept" / f"{hashlib.sha256(label.encode()).hexdigest()[:40]}.json"


class _Entry(NamedTuple):
    """A file in the cache."""

    digest: str
    size: int
    used_at: int


@lru_cache(maxsize=8)
def _cached(path: Path, size: int) -> Cache:
    return Cache(path, size=size)


def default_cache() -> Cache:
    """The cache that the settings name.

    Returns
    -------
    Cache
        The same as long as the settings are.

    Raises
    ------
    SettingsError
        ``SYNCNB_CACHE_SIZE`` is no size.

    Examples
    --------
    >>> default_cache() is default_cache()
    True
    """
    return _cached(cache_path(), size_setting())


def _link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        shutil.copy2(source, part)  # with its time, by which damage is noticed
        part.replace(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _note_of(status: os.stat_result) -> dict[str, object]:
    return {"size": status.st_size, "mtime": status.st_mtime_ns, "boot": _boot_id()}


def _read_note(note: Path) -> object:
    try:
        return json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None


def _write_note(note: Path, status: os.stat_result) -> None:
    part = note.with_name(f".{note.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(json.dumps(_note_of(status)), "utf-8")
        part.replace(note)
    finally:
        part.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _boot_id() -> str:
    """Which start of the machine this is; a power loss may have damaged what was written before."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
