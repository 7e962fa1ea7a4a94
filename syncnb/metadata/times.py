"""Times: aware and in UTC here, RFC 3339 with ``Z`` on the wire (rest-api.md, 8.6)."""

from __future__ import annotations

from datetime import UTC, datetime

from syncnb.errors import InvalidMetaDataError


def parse_time(text: str, *, exact: bool = False) -> datetime | None:
    """An RFC 3339 time as an aware datetime; None where there is none or it is no time.

    Without `exact` in whole seconds, which is what services have.

    Examples
    --------
    >>> parse_time("2030-01-01T00:00:00Z").year
    2030
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return in_utc("time", moment, exact=exact)
    except ValueError:
        return None


def format_time(moment: datetime | None) -> str:
    """RFC 3339 in UTC with ``Z`` and whole seconds, the form every service compares rightly.

    Examples
    --------
    >>> format_time(None)
    ''
    """
    if moment is None:
        return ""
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="seconds") + "Z"


def in_utc(field_name: str, moment: datetime, *, exact: bool = False) -> datetime:
    """The same moment in UTC, in whole seconds unless it is to be exact.

    Parameters
    ----------
    field_name : str
        Named in the error.
    moment : datetime
        Aware.
    exact : bool, default False
        Keep the microseconds.

    Raises
    ------
    InvalidMetaDataError
        It is no datetime, has no time zone, or is outside of what a datetime in UTC can hold.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> in_utc("since", datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))).hour
    0
    """
    given: object = moment
    if not isinstance(given, datetime):
        remedy = "give a datetime, such as datetime.now(UTC) + timedelta(days=7)"
        raise InvalidMetaDataError(field_name, given, remedy)
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidMetaDataError(
            field_name, moment, "add a time zone, such as tzinfo=datetime.UTC"
        )
    try:
        there = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidMetaDataError(field_name, moment, "give a time nearer to now") from None
    # A datetime and not a subclass of it, such as a pandas.Timestamp with nanoseconds.
    micro = there.microsecond if exact else 0
    return datetime(
        there.year, there.month, there.day, there.hour, there.minute, there.second, micro, UTC
    )
