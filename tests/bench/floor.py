"""How far any cadence could get with one batch and budget to spare: dynamic programming over its age.

Exact but for two grids: durations are the quantiles of their distribution, and questions stand at a grid of ages. No
jitter, no seeds: what a schedule costs here is what it costs on average in the long run.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from gateway.core.pace import Pace
from tests.bench.batches import CUT, spread
from tests.bench.orders import USUAL

DURATIONS = 20_000
FINEST, SHARE, COARSEST = 0.02, 0.02, 2.0
"""Steps of the grid: a fiftieth of the age, within these seconds."""


class Costs(NamedTuple):
    """Of one batch on average: calls, and delay ÷ (1 s + age)."""

    calls: float
    delay: float


def costs(asks: Sequence[float]) -> Costs:
    """What it costs to ask at these ages."""
    durations = spread(DURATIONS)
    found = [bisect.bisect_left(asks, duration) for duration in durations]
    delays = ((asks[index] - duration) / (1.0 + duration) for index, duration in zip(found, durations, strict=True))
    return Costs(sum(index + 1 for index in found) / DURATIONS, sum(delays) / DURATIONS)


def usual() -> list[float]:
    """The ages at which the usual schedule asks."""
    gaps = itertools.chain(USUAL, itertools.repeat(USUAL[-1]))
    return list(itertools.takewhile(lambda age: age < CUT + USUAL[-1], itertools.accumulate(gaps)))


def paced(pace: Pace) -> list[float]:
    """The ages at which the gateway asks about a batch that nothing is seen of."""
    asks = [pace.interval(0.0, 0.0)]
    while asks[-1] < CUT:
        asks.append(asks[-1] + pace.interval(asks[-1], asks[-1]))
    return asks


class Floor:
    """The least delay that a schedule with gaps of at most `longest` seconds can have."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._ages = [0.0]
        while self._ages[-1] < CUT:
            step = min(max(self._ages[-1] * SHARE, FINEST), COARSEST)
            self._ages.append(min(CUT, self._ages[-1] + step))
        durations = spread(DURATIONS)
        self._over = [bisect.bisect_right(durations, age) for age in self._ages]
        weights = list(itertools.accumulate((1.0 / (1.0 + duration) for duration in durations), initial=0.0))
        # duration ÷ (1 + duration) is what its weight leaves of 1
        self._weight = [weights[over] for over in self._over]
        self._rest = [over - weights[over] for over in self._over]

    def at(self, calls: float) -> Costs:
        """The least delay with so many calls for a batch, by chance of one best schedule or the next."""
        low, high = 0.001, 1.0
        dear, cheap = costs(self._best(low)), costs(self._best(high))
        for _ in range(12):
            charge = (low * high) ** 0.5
            found = costs(self._best(charge))
            if found.calls > calls:
                low, dear = charge, found
            else:
                high, cheap = charge, found
        share = (calls - cheap.calls) / (dear.calls - cheap.calls)
        return Costs(calls, cheap.delay + share * (dear.delay - cheap.delay))

    def _best(self, charge: float) -> list[float]:
        """The schedule with the least sum of delays, where a call costs as much as a relative delay of `charge`."""
        ages, over, weight, rest = self._ages, self._over, self._weight, self._rest
        last = len(ages) - 1
        value, follow = [0.0] * (last + 1), [last] * (last + 1)
        for here in range(last - 1, -1, -1):
            reach = bisect.bisect_right(ages, ages[here] + self._longest + 1e-9)
            # what is still to come, without the terms that do not depend on the choice
            least, follow[here] = min(
                (ages[then] * (weight[then] - weight[here]) - rest[then] + value[then], then)
                for then in range(here + 1, reach)
            )
            value[here] = least + rest[here] + charge * (DURATIONS - over[here])
        asks, here = list[float](), 0
        while here < last:
            here = follow[here]
            asks.append(ages[here])
        return asks
