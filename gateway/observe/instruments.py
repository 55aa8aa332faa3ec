"""Counters and histograms as plain numbers: counting costs a tenth of a microsecond, the words come when asked for.

Everything here belongs to the event loop's thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

PREFIX: Final = "batch_gateway_"


class Tally:
    """A number for each combination of labels, which only grows."""

    __slots__ = ("_help", "_labels", "_name", "counts")

    def __init__(self, name: str, help: str, *labels: str) -> None:  # noqa: A002 - Prometheus' word
        self._name = PREFIX + name
        self._help = help
        self._labels = labels
        self.counts: dict[tuple[str, ...], float] = {}

    def add(self, *values: str, by: float = 1) -> None:
        """Count one more, or several; `by=0` makes the combination known."""
        self.counts[values] = self.counts.get(values, 0) + by

    def family(self) -> CounterMetricFamily:
        """As Prometheus wants it."""
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for values, count in self.counts.items():
            family.add_metric(values, count)
        return family


class Spread:
    """How many durations (seconds) were at most so long, for each combination of labels."""

    __slots__ = ("_bounds", "_help", "_labels", "_name", "_texts", "spreads")

    def __init__(self, name: str, help: str, bounds: Sequence[float], *labels: str) -> None:  # noqa: A002
        self._name = PREFIX + name
        self._help = help
        self._bounds = tuple(map(float, bounds))
        self._texts = [*map(str, self._bounds), "+Inf"]
        self._labels = labels
        self.spreads: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}
        """Numbers of durations in each step, and their sum."""

    def add(self, seconds: float, *values: str) -> None:
        """Note one duration."""
        steps, total = self._spread(values)
        steps[bisect_left(self._bounds, seconds)] += 1
        total[0] += seconds

    def observer(self, *values: str) -> Callable[[float], None]:
        """Notes durations of one combination, faster."""
        (steps, total), bounds = self._spread(values), self._bounds

        def add(seconds: float) -> None:
            steps[bisect_left(bounds, seconds)] += 1
            total[0] += seconds

        return add

    def _spread(self, values: tuple[str, ...]) -> tuple[list[int], list[float]]:
        spread = self.spreads.get(values)
        if spread is None:
            spread = self.spreads[values] = ([0] * len(self._texts), [0.0])
        return spread

    def family(self) -> HistogramMetricFamily:
        """As Prometheus wants it: each step holds those below it too."""
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        for values, (steps, [total]) in self.spreads.items():
            family.add_metric(values, _cumulated(self._texts, steps), total)
        return family


def gauge(name: str, help: str, labels: Sequence[str], found: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:  # noqa: A002
    """What is so at this moment."""
    family = GaugeMetricFamily(PREFIX + name, help, labels=labels)
    for values, value in found.items():
        family.add_metric(values, value)
    return family


def _cumulated(texts: Sequence[str], steps: Sequence[int]) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    below = 0
    for text, step in zip(texts, steps, strict=True):
        below += step
        buckets.append((text, below))
    return buckets
