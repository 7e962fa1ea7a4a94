"""What every codec of data does about data that are not what they claim to be."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from syncnb.codecs.registry import Loading
from syncnb.errors import LoadError, SyncError


@contextmanager
def reading(how: Loading, what: str) -> Iterator[None]:
    """Turn whatever a library says about broken data into a `LoadError`; its warnings are dropped.

    Parameters
    ----------
    how : Loading
        Names the object.
    what : str
        What the data should be, such as ``"a Parquet file"``.

    Examples
    --------
    >>> from pathlib import Path
    >>> with reading(Loading(subject="object note/a", folder=Path("/tmp")), "a number"):
    ...     int("one")
    Traceback (most recent call last):
    syncnb.errors.LoadError: object note/a: its data are no number (ValueError: invalid literal ...
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except SyncError:
            raise
        except Exception as error:  # libraries of formats raise anything at data made to break them
            said = (str(error).splitlines() or [""])[0]
            raise LoadError(
                how.subject,
                f"its data are no {what.removeprefix('a ').removeprefix('an ')} "
                f"({type(error).__name__}: {said:.200})",
                "publish it again, or use update.path()",
            ) from error


def within(how: Loading, size: int, what: str) -> None:
    """Refuse data that would unpack to more than the limit, before they do.

    Parameters
    ----------
    how : Loading
        With the limit.
    size : int
        Bytes that they would take.
    what : str
        What has that size, such as ``"its table"``.

    Raises
    ------
    LoadError
        It is more.

    Examples
    --------
    >>> from pathlib import Path
    >>> within(Loading(subject="object note/a", folder=Path("/tmp"), limit=9), 10, "its table")
    Traceback (most recent call last):
    syncnb.errors.LoadError: object note/a: its table would take 10 bytes, the limit is 9. ...
    """
    if size > how.limit:
        raise LoadError(
            how.subject,
            f"{what} would take {size} bytes, the limit is {how.limit}",
            "if that is what its publisher meant, read update.path() piece by piece",
        )
