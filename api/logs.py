"""Log lines, for people or as JSON, each with the id of the request that it belongs to.

No line holds a photo, a key, a query string or a form's fields: what people search for is theirs.
"""

import json
import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from api.settings import ServerSettings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is answered here."""

LOGGERS = ("api", "indexer", "vsearch", "uvicorn")
FIELDS = "fields"  # the attribute of a record that holds what JSON lines tell beside the message

_SANE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def choose_request_id(given: str | None) -> str:
    """Return the id that a client or proxy sent, if it can stand in a log, else a new one."""
    return given if given and _SANE.fullmatch(given) else secrets.token_hex(8)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and a record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        told = {name: value for name, value in line.items() if value is not None}
        return json.dumps(told, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Lines as uvicorn writes them, with the request's id where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and the traceback of an exception below it."""
        level = f"{record.levelname}:".ljust(9)
        known = request_id.get()
        # A line break that came from outside must not begin a line that looks like ours.
        told = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        text = f"{level} {told}{f' [{known}]' if known else ''}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def configure(settings: ServerSettings, stream: TextIO = sys.stderr) -> None:
    """Send the log of the server and of what it is made of to a stream; other libraries stay quiet.

    Calling it again replaces what it did before.
    """
    forms: dict[Literal["text", "json"], logging.Formatter] = {
        "text": TextLines(),
        "json": JsonLines(),
    }
    handler = logging.StreamHandler(stream)
    handler.setFormatter(forms[settings.log_format])
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(settings.log_level.upper())
        logger.propagate = False
