"""The door to batches for one query, and somebody beside it who sees what is read: an answer lasts as long as that."""

from __future__ import annotations

from typing import Any, Protocol

from adapters.model import BatchRef
from gateway.core.accounts import EVERYTHING, Scope
from gateway.core.batches import Batches, Look
from gateway.core.state import Reading


class Witness(Protocol):
    """Sees what a query reads."""

    def take(self, ref: BatchRef, max_age: float | None, reading: Reading, /) -> None:
        """A batch was read, and how it had been asked for."""
        ...

    def spoil(self) -> None:
        """Something else happened: a failure, or a look at what changes at any moment."""
        ...


class Door:
    """A door of which nothing is known but that it was opened: that spoils the answer."""

    __slots__ = ("_inner", "_witness")

    def __init__(self, inner: Any, witness: Witness) -> None:
        self._inner = inner
        self._witness = witness

    def __getattr__(self, name: str) -> Any:
        self._witness.spoil()
        return getattr(self._inner, name)


class WitnessedBatches(Door):
    """`Batches`; whatever is not written out here spoils the answer."""

    __slots__ = ()

    _inner: Batches

    def resolve(self, source: str, batch_id: str, account: str | None, scope: Scope = EVERYTHING) -> BatchRef:
        """As `Batches.resolve`: what it answers hangs on the configuration and the scope alone."""
        try:
            return self._inner.resolve(source, batch_id, account, scope)
        except Exception:
            self._witness.spoil()
            raise

    def peek(self, ref: BatchRef, max_age: float | None = None) -> Reading | None:
        """As `Batches.peek`."""
        reading = self._inner.peek(ref, max_age)
        if reading is not None:
            self._witness.take(ref, max_age, reading)
        return reading

    async def get(self, ref: BatchRef, max_age: float | None = None) -> Reading:
        """As `Batches.get`."""
        try:
            reading = await self._inner.get(ref, max_age)
        except BaseException:
            self._witness.spoil()
            raise
        self._witness.take(ref, max_age, reading)
        return reading

    async def look(self, ref: BatchRef, max_age: float | None = None) -> Look:
        """As `Batches.look`."""
        look = await self._inner.look(ref, max_age)
        if look.error is not None or look.reading is None:
            self._witness.spoil()
        else:
            self._witness.take(ref, max_age, look.reading)
        return look
