"""Notes of what one operation was shown: a context that hands out the same readings and remembers them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from adapters.model import BatchRef, Snapshot
from gateway.core.accounts import EVERYTHING, Scope
from gateway.core.batches import Batches, Look
from gateway.core.state import Reading
from schema.context import Context

_MEMO: Final = "answers"


class Shown(NamedTuple):
    """One reading that an operation was shown, and how it had asked."""

    ref: BatchRef
    max_age: float | None
    token: object
    """The snapshot's own: the same object exactly where the snapshot is the same."""
    fetched_at: datetime

    def is_current(self, batches: Batches) -> bool:
        """True where asking again would show the same, at once."""
        reading = batches.peek(self.ref, self.max_age)
        return (
            reading is not None
            and not reading.is_stale
            and reading.state.fetched_at == self.fetched_at
            and reading.snapshot.memo.get(_MEMO) is self.token
        )


class Notes:
    """What an operation was shown. `is_shareable` turns False for good with anything that is not a good reading."""

    __slots__ = ("is_shareable", "shown")

    def __init__(self) -> None:
        self.is_shareable = True
        self.shown: list[Shown] = []

    def take(self, ref: BatchRef, max_age: float | None, reading: Reading) -> None:
        """Note a reading."""
        if reading.is_stale:
            self.is_shareable = False
        else:
            self.shown.append(Shown(ref, max_age, token_of(reading.snapshot), reading.state.fetched_at))


def token_of(snapshot: Snapshot) -> object:
    """An object that stands for the snapshot, and keeps nothing of it alive."""
    return snapshot.memo.setdefault(_MEMO, object())


def noting(context: Context, notes: Notes) -> Context:
    """The same context, whose doors note what they show."""
    batches: Any = NotedBatches(context.batches, notes)
    watches: Any = _Unnoted(context.watches, notes)
    return replace(context, batches=batches, watches=watches)


class _Unnoted:
    """A door behind which nothing is noted: who opens it gets an answer of its own."""

    __slots__ = ("_inner", "_notes")

    def __init__(self, inner: object, notes: Notes) -> None:
        self._inner = inner
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        self._notes.is_shareable = False
        return getattr(self._inner, name)


class NotedBatches(_Unnoted):
    """The door to batches. Whatever is not written out here is not noted either."""

    __slots__ = ()

    def resolve(self, source: str, batch_id: str, account: str | None, scope: Scope = EVERYTHING) -> BatchRef:
        """As `Batches.resolve`: what it answers hangs on the configuration and the scope alone."""
        try:
            return self._batches.resolve(source, batch_id, account, scope)
        except Exception:
            self._notes.is_shareable = False
            raise

    def peek(self, ref: BatchRef, max_age: float | None = None) -> Reading | None:
        """As `Batches.peek`."""
        reading = self._batches.peek(ref, max_age)
        if reading is not None:
            self._notes.take(ref, max_age, reading)
        return reading

    async def get(self, ref: BatchRef, max_age: float | None = None) -> Reading:
        """As `Batches.get`."""
        try:
            reading = await self._batches.get(ref, max_age)
        except BaseException:
            self._notes.is_shareable = False
            raise
        self._notes.take(ref, max_age, reading)
        return reading

    async def look(self, ref: BatchRef, max_age: float | None = None) -> Look:
        """As `Batches.look`."""
        look = await self._batches.look(ref, max_age)
        if look.error is not None or look.reading is None:
            self._notes.is_shareable = False
        else:
            self._notes.take(ref, max_age, look.reading)
        return look

    @property
    def _batches(self) -> Batches:
        return cast("Batches", self._inner)
