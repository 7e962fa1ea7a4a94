"""What the service logs: lines for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from syncnb.metadata import Json

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered, if it is known."""

_FIELDS = "syncnb_fields"


def set_up(form: Literal["text", "json"], level: str) -> None:
    """Send the log of this process to its standard error.

    Parameters
    ----------
    form : {"text", "json"}
        Lines for people or for machines.
    level : str
        Least important messages that are logged.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    if level != "debug":  # what these say at "info" and below is about themselves
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of every malformed request


def with_fields(**fields: Json) -> dict[str, dict[str, Json]]:
    """Values beside a message, for the ``extra`` of a logger's method.

    Examples
    --------
    >>> logging.getLogger("syncnb").debug("polled", extra=with_fields(status=204))
    """
    return {_FIELDS: fields}


class TextFormatter(logging.Formatter):
    """``2026-11-24 12:00:00,000 INFO message name=value ...``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One record; nothing that comes from a caller can begin a line of its own."""
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        pairs = [f"{name}={_word(value)}" for name, value in _fields_of(record).items()]
        line = logging.makeLogRecord(record.__dict__ | {"msg": " ".join([message, *pairs])})
        line.args = ()
        return super().format(line)


class JsonFormatter(logging.Formatter):
    """``{"time": ..., "level": ..., "logger": ..., "message": ..., ...}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One record on one line."""
        content: dict[str, Json] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        content |= _fields_of(record)
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False, default=str)


def _fields_of(record: logging.LogRecord) -> dict[str, Json]:
    fields: dict[str, Json] = dict(getattr(record, _FIELDS, {}))
    if known := request_id.get():
        fields.setdefault("request_id", known)
    return fields


def _word(value: Json) -> str:
    text = "-" if value is None else str(value)
    plain = text and text.isprintable() and not any(c in text for c in ' "=')
    return text if plain else json.dumps(text)
