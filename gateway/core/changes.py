"""What is to be written to the store together. Of several changes of the same thing the last one counts."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from adapters.model import BatchRef

_MANY: Final = 1_000
_LARGE: Final = 64 * 1024 * 1024


class Result(msgspec.Struct, frozen=True, gc=False):
    """A kept state as bytes, and when it was read."""

    value: bytes
    at: datetime


class Changes:
    """Results to keep, and watches that began or ended."""

    __slots__ = ("begun", "bytes", "ended", "results")

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.begun: dict[BatchRef, datetime] = {}
        self.ended: set[BatchRef] = set()
        """Watches to forget, before those that began are noted."""
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self.results or self.begun or self.ended)

    @property
    def is_heavy(self) -> bool:
        """True where so much is waiting that no more should be read before it is written."""
        return len(self.results) >= _MANY or self.bytes >= _LARGE

    def keep(self, key: str, value: bytes, at: datetime) -> None:
        """Keep a result."""
        old = self.results.pop(key, None)
        if old is not None:
            self.bytes -= len(old.value)
        self.bytes += len(value)
        self.results[key] = Result(value, at)

    def watch(self, ref: BatchRef, born: datetime) -> None:
        """Note that a batch is being watched; what is noted already stands."""
        self.begun.setdefault(ref, born)

    def unwatch(self, ref: BatchRef) -> None:
        """Note that it no longer is."""
        self.begun.pop(ref, None)
        self.ended.add(ref)
