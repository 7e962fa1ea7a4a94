"""Which database and which place for data the settings mean."""

from __future__ import annotations

import fcntl
import os
import random
from concurrent.futures import Executor
from pathlib import Path
from urllib.parse import unquote, urlsplit

from syncnb.errors import SettingsError
from syncnb.service.blobs import Blobs, LocalBlobs
from syncnb.service.config import ServiceConfig
from syncnb.service.store.backend import Backend, StoreError
from syncnb.service.store.sqlite import SQLite

_UNPREDICTABLE = random.SystemRandom()


def backend_of(config: ServiceConfig) -> Backend:
    """The database of a service.

    Parameters
    ----------
    config : ServiceConfig
        `database` and `database_password_file` say which; without, it is SQLite.

    Returns
    -------
    Backend
        Nothing is opened yet.

    Raises
    ------
    SettingsError
        The library for it is not installed, or the URL or the file with the password is no good.
    """
    if not config.database:
        return SQLite(config.data / "records.sqlite")
    try:
        from syncnb.service.store.postgres import Postgres
    except ImportError as error:
        raise _missing("database", error, "postgres") from None
    password = None
    if config.database_password_file is not None:
        try:
            password = config.database_password_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                "database_password_file",
                f"{config.database_password_file} cannot be read",
                "name a file that holds the password and nothing else",
            ) from error
    try:
        return Postgres(config.database, password)
    except StoreError as error:
        raise unusable(config, error) from None


def blobs_of(
    config: ServiceConfig, executor: Executor, rng: random.Random = _UNPREDICTABLE
) -> Blobs:
    """Where the data of a service lie.

    Parameters
    ----------
    config : ServiceConfig
        `blobs` says where; without, it is a folder of its own.
    executor : Executor
        Where files are worked on.
    rng : random.Random, default random.SystemRandom()
        Where names of files of this machine come from.

    Returns
    -------
    Blobs
        Ready to be checked.

    Raises
    ------
    SettingsError
        The library for it is not installed, or the place cannot be used.
    """
    if not config.blobs.startswith("s3://"):
        folder = (
            Path(unquote(urlsplit(config.blobs).path)) if config.blobs else config.data / "blobs"
        )
        try:
            return LocalBlobs(folder, executor, rng)
        except OSError as error:
            raise SettingsError(
                "blobs", f"{folder} cannot be used ({error.strerror})", "name another folder"
            ) from error
    try:
        from syncnb.service.blobs.s3 import S3Blobs
    except ImportError as error:
        raise _missing("blobs", error, "s3") from None
    return S3Blobs(config.blobs, executor)


def lock_folder(folder: Path) -> int:
    """Keep every other service out of a data folder; returns the descriptor of the lock.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    Raises
    ------
    SettingsError
        Another process uses it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(
            "data", f"{folder} cannot be used ({error.strerror})", "name another folder"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise SettingsError(
            "data", f"another service uses {folder}", "stop it, or name another folder"
        ) from None
    return lock


def is_private(config: ServiceConfig) -> bool:
    """Whether no other process can have the data of this one."""
    return not config.blobs


def unusable(config: ServiceConfig, error: StoreError) -> SettingsError:
    """What a database that cannot be opened means for who starts the service."""
    if config.database:
        remedy = "check that PostgreSQL runs, and its host, user, password and database"
        return SettingsError("database", error.reason, remedy)
    return SettingsError("data", f"{config.data}: {error.reason}", "name another folder")


def _missing(setting: str, error: ImportError, extra: str) -> SettingsError:
    return SettingsError(
        setting, f"{error.name} is not installed", f"pip install 'syncnb[{extra}]'"
    )
