"""Where settings come from: defaults, then a file, the environment, and the command line.

Each of these outweighs those before it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncnb.errors import InvalidMetaDataError, SettingsError
from syncnb.metadata import Json
from syncnb.service.config import Role, ServiceConfig, settings_for
from syncnb.service.fields import Setting
from syncnb.service.reference_names import from_reference

_ROLES: tuple[Role, ...] = ("css", "ess")


@dataclass(frozen=True)
class Given:
    """A value and where it came from.

    Parameters
    ----------
    value : object
        The value.
    origin : str
        Its source, as an operator would look for it.
    """

    value: Any
    origin: str


@dataclass(frozen=True)
class Resolved:
    """The settings of a service, and where each of their values came from.

    Parameters
    ----------
    role : {"css", "ess"}
        Of which service.
    given : mapping
        Setting -> its value; those that are not here have their defaults.
    """

    role: Role
    given: Mapping[str, Given]

    def config(self) -> ServiceConfig:
        """The configuration.

        Raises
        ------
        SettingsError
            A value is missing, or does not go with another; it names setting, source and remedy.
        """
        for setting in settings_for(self.role).values():
            if setting.required and setting.name not in self.given:
                raise _missing(setting, self.role)
        try:
            values = {name: given.value for name, given in self.given.items()}
            return ServiceConfig(role=self.role, **values)
        except SettingsError as error:
            if error.setting in self.given:
                raise _sourced(error, self.given[error.setting].origin) from None
            raise
        except InvalidMetaDataError as error:
            origins = f"{self.given['org_id'].origin} and {self.given['node'].origin}"
            error.add_note(f"(organisation and node came from {origins})")
            raise

    def rows(self) -> list[dict[str, Json]]:
        """One row a setting: its value without secrets, its unit, its source and what it is."""
        rows: list[dict[str, Json]] = []
        for name, setting in settings_for(self.role).items():
            given = self.given.get(name)
            missing = given is None and setting.required
            value = given.value if given else None if missing else setting.default
            rows.append(
                {
                    "setting": name,
                    "value": setting.plain(value),
                    "shown": "(missing)" if missing else setting.show(value),
                    "unit": setting.described.unit,
                    "source": given.origin if given else "" if missing else "default",
                    "about": setting.described.about,
                }
            )
        return rows


def resolve(
    role: Role,
    options: Mapping[str, object],
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Put a configuration together.

    Parameters
    ----------
    role : {"css", "ess"}
        Of which service.
    options : mapping
        Setting -> what the command line says.
    file : Path, optional
        A TOML file: settings at the top for both roles, in ``[css]`` and ``[ess]`` for one; paths
        in it are relative to its folder. Without it the one that ``SYNCNB_CSS_CONFIG`` or
        ``SYNCNB_ESS_CONFIG`` names, if any.
    environ : mapping of str to str, optional
        Instead of the environment of this process.

    Returns
    -------
    Resolved
        All that was given, each value checked on its own.

    Raises
    ------
    SettingsError
        A value is wrong, or a name is unknown; it names setting, source and remedy.

    Examples
    --------
    >>> resolved = resolve("css", {"data": "d", "auth": "a"}, environ={"SYNCNB_CSS_THREADS": "2"})
    >>> resolved.config().threads, resolved.given["threads"].origin, resolved.given["data"].origin
    (2, '$SYNCNB_CSS_THREADS', '--data')
    """
    environ = os.environ if environ is None else environ
    settings = settings_for(role)
    if file is None and environ.get(f"{_prefix(role)}CONFIG"):
        file = Path(environ[f"{_prefix(role)}CONFIG"])
    given: dict[str, Given] = {}
    if file is not None:
        given |= _from_file(file, role)
    for name, value in from_reference(environ, role).items():
        if name in settings:
            given[name] = Given(value.value, f"${value.names.replace(', ', ', $')}")
    given |= dict(_from_environment(environ, role))
    for name, option in options.items():
        given[name] = Given(option, settings[name].options[0])
    return Resolved(role, {name: _read(settings[name], one) for name, one in given.items()})


def _from_file(path: Path, role: Role) -> dict[str, Given]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            "config", f"{path} cannot be read ({error.strerror})", "name a readable file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("config", f"{path} is not TOML ({error})", "mend that line") from error
    tables = {name: content.pop(name, {}) for name in _ROLES}
    both = set(settings_for("css")) | set(settings_for("ess"))
    for name in content:
        if name not in both:
            raise _unknown(name, f"{path}", [*both, *_ROLES])
    for one, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError("config", f"{one} of {path} is no table", f"write [{one}] above it")
        for name in table:
            if name not in settings_for(one):
                raise _unknown(name, f"[{one}] of {path}", settings_for(one))
    given = {
        name: Given(_located(settings_for(role)[name], value, path), str(path))
        for name, value in content.items()
        if name in settings_for(role)
    }
    for name, value in tables[role].items():
        located = _located(settings_for(role)[name], value, path)
        given[name] = Given(located, f"{path} [{role}]")
    return given


def _located(setting: Setting, value: object, file: Path) -> object:
    """A path of the file, relative to its folder."""
    if setting.kind is Path and isinstance(value, list):
        return [_located(setting, one, file) for one in value]
    if setting.kind is not Path or not isinstance(value, str):
        return value
    return str(file.parent / Path(value).expanduser())


def _from_environment(environ: Mapping[str, str], role: Role) -> Iterator[tuple[str, Given]]:
    prefix, settings = _prefix(role), settings_for(role)
    for variable in sorted(environ):
        if not variable.startswith(prefix) or variable == f"{prefix}CONFIG":
            continue
        name = variable.removeprefix(prefix).lower()
        if name not in settings:
            known = [f"{prefix}{one.upper()}" for one in (*settings, "config")]
            raise _unknown(variable, "the environment", known)
        yield name, Given(environ[variable], f"${variable}")


def _prefix(role: Role) -> str:
    return f"SYNCNB_{role.upper()}_"


def _read(setting: Setting, given: Given) -> Given:
    try:
        return Given(setting.read(given.value), given.origin)
    except SettingsError as error:
        raise _sourced(error, given.origin) from None


def _sourced(error: SettingsError, origin: str) -> SettingsError:
    if origin.startswith("--"):  # the option is how the user knows it
        return SettingsError(origin, error.problem, error.remedy)
    return SettingsError(f"{error.setting} (from {origin})", error.problem, error.remedy)


def _missing(setting: Setting, role: Role) -> SettingsError:
    return SettingsError(
        setting.name,
        f"it has no value ({setting.described.about})",
        f"give {setting.options[0]}, set ${_prefix(role)}{setting.name.upper()}, "
        f"or write {setting.name} = ... into the file of --config",
    )


def _unknown(name: str, where: str, known: Mapping[str, object] | list[str]) -> SettingsError:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    remedy = (
        f"perhaps {near[0]} is meant" if near else "syncnb css --print-config lists all settings"
    )
    return SettingsError(name, f"{where} names a setting that there is not", remedy)
