"""Everything that is counted, and its text for Prometheus. Its own registry: two gateways in a process count apart.

Labels are bounded: marketplaces and accounts of the configuration, words of closed lists. No ids, nothing of clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from adapters.errors import ErrorCode
from gateway.observe.instruments import Spread, Tally

_ACCOUNT: Final = ("marketplace", "account")
_OF_NO_CALL: Final = frozenset(
    (ErrorCode.INVALID_REF, ErrorCode.UNKNOWN_ACCOUNT, ErrorCode.AMBIGUOUS_ACCOUNT, ErrorCode.GAVE_UP)
)
_CALLS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
_ANSWERS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DELAYS: Final = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)

Families = Callable[[], Iterable[Metric]]


class Metrics:
    """The gateway's counters."""

    def __init__(self, marketplaces: Mapping[str, str]) -> None:
        """`marketplaces` are those of the accounts, by account."""
        self.marketplaces: Final = dict(marketplaces)
        self.hits: Final = dict.fromkeys(marketplaces, 0)
        """Lookups answered by what is at hand, by account: plain numbers, for the fastest path of all."""
        self.calls = Tally("upstream_calls", "Calls to a marketplace, retries counted one by one", *_ACCOUNT)
        self.errors = Tally("upstream_errors", "Calls that ended in an error, by its code", *_ACCOUNT, "code")
        self.seconds = Spread("upstream_call_seconds", "Duration of calls to a marketplace", _CALLS, *_ACCOUNT)
        self.lookups = Tally(
            "cache_lookups",
            "Batches that were asked for: hit, revalidating (given, and asked again behind it) or miss",
            *_ACCOUNT,
            "result",
        )
        self.stale = Tally("stale_answers", "Last known states given because the marketplace failed", *_ACCOUNT)
        self.joins = Tally("single_flight_joins", "Waits for a question that was under way already", *_ACCOUNT)
        self.watch_ends = Tally("watches_ended", "Watches that ended, by why", *_ACCOUNT, "reason")
        self.delays = Spread(
            "detection_delay_seconds",
            "From the marketplace's own time of a change to the gateway's reading of it, in watched batches",
            _DELAYS,
            *_ACCOUNT,
            "attended",
        )
        self.words = Tally(
            "unknown_words", "Readings with a status word that is not known", "marketplace", "level", "word"
        )
        self.operations = Tally("operations", "GraphQL operations that were run, by kind", "kind")
        self.refused = Tally("operations_refused", "GraphQL documents that were not run: wrong, or beyond the limits")
        self.stream_ends = Tally("streams_ended", "Streams that ended, by transport and why", "transport", "reason")
        self._requests = Tally("http_requests", "HTTP requests that were answered, by status", "status")
        self.statuses: Final[dict[int, int]] = {}
        """HTTP requests by status: plain numbers too."""
        self.answers = Spread("http_answer_seconds", "From a request at /graphql to the start of its answer", _ANSWERS)
        for name, marketplace in marketplaces.items():
            for tally in (self.calls, self.stale, self.joins):
                tally.add(marketplace, name, by=0)
            for code in ErrorCode:
                if code not in _OF_NO_CALL:  # told from the start: Prometheus takes no first value for an increase
                    self.errors.add(marketplace, name, code.value.lower(), by=0)
        self.refused.add(by=0)
        self._more: list[Families] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(cast("CollectorRegistry", self))
        ProcessCollector(registry=self._registry)  # memory, processor time and open files, where the system tells

    def add(self, families: Families) -> None:
        """Have what is so at the moment told with the rest."""
        self._more.append(families)

    def collect(self) -> Iterable[Metric]:
        """All families. For the registry."""
        for name, count in self.hits.items():
            self.lookups.counts[self.marketplaces[name], name, "hit"] = count
        for status, count in self.statuses.items():
            self._requests.counts[(str(status),)] = count
        yield from (tally.family() for tally in vars(self).values() if isinstance(tally, Tally | Spread))
        for families in self._more:
            yield from families()

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """The text, and its content type: OpenMetrics where it is asked for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
