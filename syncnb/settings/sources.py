"""One place that settings come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from syncnb.errors import SettingsError

NAMES = ("url", "org_id", "key", "secret", "ca", "cert", "cert_key")
FILES = ("ca", "cert", "cert_key")
_HIDDEN = ("key", "secret")
_PREFIX = "SYNCNB_"


@dataclass(frozen=True)
class Source:
    """Settings that belong together, and what each is called there.

    Parameters
    ----------
    values : mapping of str to str
        Only what the source has.
    labels : mapping of str to str
        Where each value is from, for people.
    lends : bool, default False
        Whether values without a URL beside them serve the URL of another source.
    """

    values: Mapping[str, str] = field(repr=False)  # the secret is among them
    labels: Mapping[str, str]
    lends: bool = False


def arguments(given: Mapping[str, str | None]) -> Source:
    """What the caller passed.

    Parameters
    ----------
    given : mapping of str to str or None
        None where the caller passed nothing.

    Returns
    -------
    Source
        Each labelled as an argument.

    Examples
    --------
    >>> arguments({"url": "http://h", "key": None}).labels
    {'url': 'argument url'}
    """
    values = {name: value for name, value in given.items() if value is not None}
    return Source(values, {name: f"argument {name}" for name in values}, lends=True)


def check_texts(given: Mapping[str, object]) -> None:
    """Refuse settings that are no text.

    Parameters
    ----------
    given : mapping of str to object
        Name -> what the caller passed; None where that is nothing. Files may be paths too.

    Raises
    ------
    SettingsError
        The first that is none. A login is not shown.

    Examples
    --------
    >>> check_texts({"url": 5})
    Traceback (most recent call last):
    ...
    syncnb.errors.SettingsError: url: 5 is no text. Write it as text, in quotes.
    """
    for name, value in given.items():
        kinds = (str, PurePath) if name in FILES else str
        if value is not None and not isinstance(value, kinds):
            shown = f"a value of type {type(value).__name__}" if name in _HIDDEN else repr(value)
            raise SettingsError(name, f"{shown} is no text", "write it as text, in quotes")


def environment(environ: Mapping[str, str]) -> Source:
    """What the variables ``SYNCNB_*`` say.

    Parameters
    ----------
    environ : mapping of str to str
        The environment.

    Returns
    -------
    Source
        Each labelled with its variable.

    Raises
    ------
    SettingsError
        The file of ``SYNCNB_SECRET_FILE`` cannot be read, or the secret is given twice.

    Examples
    --------
    >>> environment({"SYNCNB_KEY": "me", "HOME": "/"}).labels
    {'key': 'SYNCNB_KEY'}
    """
    variables = {name: f"{_PREFIX}{name.upper()}" for name in (*NAMES, "secret_file")}
    values = {name: environ[v] for name, v in variables.items() if v in environ}
    labels = {name: variables[name] for name in values}
    return with_secret_file(values, labels, lends=True)


def with_secret_file(
    values: dict[str, str], labels: dict[str, str], *, lends: bool = False
) -> Source:
    """A source in which a file may hold the secret.

    Parameters
    ----------
    values, labels : dict of str to str
        As in `Source`, with ``secret_file``.
    lends : bool, default False
        As in `Source`.

    Returns
    -------
    Source
        With ``secret`` instead.

    Raises
    ------
    SettingsError
        The file cannot be read, or the secret is given twice.
    """
    path, label = values.pop("secret_file", None), labels.pop("secret_file", "")
    if path:
        if "secret" in values:
            raise SettingsError(label, f"{labels['secret']} gives a secret too", "keep one of them")
        values["secret"] = read_text(path, label).strip()
        labels["secret"] = f"{label} ({path})"
    return Source(values, labels, lends)


def read_text(path: str, label: str) -> str:
    """The text of a small file that a setting names.

    Parameters
    ----------
    path : str
        The file.
    label : str
        The setting, for the error.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    SettingsError
        It cannot be read.
    """
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SettingsError(
            label, f"{path} cannot be read ({reason})", "name a file that this user can read"
        ) from error
