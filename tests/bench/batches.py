"""Simulated batches: when they arrive and how long they take."""

from __future__ import annotations

import math
import random
from statistics import NormalDist
from typing import NamedTuple

MEDIAN, SIGMA, CUT = 5.0, 2.4, 3_600.0
"""Durations: lognormal, in seconds; what would take longer than the cut takes just that."""
ARRIVALS = 600.0
"""Seconds over which batches arrive, evenly at random."""


class Batch(NamedTuple):
    """One batch, in seconds of the simulation."""

    arrival: float
    duration: float

    @property
    def end(self) -> float:
        return self.arrival + self.duration


def arriving(seed: int, count: int) -> list[Batch]:
    """So many batches, by their arrival."""
    rng = random.Random(seed)
    mu = math.log(MEDIAN)
    return sorted(Batch(rng.uniform(0.0, ARRIVALS), min(CUT, rng.lognormvariate(mu, SIGMA))) for _ in range(count))


def spread(count: int) -> list[float]:
    """Durations that stand for the distribution itself: its quantiles, without chance."""
    normal = NormalDist(math.log(MEDIAN), SIGMA)
    return [min(CUT, math.exp(normal.inv_cdf((index + 0.5) / count))) for index in range(count)]


def survival(age: float) -> float:
    """The share of batches that are not over at that age. Of those that reach the cut, a trace is left."""
    if age <= 0.0:
        return 1.0
    if age >= CUT:
        return 1e-9
    return 0.5 * math.erfc(math.log(age / MEDIAN) / (SIGMA * math.sqrt(2.0)))
