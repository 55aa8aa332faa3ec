"""What the gateway knows of one batch, and which of two readings is to be believed. Pure: no clock, no I/O.

Invariants:
- A terminal state never turns back, and its status and outcome never change once it is settled.
- A state that was read earlier never replaces one read later.
- What was confirmed once stays confirmed: an answer that shows nothing of the batch is no news.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from adapters.base import Answer
from adapters.model import BatchRef, Snapshot


class State(msgspec.Struct, frozen=True, gc=False):
    """One batch as last read. `version` changes with its content, `fetched_at` with every answer that confirms it."""

    ref: BatchRef
    snapshot: Snapshot
    answers: tuple[Answer, ...]
    """What the snapshot was read from: enough to read it again."""
    fetched_at: datetime
    checked: float
    """When the marketplace last answered about it, on the steady clock (seconds)."""
    version: str
    asked: float | None = None
    """When the first question of this reading went out, on the same clock; None where that is not known."""
    follows: str = ""
    """The version that was known when it was read; none where it was the first."""

    def again(self, fetched_at: datetime, checked: float) -> State:
        """The same, as an answer of that time confirms it."""
        return State(self.ref, self.snapshot, self.answers, fetched_at, checked, self.version, self.asked, self.follows)


class Reading(msgspec.Struct, frozen=True):
    """A state as handed to a caller. `is_stale`: the marketplace could not be asked again in time."""

    state: State
    is_stale: bool = False

    @property
    def snapshot(self) -> Snapshot:
        """What the marketplace said."""
        return self.state.snapshot


def next_version(previous: State | None, at: datetime) -> str:
    """A name for a new state: opaque to clients, but later states sort after earlier ones, also across restarts."""
    number = int(at.timestamp() * 1000)
    if previous is not None:
        number = max(number, int(previous.version, 16) + 1)
    return f"{number:012x}"


def is_news(old: Snapshot, new: Snapshot) -> bool:
    """True where the new reading may replace the old one, by their content alone."""
    if old.is_terminal:
        if not new.is_terminal:
            return False
        if old.is_settled:
            return (new.status, new.outcome) == (old.status, old.outcome) and len(new.items) >= len(old.items)
        return True
    return new.is_confirmed or not old.is_confirmed


def differs(old: Snapshot, new: Snapshot) -> bool:
    """True where a client could see a difference between the two."""
    if old is new:
        return False
    return _visible(old) != _visible(new)


def _visible(snapshot: Snapshot) -> tuple[object, ...]:
    return (
        snapshot.status,
        snapshot.source_status,
        snapshot.outcome,
        snapshot.counts,
        snapshot.progress,
        snapshot.is_confirmed,
        snapshot.updated_at,
        snapshot.completed_at,
        snapshot.payload,
    )


def merge(old: State | None, new: State) -> State:
    """The state to believe after `new` was read; it keeps the old version where nothing visible changed."""
    if old is None:
        return new
    if new.checked < old.checked:  # the steady clock: the wall's may jump
        return old
    if not is_news(old.snapshot, new.snapshot):
        return replace(old, checked=new.checked)
    if not differs(old.snapshot, new.snapshot):
        return replace(old, fetched_at=new.fetched_at, checked=new.checked)
    return new


def adopt(old: State | None, other: State) -> State:
    """The state to believe after somebody else's was learned: its version is the one that all agreed on."""
    if old is None:
        return other
    if not differs(old.snapshot, other.snapshot):
        if other.checked <= old.checked:
            return old if old.version == other.version else replace(old, version=other.version)
        return replace(old, version=other.version, fetched_at=other.fetched_at, checked=other.checked)
    return other if is_news(old.snapshot, other.snapshot) and other.checked >= old.checked else old


def is_forgotten(old: State | None, new: Snapshot | None, now: datetime) -> bool:
    """True where the marketplace no longer knows or confirms a batch whose known time is over.

    `new` is the unconfirming answer, or None for one that denies the batch.
    """
    if old is None or old.snapshot.is_terminal or (new is not None and new.is_confirmed):
        return False
    expires_at = old.snapshot.expires_at
    return expires_at is not None and expires_at <= now


def progressed(old: Snapshot | None, new: Snapshot) -> bool:
    """True where status, counts or an item moved: what `UpdateDetail.PROGRESS` tells."""
    if old is None:
        return True
    if (old.status, old.outcome, old.counts, old.source_status) != (
        new.status,
        new.outcome,
        new.counts,
        new.source_status,
    ):
        return True
    return old.items.heads != new.items.heads


def changed_items(old: Snapshot | None, new: Snapshot) -> list[int]:
    """Positions of the items that differ from the old state (all of them where there is none)."""
    if old is None:
        return list(range(len(new.items)))
    before, after = old.items.heads, new.items.heads
    return [i for i, head in enumerate(after) if i >= len(before) or before[i] != head]
