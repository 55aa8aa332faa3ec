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
        self._is_failing = False
        """True where the last that was told was a failure."""

    def __iter__(self) -> Iterator[Receiver]:
        return iter(tuple(self.receivers))

    def join(self, receiver: Receiver, failure: BatchError | None = None) -> None:
        """Add a receiver; it is given the current state at once, where there is one, and what fails just now."""
        self.receivers.add(receiver)
        if failure is not None or self._shown is not None:
            receiver.put(self._first_update(failure))

    def tell(self, state: State) -> None:
        """Take a newer state; receivers hear of it where it differs at this level of detail, or is the end.

        They also hear that it was read again after a failure of which they were told.
        """
        last, is_back = self._last, self._is_failing
        self._shown = state
        self._first = None
        self._is_failing = False
        if last is not None and not is_back and (last.snapshot is state.snapshot or not self._is_told(last, state)):
            return
        self._last = state
        self._send(Update(self.ref, Reading(state), None, state.version, last, state.snapshot.is_terminal))

    def fail(self, error: BatchError, *, is_final: bool) -> None:
        """Tell a failure beside the last known state."""
        self._send(self._failed(error, self._last, is_final=is_final))

    def _is_told(self, last: State, state: State) -> bool:
        old, new = last.snapshot, state.snapshot
        if old.status is not new.status or new.is_terminal:
            return True
        return self.detail is Detail.PROGRESS and progressed(old, new)

    def _first_update(self, failure: BatchError | None) -> Update:
        if self._first is None or self._first.error is not failure:
            self._first = self._beginning() if failure is None else self._failed(failure, None, is_final=False)
        return self._first

    def _beginning(self) -> Update:
        assert self._shown is not None  # noqa: S101 - whoever joins is told a state or a failure
        version = self._last.version if self._last is not None else self._shown.version
        return Update(self.ref, Reading(self._shown), None, version, None, self._shown.snapshot.is_terminal)

    def _failed(self, error: BatchError, previous: State | None, *, is_final: bool) -> Update:
        self._is_failing = True
        reading = Reading(self._shown, is_stale=True) if self._shown is not None else None
        version = self._last.version if self._last is not None else NO_VERSION
        return Update(self.ref, reading, error, version, previous, is_final)

    def _send(self, update: Update) -> None:
        for receiver in self:
            receiver.put(update)


def first_and_last(state: State) -> Update:
    """The only update of a batch that had ended before anybody watched it."""
    return Update(state.ref, Reading(state), None, state.version, None, is_final=True)


def refused(ref: BatchRef, error: BatchError) -> Update:
    """The only update of a batch that cannot be watched."""
    return Update(ref, None, error, NO_VERSION, None, is_final=True)
