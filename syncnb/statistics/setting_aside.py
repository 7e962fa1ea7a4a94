"""Objects that cannot be read: kept in a folder with the reason, so that nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from syncnb.statistics.reports import Unreadable
from syncnb.user_folders import user_folder

_MOST = 10_000  # objects of a type that are remembered as no reports
_LEFT = "left"  # the file that says which


def aside_path(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """The folder for objects that cannot be read.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Instead of the environment of this process.
    platform : str, optional
        As `sys.platform` has it.

    Returns
    -------
    Path
        ``SYNCNB_SET_ASIDE``, or ``syncnb/set-aside`` in ``$XDG_DATA_HOME`` or ``~/.local/share``,
        or in ``~/Library/Application Support`` on macOS.

    Notes
    -----
    The XDG Base Directory Specification; a relative ``XDG_DATA_HOME`` is ignored, as it asks.

    Examples
    --------
    >>> aside_path({"XDG_DATA_HOME": "/var/data"}, "linux").as_posix()
    '/var/data/syncnb/set-aside'
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("SYNCNB_SET_ASIDE"):
        return Path(named).expanduser().absolute()
    return user_folder("data", environ, platform) / "set-aside"


def set_aside(unreadable: Unreadable, folder: Path | None = None) -> Path:
    """Keep an object that cannot be read; it may be acknowledged then.

    Parameters
    ----------
    unreadable : Unreadable
        As `fetch_reports` yielded it, before it goes on.
    folder : Path, optional
        Instead of `aside_path`.

    Returns
    -------
    Path
        A folder with ``data``, ``meta.json`` and ``reason.txt``, on the disk; the same one when the
        same instance is set aside again.

    Raises
    ------
    OSError
        It cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from syncnb import ObjectMetaData
    >>> meta = ObjectMetaData(object_type="stats", object_id="a", instance_id=7)
    >>> with TemporaryDirectory() as folder:
    ...     kept = set_aside(Unreadable(meta, "it is no Parquet file"), Path(folder))
    ...     kept.relative_to(folder).as_posix(), (kept / "reason.txt").read_text().strip()
    ('stats/a.7', 'it is no Parquet file')
    """
    meta = unreadable.meta
    home = _of_type(folder, meta.object_type)
    home.mkdir(parents=True, exist_ok=True)
    place = home / f"{_file_name(meta.object_id)}.{meta.instance_id}"
    with tempfile.TemporaryDirectory(prefix=".new-", dir=home) as name:
        new = Path(name) / "object"
        new.mkdir()
        if unreadable.path is not None:
            shutil.copyfile(unreadable.path, new / "data")
        document = json.dumps(meta.to_json(), indent=2)
        (new / "meta.json").write_text(document + "\n", "utf-8")
        (new / "reason.txt").write_text(unreadable.reason + "\n", "utf-8")
        for file in (*new.iterdir(), new):
            _sync(file)
        if place.exists():
            shutil.rmtree(place)
        new.rename(place)
    _sync(home)
    return place


def left_alone(object_type: str, folder: Path | None = None) -> dict[tuple[str, int], str]:
    """Instances of a type that are known as no reports, each with the reason.

    Parameters
    ----------
    object_type : str
        Which type.
    folder : Path, optional
        Instead of `aside_path`.

    Returns
    -------
    dict of (str, int) to str
        By object ID and instance ID.
    """
    try:
        lines = (_of_type(folder, object_type) / _LEFT).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for line in lines:
        try:
            object_id, instance_id, reason = json.loads(line)
        except (ValueError, TypeError):  # written by half
            continue
        found[(str(object_id), int(instance_id))] = str(reason)
    return found


def remember_left(
    unreadables: Iterable[Unreadable], object_type: str, folder: Path | None = None
) -> None:
    """Remember what is no report, so that it is not fetched again.

    Parameters
    ----------
    unreadables : iterable of Unreadable
        New ones.
    object_type : str
        Of all of them.
    folder : Path, optional
        Instead of `aside_path`.

    Raises
    ------
    OSError
        It cannot be written.
    """
    known = left_alone(object_type, folder)
    for one in unreadables:
        known[(one.meta.object_id, one.meta.instance_id)] = one.reason
    home = _of_type(folder, object_type)
    home.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps([*key, reason]) for key, reason in known.items()][-_MOST:]
    with tempfile.NamedTemporaryFile("w", dir=home, prefix=".new-", delete=False) as file:
        file.write("".join(f"{line}\n" for line in lines))
    os.replace(file.name, home / _LEFT)


def _of_type(folder: Path | None, object_type: str) -> Path:
    return (aside_path() if folder is None else folder) / _file_name(object_type)


def _file_name(name: str) -> str:
    """A name from the wire as that of a file: no path, and not hidden."""
    text = quote(name, safe="")[:200]
    return f"%2E{text[1:]}" if text.startswith(".") else text or "%"


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
