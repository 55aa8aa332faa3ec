"""What a watched batch tells its subscribers, made once for all of them.

A channel is one batch at one level of detail. An update leads from the channel's last state to the new one and is the
same object for every subscriber; only the first update of a stream differs: it leads from nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from adapters.errors import BatchError
from adapters.model import BatchRef
from gateway.core.state import Reading, State, progressed

NO_VERSION = "0"
"""Sorts before every state's version: nothing was read yet."""


class Detail(Enum):
    """Which changes an update tells."""

    STATUS = "STATUS"
    PROGRESS = "PROGRESS"


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """One step of a watched batch. Compared and hashed by identity: the same update is the same object."""

    ref: BatchRef
    reading: Reading | None
    error: BatchError | None
    version: str
    previous: State | None
    is_final: bool
    number: int = field(default_factory=itertools.count(1).__next__)
    """Tells updates apart within the process: encoded once per operation and number."""


class Receiver(Protocol):
    """Somebody who takes updates without ever blocking."""

    def put(self, update: Update) -> None:
        """Take the update."""
        ...


class Channel:
    """One batch at one level of detail."""

    def __init__(self, ref: BatchRef, detail: Detail) -> None:
        self.ref = ref
        self.detail = detail
        self.receivers: set[Receiver] = set()
        self._last: State | None = None
        self._shown: State | None = None
        self._first: Update | None = None

    def __iter__(self) -> Iterator[Receiver]:
        return iter(tuple(self.receivers))

    def join(self, receiver: Receiver) -> None:
        """Add a receiver; it is given the current state at once, where there is one."""
        self.receivers.add(receiver)
        if self._shown is not None:
            receiver.put(self._first_update(self._shown))

    def tell(self, state: State) -> None:
        """Take a newer state; receivers hear of it where it differs at this level of detail, or is the end."""
        last = self._last
        self._shown = state
        self._first = None
        if last is not None and (last.snapshot is state.snapshot or not self._is_told(last, state)):
            return
        self._last = state
        self._send(Update(self.ref, Reading(state), None, state.version, last, state.snapshot.is_terminal))

    def fail(self, error: BatchError, *, is_final: bool) -> None:
        """Tell a failure beside the last known state."""
        shown = self._shown
        reading = Reading(shown, is_stale=True) if shown is not None else None
        version = self._last.version if self._last is not None else NO_VERSION
        self._send(Update(self.ref, reading, error, version, self._last, is_final))

    def _is_told(self, last: State, state: State) -> bool:
        old, new = last.snapshot, state.snapshot
        if old.status is not new.status or new.is_terminal:
            return True
        return self.detail is Detail.PROGRESS and progressed(old, new)

    def _first_update(self, state: State) -> Update:
        if self._first is None:
            version = self._last.version if self._last is not None else state.version
            self._first = Update(self.ref, Reading(state), None, version, None, state.snapshot.is_terminal)
        return self._first

    def _send(self, update: Update) -> None:
        for receiver in self:
            receiver.put(update)


def first_and_last(state: State) -> Update:
    """The only update of a batch that had ended before anybody watched it."""
    return Update(state.ref, Reading(state), None, state.version, None, is_final=True)


def refused(ref: BatchRef, error: BatchError) -> Update:
    """The only update of a batch that cannot be watched."""
    return Update(ref, None, error, NO_VERSION, None, is_final=True)
