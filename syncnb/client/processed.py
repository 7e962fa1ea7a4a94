"""What an application has processed, on disk, so that it is not given it twice after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, cast

from syncnb.client.given import Key, key_of
from syncnb.errors import SettingsError

if TYPE_CHECKING:
    from syncnb.client.acknowledging import Mark
    from syncnb.metadata import ObjectMetaData

log = logging.getLogger("syncnb")
_FORM = 1  # of the file
_MOST = 1000  # entries that are kept although they are not in the list any more


class Processed:
    """A small file that says which updates are done, and how each is to be acknowledged.

    An entry is on the disk before the update is acknowledged. If the application ends in between,
    the next one finds the entry, acknowledges, and does not hand the update out again.

    Parameters
    ----------
    path : path
        The file; made if it is not there, always replaced as a whole. Each application needs one
        of its own, since a node has several.

    Raises
    ------
    SettingsError
        Another process uses the file, or it cannot be written there.

    Notes
    -----
    Entries are (type, ID, instance ID, deleted), the identity of an update (rest-api.md, 9.1). Of
    those that are not in the service's list any more the last 1,000 are kept.

    Examples
    --------
    >>> import tempfile
    >>> from syncnb import ObjectMetaData
    >>> meta = ObjectMetaData(object_type="model", object_id="defects", instance_id=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Processed(Path(folder) / "state") as processed:
    ...         processed.add(meta, "consumed")
    ...     with Processed(Path(folder) / "state") as processed:
    ...         processed.mark_of(meta)
    'consumed'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._held = self._hold()
        try:
            self._marks = self._read()
        except BaseException:
            self.close()
            raise

    def add(self, meta_data: ObjectMetaData, mark: Mark | None) -> None:
        """An update is done; on the disk when this returns.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which.
        mark : {"consumed", "deleted"} or None
            How it is still to be acknowledged; None: not at all.

        Raises
        ------
        OSError
            It cannot be written.
        """
        with self._lock:
            before = dict(self._marks)
            self._marks.pop(key_of(meta_data), None)
            self._marks[key_of(meta_data)] = mark
            try:
                self._write()
            except OSError:
                self._marks = before
                raise

    def acknowledged(self, meta_data: ObjectMetaData) -> None:
        """It needs no acknowledgement any more.

        Only an object for several applications is still listed after that, and a service counts
        calls, not callers (rest-api.md, 8.3).

        Raises
        ------
        OSError
            It cannot be written.
        """
        if meta_data.consumers != 1:
            self.add(meta_data, None)

    def __contains__(self, meta_data: ObjectMetaData) -> bool:
        return key_of(meta_data) in self._marks

    def mark_of(self, meta_data: ObjectMetaData) -> Mark | None:
        """How it is still to be acknowledged; None: not at all."""
        return self._marks.get(key_of(meta_data))

    def keep(self, object_type: str, listed: Collection[Key]) -> None:
        """Forget the oldest of a type that are not listed any more; written with the next `add`."""
        with self._lock:
            gone = [key for key in self._marks if key[0] == object_type and key not in listed]
            for key in gone[: max(len(gone) - _MOST, 0)]:
                del self._marks[key]

    def close(self) -> None:
        """Let other processes use the file."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Processed of {len(self._marks)} updates in {self._path}>"

    def _hold(self) -> IO[bytes]:
        beside = self._path.with_name(f".{self._path.name}.lock")
        try:
            held = beside.open("ab")
        except OSError as error:
            problem = f"{beside} cannot be written ({error.strerror})"
            raise SettingsError("state", problem, "name a file in a folder of yours") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held.close()
            problem = f"{self._path} is in use"
            raise SettingsError("state", problem, "give each application its own file") from error
        return held

    def _read(self) -> dict[Key, Mark | None]:
        try:
            return _entries(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError) as error:
            # A program that never starts again would be worse than an update twice.
            broken = self._path.with_name(f"{self._path.name}.broken")
            os.replace(self._path, broken)
            log.warning("%s cannot be read (%s): it is %s now", self._path, error, broken)
            return {}

    def _write(self) -> None:
        entries = [[*key, mark] for key, mark in self._marks.items()]
        part = self._path.with_name(f".{self._path.name}.part")
        try:
            with part.open("wb") as file:
                file.write(json.dumps({"syncnb": _FORM, "processed": entries}).encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # else the new name could be lost with the power
        finally:
            os.close(folder)


def _entries(data: bytes) -> dict[Key, Mark | None]:
    content = json.loads(data)
    if not isinstance(content, dict) or content.get("syncnb") != _FORM:
        raise ValueError("it is no state file of this version of syncnb")
    return {
        (str(kind), str(name), int(instance), bool(deleted)): cast("Mark | None", mark)
        for kind, name, instance, deleted, mark in content["processed"]
    }
