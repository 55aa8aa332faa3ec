"""What it is worth that a batch tells its progress: one watch at a time, with budget to spare."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable
from enum import Enum
from itertools import accumulate, pairwise
from typing import NamedTuple

from gateway.core.pace import Pace
from gateway.core.turns import Turns
from tests.bench.batches import arriving
from tests.bench.runs import Run

LONGEST_QUEUE = 0.3
"""Up to this share of its time, a batch waits before it begins."""
UNEVENNESS = 0.4
"""How much (sigma, lognormal) the speed differs between the tenths of the work."""


class Told(Enum):
    """What the marketplace tells of a batch that runs."""

    NOTHING = "nothing before the end"
    CHANGE = "that it changed"
    PROGRESS = "its progress"


class Work(NamedTuple):
    """How one batch gets on: when it begins, and when each tenth of its items is done."""

    begins: float
    tenths: list[float]
    items: int

    def progress(self, age: float) -> float:
        """Share of whole items done at that age."""
        if age <= self.begins:
            return 0.0
        tenth = bisect_right(self.tenths, age) - 1
        if tenth >= 10:
            return 1.0
        since, until = self.tenths[tenth], self.tenths[tenth + 1]
        done = (tenth + (age - since) / (until - since)) / 10.0
        return int(done * self.items) / self.items


def work(duration: float, rng: random.Random) -> Work:
    """Draw how a batch of that duration gets on."""
    begins = rng.uniform(0.0, LONGEST_QUEUE) * duration
    spans = [rng.lognormvariate(0.0, UNEVENNESS) for _ in range(10)]
    scale = (duration - begins) / sum(spans)
    tenths = list(accumulate((span * scale for span in spans), initial=begins))
    return Work(begins, tenths, rng.choice((10, 100, 1_000)))


def follow(told: Told, seeds: Iterable[int], count: int) -> Run:
    """Ask for each batch until it was found to be over."""
    run = Run()
    for seed in seeds:
        rng = random.Random(f"work {seed}")
        for batch in arriving(seed, count):
            turns: Turns[str] = Turns(Pace(), rng)
            _follow(batch.duration, work(batch.duration, rng), told, turns, run)
    return run


def _follow(duration: float, work: Work, told: Told, turns: Turns[str], run: Run) -> None:
    turns.add("batch", 0.0, born=0.0, read=0.0)
    asks, done = [0.0], 0.0
    while (turn := turns.next(0.0)) is not None:
        now = turn.due
        asks.append(now)
        turns.asked(turn.key)
        if now >= duration:
            turns.remove(turn.key)
            continue
        before, done = done, work.progress(now)
        has_changed = told is not Told.NOTHING and done != before
        turns.seen(turn.key, now, changed=has_changed, progress=done if told is Told.PROGRESS else None)
    run.calls += len(asks) - 1
    run.longest_gap = max(run.longest_gap, *(later - sooner for sooner, later in pairwise(asks)))
    run.found(asks[-1] - duration, duration)
