"""Notes of what one operation was shown: a context that hands out the same readings and remembers them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.model import BatchRef, Snapshot
from gateway.core.batches import Batches
from gateway.core.state import Reading
from gateway.core.witness import Door, WitnessedBatches
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
            self.spoil()
        else:
            self.shown.append(Shown(ref, max_age, token_of(reading.snapshot), reading.state.fetched_at))

    def spoil(self) -> None:
        """Note anything else."""
        self.is_shareable = False


def token_of(snapshot: Snapshot) -> object:
    """An object that stands for the snapshot, and keeps nothing of it alive."""
    return snapshot.memo.setdefault(_MEMO, object())


def noting(context: Context, notes: Notes) -> Context:
    """The same context, whose doors note what they show."""
    batches: Any = WitnessedBatches(context.batches, notes)
    watches: Any = Door(context.watches, notes)
    return replace(context, batches=batches, watches=watches)
