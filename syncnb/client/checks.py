"""Arguments of a wrong kind, refused with the remedy before anything is sent."""

from __future__ import annotations

import io
import math
from numbers import Integral, Real

from syncnb.errors import InvalidMetaDataError, SettingsError
from syncnb.metadata import ObjectMetaData

_META_DATA = (
    "give ObjectMetaData: ObjectMetaData(object_type=..., object_id=...) for a new object, "
    "client.get_object_metadata(object_type, object_id) for one that is there"
)
_FILE = (
    "give a file that is open for writing in binary mode, such as open(path, 'wb'); "
    "download_object_data takes a path"
)


def check_meta_data(value: object) -> None:
    """Refuse what is no metadata of an object.

    Raises
    ------
    InvalidMetaDataError
        It is something else, such as a mapping or an ID.

    Examples
    --------
    >>> check_meta_data(ObjectMetaData(object_type="note", object_id="a"))
    """
    if not isinstance(value, ObjectMetaData):
        raise InvalidMetaDataError("meta_data", value, _META_DATA)


def check_count(name: str, value: object, least: int, remedy: str) -> None:
    """Refuse what is no whole number from `least` on.

    Raises
    ------
    InvalidMetaDataError
        It is another number, or none.

    Examples
    --------
    >>> check_count("chunk_size", 5 << 20, 1, "give at least 1 byte")
    """
    if check_whole(name, value) < least:
        raise InvalidMetaDataError(name, value, remedy)


def check_whole(name: str, value: object) -> int:
    """Refuse what is no whole number; return it.

    Raises
    ------
    InvalidMetaDataError
        It is another number, or none.

    Examples
    --------
    >>> check_whole("offset", 5)
    5
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidMetaDataError(name, value, "give a whole number, without a unit or quotes")
    return int(value)


def check_seconds(name: str, value: object) -> None:
    """Refuse what is no positive time.

    Raises
    ------
    SettingsError
        It is zero, negative or infinite, or no number.

    Examples
    --------
    >>> check_seconds("deadline", None)
    Traceback (most recent call last):
    ...
    syncnb.errors.SettingsError: deadline: None is no number. Give a positive number of seconds.
    """
    check_number(name, value, "give a positive number of seconds")
    if isinstance(value, Real) and not 0 < float(value) < math.inf:
        raise SettingsError(name, f"{float(value):g} s", "give a positive number of seconds")


def check_number(name: str, value: object, remedy: str) -> None:
    """Refuse what is no number.

    Raises
    ------
    SettingsError
        It is something else, such as a text with digits.

    Examples
    --------
    >>> check_number("timeout", 0.5, "give seconds")
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise SettingsError(name, f"{value!r} is no number", remedy)


def check_output(out: object) -> None:
    """Refuse what data cannot be written to.

    Raises
    ------
    InvalidMetaDataError
        It is a path, a file in text mode, or no file.

    Examples
    --------
    >>> check_output(io.BytesIO())
    """
    if isinstance(out, io.TextIOBase) or hasattr(out, "encoding") or not hasattr(out, "write"):
        raise InvalidMetaDataError("out", out, _FILE)
