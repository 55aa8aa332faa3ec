"""Observation put together for one gateway: who is told, what is around each request, and what `/metrics` answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client.core import InfoMetricFamily, Metric

from adapters.base import Account
from adapters.clock import Clock
from adapters.http import BudgetFactory, Funnel
from adapters.upstream import UpstreamLimits
from gateway.core.assembly import Core, MakeFunnel
from gateway.observe.access import Access, App
from gateway.observe.instruments import PREFIX, Tally, gauge
from gateway.observe.metrics import Metrics
from gateway.observe.observation import Observation
from gateway.observe.plans import AnswerCounts, PlanCounts, answer_families, plan_families
from gateway.observe.situation import Situation
from gateway.observe.tracing import Tracing
from gateway.transports.endpoint import GraphQLEndpoint
from gateway.transports.responses import Scope, Send
from gateway.version import VERSION

_LAST_TRACES: Final = 0.5
"""Seconds for traces that are left to reach a collector, which may be away: the process has to end."""


class Observing:
    """Open it with `opened`, close it with `aclose`."""

    def __init__(self, accounts: Sequence[Account], tracing: Tracing | None = None) -> None:
        self.metrics: Final = Metrics({account.name: account.marketplace for account in accounts})
        self.observation: Final = Observation(self.metrics, tracing)
        self._tracing = tracing
        self.metrics.add(_about)

    def around(self, app: App, *, is_logged: bool) -> Access:
        """The application with ids, log, counters and traces of its requests."""
        return Access(app, self.metrics, self._tracing, is_logged=is_logged)

    @property
    def is_tracing(self) -> bool:
        """True where requests are traced."""
        return self._tracing is not None

    @property
    def funnel(self) -> MakeFunnel:
        """Makes a funnel that tells of its calls."""

        def make(
            accounts: Sequence[Account], clock: Clock, limits: UpstreamLimits, budgets: BudgetFactory | None
        ) -> Funnel:
            return Funnel(accounts, clock=clock, upstream=limits, budget_factory=budgets, observer=self.observation)

        return make

    def opened(
        self,
        core: Core,
        endpoint: GraphQLEndpoint,
        plans: PlanCounts | None = None,
        answers: AnswerCounts | None = None,
        refused: Mapping[str, int] | None = None,
    ) -> None:
        """Tell of these from now on. `refused` counts by the error's code who was not let in."""
        self.metrics.add(Situation(core, self.metrics.marketplaces).families)
        self.metrics.add(lambda: _held(endpoint.dump))
        if plans is not None:
            self.metrics.add(lambda: plan_families(plans))
        if answers is not None:
            self.metrics.add(lambda: answer_families(answers))
        if refused is not None:
            self.metrics.add(lambda: _refused(refused))

    async def answer(self, scope: Scope, send: Send) -> None:
        """Answer `/metrics`."""
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
        body, content_type = self.metrics.scrape(accept)
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send(
            {"type": "http.response.start", "status": 200, "headers": [*headers, (b"cache-control", b"no-store")]}
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def aclose(self) -> None:
        """Send the traces that are left, if that does not take long."""
        if self._tracing is not None:
            # the process waits for the loop's own threads when it ends, and not for this one
            closing = threading.Thread(target=self._tracing.close, daemon=True)
            closing.start()
            await asyncio.to_thread(closing.join, _LAST_TRACES)


def _about() -> Iterable[Metric]:
    yield InfoMetricFamily(f"{PREFIX}build", "The gateway's version", {"version": VERSION})


def _refused(counts: Mapping[str, int]) -> Iterable[Metric]:
    told = Tally("refusals", "Requests and sockets that were not let in, by the error's code", "code")
    for code, count in counts.items():
        told.add(code.lower(), by=count)
    yield told.family()


def _held(dump: Callable[[], dict[str, int]]) -> Iterable[Metric]:
    held = dump()
    yield gauge("sockets", "WebSockets that are open", [], {(): float(held["sockets"])})
    yield gauge("clients_held", "Requests, streams and sockets that are open", [], {(): float(held["live"])})
