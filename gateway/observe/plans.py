"""How operations were run: compiled or by graphql-core, from a shared answer or made anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, Metric

from gateway.observe.instruments import PREFIX


class PlanCounts(Protocol):
    """What is known of compiled operations."""

    planned: int
    unplanned: int
    made: int
    given_up: int


class AnswerCounts(Protocol):
    """What is known of shared answers."""

    hits: int
    misses: int


def plan_families(counts: PlanCounts) -> Iterable[Metric]:
    """Counters of compiled operations."""
    yield _counter(
        "compiled_operations", "Operations that were run by a plan, subscriptions' events one by one", counts.planned
    )
    yield _counter("fallback_operations", "Operations that were run without a plan, likewise", counts.unplanned)
    yield _counter("compiled_values", "Values, mostly whole root fields, that compiled code made", counts.made)
    yield _counter("fallback_values", "Values that compiled code left to graphql-core", counts.given_up)


def answer_families(counts: AnswerCounts) -> Iterable[Metric]:
    """Counters of shared answers."""
    yield _counter("shared_answers_hit", "Operations answered with an encoded answer that was at hand", counts.hits)
    yield _counter("shared_answers_missed", "Operations whose answer had to be made", counts.misses)


def _counter(name: str, about: str, count: int) -> Metric:
    family = CounterMetricFamily(PREFIX + name, about)
    family.add_metric((), count)
    return family
