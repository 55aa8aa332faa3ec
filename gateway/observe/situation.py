"""How the core stands at this moment, for Prometheus: watches, budgets, breakers, replicas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric

from adapters.http import BreakerState
from gateway.core.assembly import Core
from gateway.observe.instruments import gauge
from gateway.observe.replicas import cluster_families


class Situation:
    """Gauges of an open core."""

    def __init__(self, core: Core, marketplaces: Mapping[str, str]) -> None:
        self._core = core
        self._who = {name: (marketplace, name) for name, marketplace in marketplaces.items()}

    def families(self) -> Iterable[Metric]:
        """All of them."""
        labels, who, funnel = ["marketplace", "account"], self._who, self._core.batches.funnel
        left = {pair: float(funnel.budget_left(name)) for name, pair in who.items()}
        yield gauge("upstream_budget_left", "Calls that an account may make at this moment", labels, left)
        breakers: dict[tuple[str, ...], float] = {}
        for name, pair in who.items():
            state = funnel.breaker_state(name)
            breakers |= {(*pair, word.value.lower()): float(state is word) for word in BreakerState}
        yield gauge("upstream_breaker", "1 for the state that an account's breaker is in", [*labels, "state"], breakers)
        attendance = self._core.watches.attendance()
        watches = {
            (*who[name], word): float(attendance.get((name, is_attended), 0))
            for name in who
            for word, is_attended in (("true", True), ("false", False))
        }
        about = "Batches being watched, by whether somebody is subscribed to them"
        yield gauge("watches", about, [*labels, "attended"], watches)
        if self._core.cluster is not None:
            yield from cluster_families(self._core.cluster.status())
