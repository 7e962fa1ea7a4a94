"""What turns a key and a secret into an identity: the two of this service, and those of others.

Another package joins in with an entry point of the group ``syncnb.authenticators``: a callable that
takes the `ServiceConfig` and returns an `Authenticator`. Its name is then a value of
``ServiceConfig.authenticator``.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from syncnb.errors import SettingsError
from syncnb.service.config import ServiceConfig
from syncnb.service.credentials import Credentials, read_login
from syncnb.service.identity import Identity, Login

log = logging.getLogger("syncnb.service")

_GROUP = "syncnb.authenticators"


class Authenticator(Protocol):
    """Knows who has which key."""

    def identify(self, key: str, secret: str) -> Identity | None:
        """Who this is, or None.

        Called in a thread, so it may take its time and be called several times at once. What it
        returns is used for a quarter of an hour; None is not remembered (rest-api.md, 2.1).
        """


@runtime_checkable
class Refreshing(Protocol):
    """An authenticator that notices by itself when its answers change."""

    def refresh(self) -> bool:
        """Whether earlier answers no longer hold; called in a thread, about once a second."""


class Preset:
    """The credentials file, read again when it changes.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SettingsError
        It is not there or not of the form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _fingerprint(path)
        self._credentials = Credentials(path)

    @property
    def login(self) -> Login:
        """What an ESS shows to its CSS."""
        return self._credentials.login

    def identify(self, key: str, secret: str) -> Identity | None:
        """Who has this key, if the secret is right."""
        return self._credentials.identify(key, secret)

    def refresh(self) -> bool:
        """Read the file again if it is another one; one that is broken changes nothing."""
        seen = _fingerprint(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self._credentials = Credentials(self._path)
        except SettingsError as error:
            log.error("the credentials stay as they were: %s", error)
            return False
        log.info("%s was read again", self._path)
        return True


class Dummy:
    """Believes everybody: the kind comes from the form of the key, and secrets are ignored.

    For development on one machine (rest-api.md, 2.3).

    Parameters
    ----------
    path : Path
        Optional lists of ``regularUsers``, ``syncAdmins`` and ``exchangeAdmins``.

    Raises
    ------
    SettingsError
        The file is there and not of the form: to ignore it would make everybody an administrator.
    """

    def __init__(self, path: Path) -> None:
        lists = _dummy_lists(path) if path.exists() else {}
        self._regular = lists.get("regularUsers", [])
        self._sync_admins = lists.get("syncAdmins", [])
        self._exchange_admins = lists.get("exchangeAdmins", [])

    def identify(self, key: str, secret: str) -> Identity | None:
        """Who a key of this form is."""
        match key.split("/"):
            case [org, dest_type, dest_id]:
                return Identity("edgenode", org, f"{dest_type}/{dest_id}")
            case [org, user]:
                kind = "admin" if user in self._exchange_admins else "objectadmin"
                return Identity(kind, org, user)
        match key.split("$"):
            case [org, service_org, version, name]:
                return Identity("service", org, f"{service_org}/{version}/{name}")
        match key.split("%"):
            case [node, org]:
                return Identity("nodeuser", org, node)
        user, at, org = key.rpartition("@")
        if not at or user.count("@") > 1:
            return None
        if user in self._regular:
            return Identity("user", org, user)
        if user in self._sync_admins:
            return Identity("syncadmin", "", user)
        return Identity("admin", org, user)


def make_authenticator(config: ServiceConfig) -> tuple[Authenticator, Callable[[], Login]]:
    """The authenticator of a service, and what an ESS shows to its CSS.

    Raises
    ------
    SettingsError
        There is none of that name, or its credentials cannot be read.
    """
    if config.authenticator == "preset":
        preset = Preset(config.auth)
        return preset, lambda: preset.login
    if config.authenticator == "dummy":
        login = Login(f"{config.org_id}/{config.node}")
        return Dummy(config.auth), lambda: login
    found = next(iter(entry_points(group=_GROUP, name=config.authenticator)), None)
    if found is not None:
        shown = read_login(config.auth)
        made: Authenticator = found.load()(config)
        return made, lambda: shown
    known = sorted({"preset", "dummy", *(point.name for point in entry_points(group=_GROUP))})
    raise SettingsError(
        "authenticator",
        f"there is no {config.authenticator!r}",
        f"take one of {', '.join(known)}, or install the package that has it",
    )


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _dummy_lists(path: Path) -> dict[str, list[str]]:
    remedy = 'write {"regularUsers": [], "syncAdmins": [], "exchangeAdmins": []} into it'
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError("auth", f"{path} cannot be used ({error})", remedy) from error
    lists = {}
    for name in ("regularUsers", "syncAdmins", "exchangeAdmins"):
        users = content.get(name) or [] if isinstance(content, dict) else None
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            raise SettingsError("auth", f"{path}: {name} is no list of users", remedy)
        lists[name] = users
    return lists
