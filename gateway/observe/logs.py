"""The log: events named `dotted.words` with fields, an object a line for machines, a coloured line for people.

Code anywhere logs with the standard library: `log.info("watch.ended", extra={"fields": {"why": "terminal"}})`.
Whatever text an event holds is escaped here, so that no id and no marketplace can write a line of its own.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO, cast

import msgspec

from gateway.config.log import LogSettings
from gateway.observe.request_id import CURRENT
from gateway.observe.text import shown
from gateway.observe.told import Told
from gateway.observe.writing import LineHandler

_OURS: Final = ("gateway", "adapters", "schema")
_EVENT: Final = re.compile(r"([a-z_]+(?:\.[a-z_]+)+)(?:: | |$)(.*)", re.DOTALL)
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_WORDS: Final = 2_000
_SHORT: Final = 40
_COLOURS: Final = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


def log_to_stderr(settings: LogSettings, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Send the gateway's log to stderr, and of what libraries say only their warnings: the rest names sellers."""
    target = stream or sys.stderr
    handler = LineHandler(target)
    is_terminal = target.isatty()
    if settings.format == "pretty" or (settings.format == "auto" and is_terminal):
        handler.setFormatter(PrettyFormatter(has_colours=is_terminal and "NO_COLOR" not in environ))
    else:
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.level.upper())


class JsonFormatter(logging.Formatter):
    """One JSON object, on one line."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._written = ""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        if isinstance(record, Told):
            return self._of_told(record)
        event, words = event_of(record)
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname.lower(),
            "event": event,
            "logger": record.name,
        }
        if words:
            line["message"] = words
        if (request_id := request_id_of(record)) is not None:
            line["request_id"] = request_id
        line = {**line, **fields_of(record), **line}  # no field takes the place of what is known here
        if record.exc_info:
            line["exception"] = _lines(self.formatException(record.exc_info))
        return _encode(line).decode()

    def _of_told(self, record: Told) -> str:
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname.lower(),
            "event": record.msg,
            "logger": record.name,
        }
        if record.request_id is not None:
            line["request_id"] = record.request_id
        for name, value in record.fields.items():
            if name not in line:  # no field takes the place of what is known here
                line[name] = _shown(value) if isinstance(value, str) and len(value) <= _SHORT else _told(value)
        return _encode(line).decode()

    def _time(self, at: float) -> str:
        second = int(at)
        if second != self._second:
            self._second, self._written = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._written}.{int((at - second) * 1000):03d}+00:00"


class PrettyFormatter(logging.Formatter):
    """One line for people; an exception's trace below it."""

    def __init__(self, *, has_colours: bool) -> None:
        super().__init__()
        self._has_colours = has_colours

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        told = dict(fields_of(record))
        if (request_id := request_id_of(record)) is not None:
            told.setdefault("request_id", request_id)
        pairs = " ".join(f"{self._paint('2', f'{name}=')}{_value(value)}" for name, value in told.items())
        level = self._paint(_COLOURS.get(record.levelname, "0"), f"{record.levelname:<7}")
        event, words = event_of(record)
        line = " ".join(
            filter(None, (self._paint("2", at), level, f"{event:<22}" if pairs or words else event, words, pairs))
        )
        if not record.exc_info:
            return line
        # set in, so that no line of an error's own text passes for one of the log
        return f"{line}\n{_lines(self.formatException(record.exc_info), '    ')}"

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._has_colours else text


def request_id_of(record: logging.LogRecord) -> str | None:
    """The id of the request that was being answered when something was told."""
    return record.request_id if isinstance(record, Told) else CURRENT.get(None)


def event_of(record: logging.LogRecord) -> tuple[str, str]:
    """The event's name, and the words after it; all that libraries say is words."""
    if isinstance(record, Told):
        return record.msg, ""
    said = record.getMessage()
    named = _EVENT.match(said)
    return (named[1], shown(named[2], _WORDS)) if named else ("log", shown(said, _WORDS))


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of an event, their texts escaped."""
    found = getattr(record, "fields", None)
    if type(found) is dict or isinstance(found, Mapping):
        return {name: _told(value) for name, value in cast("Mapping[str, Any]", found).items()}
    return {}


def _told(value: object) -> object:
    if isinstance(value, str):
        return _shown(value) if len(value) <= _SHORT else shown(value)
    return round(value, 6) if isinstance(value, float) else value


@lru_cache(maxsize=1024)
def _shown(text: str) -> str:
    """For texts that come again and again: paths, methods, addresses."""
    return shown(text)


def _value(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f'"{text}"' if " " in text or not text else text


def _lines(text: str, before: str = "") -> str:
    """Several lines of foreign text, each escaped."""
    return "\n".join(f"{before}{shown(line, _WORDS)}" for line in text.splitlines())
