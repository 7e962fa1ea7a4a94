"""The names of files in a table; what a log says is checked against them before it is a path."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from hashlib import sha256

from syncnb.metadata import ObjectMetaData

LOG, CHECKPOINTS, STAGED, SET_ASIDE = "_log", "_checkpoints", "_staged", "_set_aside"
SCHEMA = "day=0001-01-01/schema.parquet"  # no rows; the first that whoever lists the files sees
_DAY = re.compile(r"day=(\d{4}-\d\d-\d\d)", re.ASCII)
_FILE = re.compile(r"day=(\d{4}-\d\d-\d\d)/(\d{8,})-[0-9a-f]{16}(-clock)?\.parquet", re.ASCII)
_TOKEN = re.compile(r"[0-9a-f]{16}", re.ASCII)


def token() -> str:
    """A name that nothing else has."""
    return secrets.token_hex(8)


def entry(number: int) -> str:
    """The place of an entry of the log."""
    return f"{LOG}/{number:08d}.json"


def checkpoint(number: int) -> str:
    """The place of the state after an entry."""
    return f"{CHECKPOINTS}/{number:08d}.json"


def staged(name: str) -> str:
    """The place of a file that is not yet among the days.

    Raises
    ------
    ValueError
        It is no name that `token` makes.
    """
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"{name!r:.80} is no name of a staged file")
    return f"{STAGED}/{name}"


def data_file(day: str, number: int, name: str, *, odd_clock: bool) -> str:
    """The place of rows.

    Examples
    --------
    >>> data_file("2026-11-29", 42, "0123456789abcdef", odd_clock=False)
    'day=2026-11-29/00000042-0123456789abcdef.parquet'
    """
    return f"day={day}/{number:08d}-{name}{'-clock' if odd_clock else ''}.parquet"


def check_data_file(name: str) -> str:
    """Refuse what is no place of rows.

    Raises
    ------
    ValueError
        It is none.
    """
    if not is_data_file(name):
        raise ValueError(f"{name!r:.80} is no file of a day")
    return name


def is_data_file(name: str) -> bool:
    """Whether rows are under this name."""
    return _FILE.fullmatch(name) is not None


def day_of(name: str) -> str:
    """The day of a file or a folder.

    Examples
    --------
    >>> day_of("day=2026-11-29")
    '2026-11-29'
    """
    found = _DAY.match(name)
    return found.group(1) if found else ""


def has_odd_clock(name: str) -> bool:
    """Whether its rows lie under the day of their arrival."""
    return name.endswith("-clock.parquet")


def key_of(org_id: str, meta: ObjectMetaData) -> str:
    """What an instance of an object is known by: 32 hexadecimal digits, also as a name.

    Parameters
    ----------
    org_id : str
        Of the client.
    meta : ObjectMetaData
        Type, ID, origin and instance are read.
    """
    facts: Sequence[object] = (
        org_id, meta.object_type, meta.object_id, meta.origin_type, meta.origin_id,
        meta.instance_id, meta.data_id,
    )  # fmt: skip
    return sha256("\0".join(map(str, facts)).encode(errors="surrogatepass")).hexdigest()[:32]
