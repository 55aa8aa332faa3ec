"""Whose turn is it: in which order, and when, the watched batches of one account are asked. No asyncio, no clock.

A watch is *due* once it has waited for its interval (`gateway.core.pace`); one that was never read is due at once. As
long as the budget lets whoever is due be asked, there is no more to it. When it does not, the one goes first whose
question is worth most, and the rest waits: intervals stretch, nothing is refused, and because a question's worth grows
as long as it waits, nobody waits for ever.

One task per account uses it so, all times in seconds on one steady counter:

    turn = turns.next(now, not_before)        # not_before: when the budget, or a Retry-After, lets a call start
    …                                         # wait until turn.due, or until anything below was called; begin again
    turns.asked(turn.key)                     # in flight: no other turn until the answer is there
    turns.seen(turn.key, now, changed=…)      # the answer, or failure, of this question or of anybody else's

Cost: watches stand in lanes, one for each octave of intervals, and in a lane by the time they are due. A turn compares
the heads of the lanes (some twenty at most), a reading moves one entry of a heap.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from gateway.core.pace import Pace, Trend

Key = TypeVar("Key", bound=Hashable)

_UNREAD: Final = -1_000
"""Lane of the watches that were never read: an octave that no interval has."""
_SLACK: Final = 64
"""Entries out of date that a lane may hold beyond one for each watch, before they are swept out."""


class Turn(NamedTuple, Generic[Key]):
    """Who is asked next, and when."""

    key: Key
    due: float


@dataclass(slots=True)
class _Watch(Generic[Key]):
    key: Key
    born: float
    moved: float
    """When it was last seen to change."""
    read: float
    """When it was last read; before that, when the watch began."""
    is_unread: bool
    is_attended: bool
    trend: Trend | None = None
    interval: float = 0.0
    not_before: float = -math.inf
    """Until then it is not to be asked: its marketplace said so."""
    entry: int | None = None
    """Number of its entry in a lane; None while in flight, or removed. An entry with another number is out of date."""


class _Entry(NamedTuple, Generic[Key]):
    due: float
    number: int
    watch: _Watch[Key]


class Turns(Generic[Key]):
    """The watches of one account. `rng` draws the jitter."""

    def __init__(self, pace: Pace, rng: random.Random) -> None:
        self._pace = pace
        self._rng = rng
        self._watches: dict[Key, _Watch[Key]] = {}
        self._lanes: dict[tuple[int, bool], list[_Entry[Key]]] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, key: Key, now: float, *, born: float, read: float | None = None, attended: bool = True) -> float:
        """Follow a batch submitted at `born` and last read at `read`; None where it was never read: due at once.

        Returns when it is due, as whatever else places a watch anew.
        """
        read_at = now if read is None else min(read, now)
        born = min(born, read_at)
        self.remove(key)
        watch = _Watch(key, born, born, read_at, is_unread=read is None, is_attended=attended)
        self._watches[key] = watch
        return self._place(watch)

    def remove(self, key: Key) -> None:
        """Follow it no longer."""
        watch = self._watches.pop(key, None)
        if watch is not None:
            watch.entry = None

    def attend(self, key: Key, *, subscribers: bool) -> float | None:
        """Somebody watches it now, or nobody does any more."""
        watch = self._watches.get(key)
        if watch is None or watch.is_attended == subscribers:
            return None
        watch.is_attended = subscribers
        return None if watch.entry is None else self._place(watch)

    def asked(self, key: Key) -> None:
        """It is being asked: it gets no other turn until `seen`."""
        watch = self._watches.get(key)
        if watch is not None:
            watch.entry = None

    def seen(
        self, key: Key, now: float, *, changed: bool, progress: float | None = None, pause: float = 0.0
    ) -> float | None:
        """It was read, or the question failed: then `changed` is False.

        `progress`: from 0 to 1, where it is told. `pause`: seconds for which it is not to be asked at all.
        """
        watch = self._watches.get(key)
        if watch is None:
            return None
        watch.read = max(now, watch.read)
        if changed and not watch.is_unread:
            watch.moved = watch.read
        watch.is_unread = False
        watch.not_before = max(watch.not_before, now + pause)
        if progress is not None:
            watch.trend = Trend(now, progress) if watch.trend is None else watch.trend.seen(now, progress)
        return self._place(watch)

    def next(self, now: float, not_before: float = -math.inf) -> Turn[Key] | None:
        """Who is asked next and when, as far as is known now; None where nobody waits for a turn.

        `not_before` is when the next call may start: of all that are due by then, the most worthwhile is chosen.
        """
        start = max(now, not_before)
        soonest: _Entry[Key] | None = None
        due: list[_Entry[Key]] = []
        for lane in self._lanes.values():
            while lane and not _is_current(lane[0]):
                heapq.heappop(lane)
            if not lane:
                continue
            head = lane[0]
            if head.due <= start:
                due.append(head)
            elif soonest is None or head < soonest:
                soonest = head
        if due:
            best = due[0] if len(due) == 1 else max(due, key=lambda head: self._worth(head.watch, start))
            return Turn(best.watch.key, start)
        return None if soonest is None else Turn(soonest.watch.key, soonest.due)

    def _worth(self, watch: _Watch[Key], now: float) -> float:
        return self._pace.worth((now - watch.read) / self._patience(watch), watch.interval)

    def _patience(self, watch: _Watch[Key]) -> float:
        return 1.0 if watch.is_attended else self._pace.patience

    def _place(self, watch: _Watch[Key]) -> float:
        watch.interval = 0.0 if watch.is_unread else self._interval(watch)
        gap = self._pace.jittered(watch.interval, self._rng.random()) * self._patience(watch)
        watch.entry = next(self._numbers)
        octave = _UNREAD if watch.is_unread else math.frexp(watch.interval)[1]
        lane = self._lanes.setdefault((octave, watch.is_attended), [])
        due = max(watch.read + gap, watch.not_before)
        heapq.heappush(lane, _Entry(due, watch.entry, watch))
        if len(lane) > 2 * len(self._watches) + _SLACK:
            lane[:] = filter(_is_current, lane)
            heapq.heapify(lane)
        return due

    def _interval(self, watch: _Watch[Key]) -> float:
        remaining = None if watch.trend is None else watch.trend.remaining(watch.read)
        return self._pace.interval(watch.read - watch.born, watch.read - watch.moved, remaining)


def _is_current(entry: _Entry[Key]) -> bool:
    return entry.watch.entry == entry.number
