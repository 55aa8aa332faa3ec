"""Writes log lines to a stream, several at a time: a system call for each would cost more than the request it tells.

A warning, a full buffer and the end of the process write at once; an event loop writes what waits a moment later. Where
no loop runs, every line is written as it comes. Events that come with every request are made lines of only then: many
in a row take a fraction of the time that each takes between other things.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import Final, TextIO

from gateway.observe.told import Told

_WAIT: Final = 0.1
"""Seconds."""
_ROOM: Final = 64 * 1024
"""Characters."""
_TOLD: Final = 250
"""About as many has the line of a request; none has many more."""


class LineHandler(logging.Handler):
    """A handler for one stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str | Told] = []
        self._size = 0
        self._is_waiting = False

    def handle(self, record: logging.LogRecord) -> bool:
        """Called for each record; as the base does it, in one step where nothing is filtered."""
        if self.filters or self.lock is None:
            return super().handle(record)
        with self.lock:
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            line = record if isinstance(record, Told) else self.format(record)
            self._lines.append(line)
            self._size += _TOLD if isinstance(line, Told) else len(line)
            if record.levelno >= logging.WARNING or self._size > _ROOM or not self._will_be_written():
                self.flush()
        except Exception:  # noqa: BLE001 - logging's own way with what goes wrong here
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or threading.RLock():
            waiting, self._lines, self._size = self._lines, [], 0
            if waiting:
                lines = [line if isinstance(line, str) else self._made(line) for line in waiting]
                self._stream.write("".join([f"{line}\n" for line in lines if line]))
                self._stream.flush()

    def _made(self, told: Told) -> str:
        try:
            return self.format(told)
        except Exception:  # noqa: BLE001 - as above; it costs no other line
            self.handleError(told)
            return ""

    def _will_be_written(self) -> bool:
        if self._is_waiting:
            return True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        self._is_waiting = True
        loop.call_later(_WAIT, self._write_later)
        return True

    def _write_later(self) -> None:
        self._is_waiting = False
        with contextlib.suppress(OSError, ValueError):  # whoever read the log is gone, or the stream was closed
            self.flush()
