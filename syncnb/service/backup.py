"""Backups of a service: taken while it runs, whole or not at all, and restored into any storage.

A backup is a folder: ``manifest.json``, ``records.jsonl`` (a row a line, the same for every
database) and ``files/``. The manifest has the SHA-256 of everything else.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from syncnb.errors import DataError, SettingsError
from syncnb.service.blobs import Blobs
from syncnb.service.config import MIB, ServiceConfig
from syncnb.service.lifecycle import Site, restoring
from syncnb.service.lifecycle.base import CLOUD
from syncnb.service.storage import backend_of, blobs_of, lock_folder, unusable
from syncnb.service.store import StoreError, Transaction, dump
from syncnb.service.store.backend import Backend
from syncnb.service.store.schema import MIGRATIONS

_FORMAT = 1
_THREADS = 4
_AT_ONCE = 8  # files that are copied at the same time
_HOLD = 3600.0  # seconds that files are kept for a backup which may have died
_RENEW = 600.0
_CLOCKS_DIFFER = 86400 * 10**9  # ns; the machine of before may have been ahead of this one


class _File(msgspec.Struct, frozen=True):
    """A file of a backup."""

    size: int  # bytes
    sha256: str


class _Manifest(msgspec.Struct, frozen=True):
    """What a backup consists of."""

    format: int
    syncnb: str
    created: int  # nanoseconds since the epoch
    migrations: list[str]
    records: _File
    rows: dict[str, int]
    files: dict[str, _File]


@dataclass(frozen=True)
class Report:
    """What a backup holds, or what was restored.

    Parameters
    ----------
    objects, files, size : int
        How many objects and files, and the bytes of these.
    damaged : tuple of str
        Objects whose data were gone or not as they were published, also in the service itself.
    """

    objects: int
    files: int
    size: int
    damaged: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{_count(self.objects, 'object')}, {_count(self.files, 'file')}"
        said += f" of {self.size:,} bytes in all" if self.files else ""
        if self.damaged:
            said += f"; damaged in the service itself: {', '.join(self.damaged[:5])}"
        return said


def backup(config: ServiceConfig, folder: Path) -> Report:
    """Back a service up while it runs.

    Parameters
    ----------
    config : ServiceConfig
        That of the service.
    folder : Path
        Made. If it is an earlier backup, it is replaced, and files that it has are not fetched
        again. Nothing is there under this name before all of it is on the disk.

    Returns
    -------
    Report
        What the backup holds.

    Raises
    ------
    SettingsError
        There is no such service, or `folder` is in use for something else.
    OSError
        The disk is full, or data cannot be read.

    Notes
    -----
    On the same file system the files of a data folder are linked, not copied: they never change.
    Keep a backup on another disk, where they are copied.
    """
    if not config.database and not (config.data / "records.sqlite").exists():
        raise SettingsError("data", f"{config.data} is no data folder", "name that of the service")
    old = folder.with_name(folder.name + ".old")
    if old.exists() and not folder.exists():
        old.rename(folder)  # a crash in the middle of the exchange below
    if folder.exists() and any(folder.iterdir()) and not (folder / "manifest.json").exists():
        raise SettingsError("DIR", f"{folder} is neither empty nor a backup", "name another one")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "files").mkdir(parents=True)
    try:
        with ThreadPoolExecutor(_THREADS) as executor:
            try:
                report = asyncio.run(_back_up(config, partial, folder, executor))
            except StoreError as error:
                raise unusable(config, error) from error
        for path in (partial / "files", partial):
            _sync(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    partial.rename(folder)
    _sync(folder.absolute().parent)
    shutil.rmtree(old, ignore_errors=True)
    return report


def restore(config: ServiceConfig, folder: Path, *, replace: bool = False) -> Report:
    """Put a backup into the storage of a service, which must not run.

    Parameters
    ----------
    config : ServiceConfig
        That of the service; its database and its place for data may be of another kind than those
        that were backed up.
    folder : Path
        The backup.
    replace : bool
        Whether to throw away what the service has now.

    Returns
    -------
    Report
        What was restored.

    Raises
    ------
    SettingsError
        The service runs, or has records and `replace` is not set, or `folder` is no backup.
    DataError
        The backup is damaged. Nothing was changed.
    OSError
        The disk is full.

    Notes
    -----
    What is published from now on has greater instance IDs than anything that nodes can have seen,
    and every node has to register as new once (sync-http.md, 11 and 17.1).
    """
    manifest = _manifest(folder)
    lock = lock_folder(config.data)
    try:
        backend = backend_of(config)
        with ThreadPoolExecutor(_THREADS) as executor, backend.occupy(alone=True) as free:
            if not free:
                raise SettingsError(
                    "database", "a service uses it", "stop all processes of the service first"
                )
            _verify(folder, manifest)
            return asyncio.run(_restore(config, backend, folder, manifest, replace, executor))
    except StoreError as error:
        raise unusable(config, error) from error
    finally:
        os.close(lock)


async def _back_up(
    config: ServiceConfig, partial: Path, before: Path, executor: Executor
) -> Report:
    backend = backend_of(config)
    async with _opened(config, executor) as blobs:
        return await _copied(backend, blobs, partial, before, executor)


async def _copied(
    backend: Backend, blobs: Blobs, partial: Path, before: Path, executor: Executor
) -> Report:
    with closing(dump.opened(backend, migrated=False)) as connection:

        def hold(seconds: float) -> None:
            connection.begin(write=True)
            Transaction(connection.execute).hold_files(time.time() + seconds)
            connection.commit()

        hold(_HOLD)  # from here on, what the snapshot names stays
        try:
            created = time.time_ns()
            connection.begin(write=False)
            records, rows, wanted = _write_records(partial / "records.jsonl", connection)
            connection.commit()
            copying = _Copying(blobs, partial / "files", before, executor)
            held = time.monotonic()
            names = sorted(wanted)
            for start in range(0, len(names), _AT_ONCE):
                some = names[start : start + _AT_ONCE]
                tasks = [asyncio.create_task(copying.copy(name, wanted[name])) for name in some]
                while tasks:
                    _, pending = await asyncio.wait(tasks, timeout=_RENEW / 10)
                    if time.monotonic() - held > _RENEW:
                        held = time.monotonic()
                        hold(_HOLD)
                    if not pending:
                        break
                for task in tasks:
                    task.result()
        finally:
            connection.rollback()
            with suppress(StoreError):  # then it runs out by itself
                hold(0)
    manifest = _Manifest(
        _FORMAT, version("syncnb"), created, _migrations(), records, rows, dict(copying.files)
    )
    _write(partial / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return _report(manifest, tuple(sorted(copying.damaged)))


class _Copying:
    """Copies files of a service into a backup, and remembers what they were.

    Parameters
    ----------
    blobs : Blobs
        Where they are.
    files : Path
        Where they go.
    before : Path
        A backup of before, if there is one; it may have some of them.
    executor : Executor
        Where files are read.
    """

    def __init__(self, blobs: Blobs, files: Path, before: Path, executor: Executor) -> None:
        self._blobs, self._to, self._executor = blobs, files, executor
        self.files: dict[str, _File] = {}
        self.damaged: list[str] = []
        self._before = before / "files"
        with suppress(SettingsError):
            self._known = _manifest(before).files
            return
        self._known = {}

    async def copy(self, name: str, expected: _File) -> None:
        """Copy one; `expected` is what the record says of it."""
        loop = asyncio.get_running_loop()
        target = self._to / name
        if not await loop.run_in_executor(self._executor, self._linked_before, name):
            try:
                reader = await self._blobs.open(name)
            except FileNotFoundError:
                self.damaged.append(expected.sha256)
                return
            try:
                if reader.path is None or not _linked(reader.path, target):
                    with target.open("xb") as out:
                        at = 0
                        while piece := await reader.read(at, MIB):
                            await loop.run_in_executor(self._executor, out.write, piece)
                            at += len(piece)
                        out.flush()
                        await loop.run_in_executor(self._executor, os.fsync, out.fileno())
            finally:
                await reader.close()
        found = await loop.run_in_executor(self._executor, _read, target)
        self.files[name] = found
        # A file that was stored before there were digests goes by its name in the records.
        if found.size != expected.size or expected.sha256 not in (name, found.sha256):
            self.damaged.append(expected.sha256)

    def _linked_before(self, name: str) -> bool:
        return name in self._known and _linked(self._before / name, self._to / name)


async def _restore(
    config: ServiceConfig,
    backend: Backend,
    folder: Path,
    manifest: _Manifest,
    replace: bool,
    executor: Executor,
) -> Report:
    async with _opened(config, executor) as blobs:
        return await _put_in_place(config, backend, blobs, folder, manifest, replace, executor)


@asynccontextmanager
async def _opened(config: ServiceConfig, executor: Executor) -> AsyncIterator[Blobs]:
    blobs = blobs_of(config, executor)
    try:
        await blobs.check()
        yield blobs
    finally:
        await blobs.close()


async def _put_in_place(
    config: ServiceConfig,
    backend: Backend,
    blobs: Blobs,
    folder: Path,
    manifest: _Manifest,
    replace: bool,
    executor: Executor,
) -> Report:
    stored: dict[str, str] = {}
    with closing(dump.opened(backend, migrated=True)) as connection:
        if dump.is_used(connection) and not replace:
            raise SettingsError(
                "restore",
                "the service has records already",
                "restore into an empty one, or say --replace to throw them away",
            )
        try:
            for name, file in manifest.files.items():
                data = await blobs.save(_pieces(folder / "files" / name, executor))
                stored[name] = data.file or ""
                if data.sha256 != file.sha256:
                    raise _damaged(name, "changed while it was restored")
            connection.begin(write=False)
            seen = Transaction(connection.execute).number("instance")
            connection.rollback()
            seen = max(seen, manifest.created, time.time_ns()) + _CLOCKS_DIFFER
            site = Site(
                is_css=True,
                node=CLOUD,
                org="",
                chunk_size=config.chunk_size,
                resend_after=0.0,
                clock=lambda: seen / 1e9,
            )

            def then(tx: Transaction) -> None:
                tx.raise_number("instance", seen)  # no node has ever seen a greater one
                restoring.after_restore(tx, site)

            dump.replace_all(
                backend,
                connection,
                manifest.migrations,
                _rows(folder / "records.jsonl", stored),
                then,
            )
        except BaseException as error:
            if not (isinstance(error, StoreError) and error.lost):  # or it happened after all
                for file_name in stored.values():
                    await blobs.delete(file_name)
            raise
    return _report(manifest)


def _write_records(path: Path, connection: Any) -> tuple[_File, dict[str, int], dict[str, _File]]:
    """All rows; returns the file, the number by table, and the files that they name."""
    digest, size = hashlib.sha256(), 0
    rows: dict[str, int] = {}
    wanted: dict[str, _File] = {}
    with path.open("xb") as out:
        for table, row in dump.rows_of(connection):
            line = dump.encoded(table, row)
            out.write(line)
            digest.update(line)
            size += len(line)
            rows[table] = rows.get(table, 0) + 1
            if table == "contents" and row["file"] is not None:
                wanted[row["file"]] = _File(row["size"], row["blob"])
        out.flush()
        os.fsync(out.fileno())
    return _File(size, digest.hexdigest()), rows, wanted


def _rows(path: Path, stored: Mapping[str, str]) -> Iterator[dump.Line]:
    """The rows of a backup, with the names that their files have now."""
    with path.open("rb") as lines:
        for line in lines:
            table, row = dump.decoded(line)
            if table == "contents" and row["file"] is not None:
                row["file"] = stored.get(row["file"], row["file"])
            yield table, row


def _manifest(folder: Path) -> _Manifest:
    path = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(
            "DIR", f"{folder} is no backup ({type(error).__name__})", "name the folder of one"
        ) from error
    if (
        manifest.format > _FORMAT
        or manifest.migrations != _migrations()[: len(manifest.migrations)]
    ):
        raise SettingsError(
            "DIR", f"{folder} was made by syncnb {manifest.syncnb}", "install that version or later"
        )
    if any(Path(name).name != name for name in manifest.files):
        raise SettingsError("DIR", f"{folder} names files outside it", "use another backup")
    return manifest


def _verify(folder: Path, manifest: _Manifest) -> None:
    """Compare every byte with the manifest before anything is changed."""
    everything = {"records.jsonl": manifest.records}
    everything |= {f"files/{name}": file for name, file in manifest.files.items()}
    for name, expected in everything.items():
        try:
            found = _read(folder / name)
        except FileNotFoundError:
            raise _damaged(name, "is not there") from None
        if found != expected:
            raise _damaged(name, "is not what its manifest says")


def _damaged(name: str, problem: str) -> DataError:
    return DataError(f"{name} of the backup", problem, "use another backup: nothing was changed")


def _migrations() -> list[str]:
    return [name for name, _ in MIGRATIONS]


def _report(manifest: _Manifest, damaged: tuple[str, ...] = ()) -> Report:
    return Report(
        objects=manifest.rows.get("objects", 0),
        files=len(manifest.files),
        size=sum(file.size for file in manifest.files.values()),
        damaged=damaged,
    )


def _read(path: Path) -> _File:
    with path.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
        return _File(os.fstat(data.fileno()).st_size, digest)


async def _pieces(path: Path, executor: Executor) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with path.open("rb") as data:
        while piece := await loop.run_in_executor(executor, data.read, MIB):
            yield piece


def _linked(source: Path, target: Path) -> bool:
    """Whether a link could be made; across file systems it cannot."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
