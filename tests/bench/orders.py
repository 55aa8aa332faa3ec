"""Whom to ask next: the gateway's way, and those it is compared with."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

from gateway.core.pace import Pace
from gateway.core.turns import Turns

USUAL = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""The gaps of the usual schedule in seconds; the last one repeats."""


class Order(Protocol):
    """What is told and asked of each of them. Times are seconds, keys are numbers."""

    def add(self, key: int, now: float) -> None:
        """A batch arrives."""

    def next(self, start: float) -> tuple[int, float] | None:
        """Who is asked next and when, if the next call may start at `start`."""

    def asked(self, key: int, now: float, *, is_over: bool) -> None:
        """It was asked; if it is over, that was the last time."""


class Gateway:
    """What the gateway does. `is_read`: the state at arrival is known, so that it need not be asked at once."""

    def __init__(self, pace: Pace, seed: int, *, is_read: bool = False) -> None:
        self._turns: Turns[int] = Turns(pace, random.Random(f"jitter {seed}"))
        self._is_read = is_read

    def add(self, key: int, now: float) -> None:
        self._turns.add(key, now, born=now, read=now if self._is_read else None)

    def next(self, start: float) -> tuple[int, float] | None:
        return self._turns.next(start)

    def asked(self, key: int, now: float, *, is_over: bool) -> None:
        if is_over:
            self._turns.remove(key)
        else:
            self._turns.asked(key)
            self._turns.seen(key, now, changed=False)


class RoundRobin:
    """Everybody in turn, without a pause."""

    def __init__(self) -> None:
        self._queue: deque[int] = deque()

    def add(self, key: int, now: float) -> None:
        self._queue.append(key)

    def next(self, start: float) -> tuple[int, float] | None:
        return (self._queue[0], start) if self._queue else None

    def asked(self, key: int, now: float, *, is_over: bool) -> None:
        self._queue.popleft()
        if not is_over:
            self._queue.append(key)


class Schedule:
    """Every batch by the same list of gaps, the last one repeated; who is due first is asked first."""

    def __init__(self, gaps: tuple[float, ...] = USUAL) -> None:
        self._gaps = gaps
        self._due: list[tuple[float, int, int]] = []

    def add(self, key: int, now: float) -> None:
        heapq.heappush(self._due, (now + self._gaps[0], key, 1))

    def next(self, start: float) -> tuple[int, float] | None:
        if not self._due:
            return None
        due, key, _ = self._due[0]
        return key, max(due, start)

    def asked(self, key: int, now: float, *, is_over: bool) -> None:
        _, key, count = heapq.heappop(self._due)
        if not is_over:
            gap = self._gaps[min(count, len(self._gaps) - 1)]
            heapq.heappush(self._due, (now + gap, key, count + 1))


class Knowing:
    """Asks where the most delay is to be expected, by the very distribution that durations are drawn from."""

    def __init__(self, survival: Callable[[float], float]) -> None:
        self._survival = survival
        self._watches: dict[int, tuple[float, float, float]] = {}

    def add(self, key: int, now: float) -> None:
        self._watches[key] = (now, now, 1.0)

    def next(self, start: float) -> tuple[int, float] | None:
        if not self._watches:
            return None
        return max(self._watches, key=lambda key: self._worth(key, start)), start

    def asked(self, key: int, now: float, *, is_over: bool) -> None:
        born, _, _ = self._watches.pop(key)
        if not is_over:
            self._watches[key] = (born, now, self._survival(now - born))

    def _worth(self, key: int, now: float) -> float:
        born, read, survived = self._watches[key]
        return (now - read) * (1.0 - self._survival(now - born) / survived)
