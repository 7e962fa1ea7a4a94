"""What a setting is: a field of a dataclass, with what files, options and documents say of it."""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from syncnb.errors import SettingsError

_UNITS: Mapping[str, Mapping[str, float]] = {
    "s": {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400},
    "bytes": {
        "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
        "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    },
}  # fmt: skip
_BIG = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class About:
    """The annotation that makes a field a setting.

    Parameters
    ----------
    about : str
        What it is, for an operator: part of a sentence, without a full stop.
    group : str, optional
        Heading under which it is shown.
    unit : {"", "s", "bytes", "bytes/s"}, optional
        Texts may then carry a unit of their own (``"5 min"``, ``"16 MiB"``).
    role : {"", "css", "ess"}, optional
        Whose it is; empty for both.
    option : str, optional
        A short option beside the one made of the name of the field.
    metavar : str, optional
        What the option is followed by; made up from the type if empty.
    default : str, optional
        What is shown as its default, where the value itself does not say it.
    least, most : float, optional
        Limits of a number.
    needed : bool, default False
        Whether it must be given although the field has a default, which the other role needs.
    secret : bool, default False
        Whether its value is never shown.

    Examples
    --------
    >>> from syncnb.service.config import ServiceConfig
    >>> pause = settings_of(ServiceConfig)["poll_interval"]
    >>> pause.read("2 min"), pause.show(0.5)
    (120.0, '0.5 s')
    """

    about: str
    _: KW_ONLY
    group: str = ""
    unit: str = ""
    role: Literal["", "css", "ess"] = ""
    option: str = ""
    metavar: str = ""
    default: str = ""
    least: float = -math.inf
    most: float = math.inf
    needed: bool = False
    secret: bool = False


@dataclass(frozen=True)
class Setting:
    """One setting, as the class that it is a field of declares it.

    Parameters
    ----------
    name : str
        Of the field: what it is called in files, and in capitals in the environment.
    described : About
        What its annotation says.
    kind : type
        Of the value, or of each value of a list.
    many : bool
        Whether it is a list.
    optional : bool
        Whether it may be None.
    choices : tuple of str
        The only values that it can have, if there are any.
    default : object
        `dataclasses.MISSING` if it must be given.
    """

    name: str
    described: About
    kind: type
    many: bool
    optional: bool
    choices: tuple[str, ...]
    default: object

    @property
    def required(self) -> bool:
        """Whether there is no service without it."""
        return self.described.needed or self.default is dataclasses.MISSING

    @property
    def options(self) -> tuple[str, ...]:
        """Its command line options."""
        plain = "--" + self.name.replace("_", "-")
        short = self.described.option
        return (short, plain) if short and short != plain else (plain,)

    def read(self, value: object) -> Any:
        """The value that a text, or a value of a TOML or JSON file, stands for.

        Raises
        ------
        SettingsError
            It is not of the right type, or out of range.
        """
        if value is None and self.optional:
            return None
        if self.many:
            if isinstance(value, str):
                value = [part for part in re.split(r"[,\s]+", value) if part]
            if not isinstance(value, list | tuple):
                raise self._wrong(value, "is no list", "give a list of texts")
            return tuple(self._one(item) for item in value)
        return self._one(value)

    def check(self, value: Any) -> None:
        """Raise `SettingsError` if a value of the right type is not a possible one."""
        about = self.described
        if self.choices and value not in self.choices:
            raise self._wrong(value, "is not possible", f"take one of {', '.join(self.choices)}")
        if self.kind in (int, float) and not self.many and value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self._wrong(value, "is no number", self._remedy())
            if not about.least <= value <= about.most or not math.isfinite(value):
                raise self._wrong(value, "is out of range", self._remedy())

    def plain(self, value: object) -> Any:
        """The value as JSON can hold it, without secrets."""
        if value is None or value == ():
            return None
        if self.described.secret and value != "":
            return "(hidden)"
        if isinstance(value, tuple | list):
            return [self.plain(one) for one in value]
        return _without_password(str(value)) if isinstance(value, str | Path) else value

    def show(self, value: object) -> str:
        """The value as an operator would write it, without secrets."""
        plain, unit = self.plain(value), self.described.unit
        if plain is None or plain == "":
            return self.described.default
        if isinstance(plain, list):
            return ", ".join(plain)
        if isinstance(plain, bool):
            return str(plain).lower()
        if isinstance(plain, int | float):
            for big, size in _BIG if unit == "bytes" else ():
                if plain and plain % size == 0:
                    return f"{plain // size} {big}"
            number = f"{plain:g}" if isinstance(plain, float) else str(plain)
            return f"{number} {unit}".rstrip()
        return str(plain)

    def _one(self, value: object) -> Any:
        readers: Mapping[type, Callable[[object], Any]] = {
            str: self._text,
            Path: lambda given: Path(self._text(given)).expanduser(),
            bool: self._bool,
            int: self._int,
            float: self._number,
        }
        result = readers[self.kind](value)
        self.check(result)
        return result

    def _text(self, value: object) -> str:
        if not isinstance(value, str | Path):
            raise self._wrong(value, "is no text", "put it in quotes")
        return str(value)

    def _bool(self, value: object) -> bool:
        word = str(value).strip().lower()
        if word not in _TRUE + _FALSE:
            raise self._wrong(value, "is neither true nor false", "write true or false")
        return word in _TRUE

    def _int(self, value: object) -> int:
        number = self._number(value)
        if number != int(number):
            raise self._wrong(value, "is no whole number", self._remedy())
        return int(number)

    def _number(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        units = _UNITS.get(self.described.unit.partition("/")[0], {})
        found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
        suffix = found.group(2).lower() if found else ""
        if found is None or (suffix and suffix not in units):
            raise self._wrong(value, "is no number", self._remedy())
        return float(found.group(1)) * (units[suffix] if suffix else 1)

    def _remedy(self) -> str:
        about = self.described
        example = {"s": ' such as 30, or "5 min"', "bytes": ' such as 65536, or "64 KiB"'}
        whole = "a whole number" if self.kind is int else "a number"
        unit = f" of {about.unit}" if about.unit else ""
        limits = f" from {about.least:g}" if about.least > -math.inf else ""
        limits += f" up to {about.most:g}" if about.most < math.inf else ""
        return f"give {whole}{unit}{limits}{example.get(about.unit, '')}"

    def _wrong(self, value: object, problem: str, remedy: str) -> SettingsError:
        shown = "the value" if self.described.secret else _without_password(repr(value))
        return SettingsError(self.name, f"{shown} {problem}", remedy)


@cache
def settings_of(cls: type) -> Mapping[str, Setting]:
    """The settings among the fields of a dataclass, in their order."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for one in dataclasses.fields(cls):
        hint = hints[one.name]
        about = next((a for a in getattr(hint, "__metadata__", ()) if isinstance(a, About)), None)
        if about is not None:
            found[one.name] = _setting(one.name, about, get_args(hint)[0], one.default)
    return found


def _setting(name: str, about: About, hint: Any, default: object) -> Setting:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    optional, many, choices, kind = False, False, (), str
    for part in parts:
        if part is type(None):
            optional = True
        elif get_origin(part) is tuple:
            many, kind = True, get_args(part)[0]
        elif get_origin(part) is Literal:
            choices = get_args(part)
        elif not many:
            kind = part
    return Setting(name, about, kind, many, optional, choices, default)


def _without_password(text: str) -> str:
    """A URL without the password in it."""
    text = re.sub(r"(://[^/@:\s]*):[^@\s]*@", r"\1:***@", text)
    return re.sub(r"(?i)((?:password|secret|token)=)[^&\s]+", r"\1***", text)
