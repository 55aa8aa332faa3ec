"""The states at hand: read and ready, least recently used out first, bounded by entries and bytes."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from adapters.model import BatchRef
from gateway.core.state import State

_OVERHEAD: Final = 2_000
"""Bytes of records around an answer."""
_ITEM: Final = 400
"""Bytes of records per item."""


def weight(state: State) -> int:
    """About how many bytes a state takes in memory."""
    size = _OVERHEAD + len(state.snapshot.items.heads) * _ITEM
    for answer in state.answers:
        size += 2 * len(answer.body)
    return size


class States:
    """Bounded map from reference to state."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._states: OrderedDict[BatchRef, tuple[State, int]] = OrderedDict()
        self.bytes = 0
        self.dropped: deque[State] = deque()
        """What went out for want of room, until somebody takes it."""

    def __len__(self) -> int:
        return len(self._states)

    def __iter__(self) -> Iterator[State]:
        """All of them; none counts as used."""
        return (state for state, _ in self._states.values())

    def get(self, ref: BatchRef) -> State | None:
        """The state, or None; it counts as used."""
        entry = self._states.get(ref)
        if entry is None:
            return None
        self._states.move_to_end(ref)
        return entry[0]

    def put(self, state: State) -> None:
        """Keep the state in place of an older one."""
        old = self._states.get(state.ref)
        if old is not None and old[0].snapshot is state.snapshot:
            self._states[state.ref] = (state, old[1])
            self._states.move_to_end(state.ref)
            return
        if old is not None:
            del self._states[state.ref]
            self.bytes -= old[1]
        size = weight(state)
        self._states[state.ref] = (state, size)
        self.bytes += size
        while len(self._states) > 1 and (len(self._states) > self._max_entries or self.bytes > self._max_bytes):
            _, (dropped, freed) = self._states.popitem(last=False)
            self.bytes -= freed
            self.dropped.append(dropped)
