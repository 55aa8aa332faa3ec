"""The one who is told: counts what funnel, core and transports say, logs what a person should know, and traces."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Final

from prometheus_client.core import Metric

from adapters.errors import BatchError, ErrorCode
from adapters.model import BatchRef
from adapters.observer import Call
from adapters.registry import MARKETPLACE_OF
from gateway.core.observer import Answered, WatchEnd
from gateway.core.state import State
from gateway.observe.detection import detection_delay
from gateway.observe.instruments import gauge
from gateway.observe.metrics import Metrics
from gateway.observe.tracing import Tracing
from gateway.observe.words import Labels, unknown_words

log: Final = logging.getLogger(__name__)

_HOW: Final = {how: how.value for how in Answered}
_EXPECTED: Final = frozenset({ErrorCode.NOT_FOUND, ErrorCode.RATE_LIMITED})
"""Everyday answers, which say nothing about the gateway or the marketplace."""


class Observation:
    """Implements the observers of the funnel, of the core and of the transports."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics: Final = metrics
        self.tracing: Final = tracing
        self._hits = metrics.hits
        self._words = Labels()
        self._streams: Counter[str] = Counter()
        metrics.add(self._open_streams)

    # the funnel

    def call_ended(self, call: Call) -> None:
        """Count a call."""
        metrics, who = self.metrics, (call.marketplace, call.account)
        metrics.calls.add(*who)
        metrics.seconds.add(call.seconds, *who)
        if call.error is not None:
            metrics.errors.add(*who, call.error.value.lower())
        if self.tracing is not None:
            self.tracing.call(call)

    # the core

    def hit(self, account: str) -> None:
        """Count a lookup."""
        self._hits[account] += 1

    def answered(self, account: str, how: Answered) -> None:
        """Count a lookup, or what became of it."""
        metrics = self.metrics
        if how is Answered.STALE:
            metrics.stale.add(metrics.marketplaces[account], account)
        else:
            metrics.lookups.add(metrics.marketplaces[account], account, _HOW[how])

    def asking(self, ref: BatchRef, *, is_watch: bool, is_joined: bool) -> AbstractContextManager[None]:
        """Trace the wait, and log a failure."""
        if is_joined:
            self.metrics.joins.add(*self._who(ref.account))
        if self.tracing is not None:
            return self._traced(self.tracing, ref, is_watch=is_watch, is_joined=is_joined)
        return _NOTHING if is_joined else _Asking(ref)

    @contextmanager
    def _traced(self, tracing: Tracing, ref: BatchRef, *, is_watch: bool, is_joined: bool) -> Generator[None]:
        with (
            _NOTHING if is_joined else _Asking(ref),
            tracing.load(ref, is_watch=is_watch, is_joined=is_joined),
        ):
            yield

    def changed(self, state: State) -> None:
        """Look for words that are not known."""
        marketplace = MARKETPLACE_OF[state.ref.source]
        for level, word in unknown_words(state.snapshot):
            label, is_new = self._words.of(marketplace, word)
            self.metrics.words.add(marketplace, level, label)
            if is_new:
                log.warning("word.unknown", extra={"fields": {**_of(state.ref), "on": level, "word": word}})

    def detected(self, old: State, new: State, *, is_attended: bool) -> None:
        """Count how long that took."""
        delay = detection_delay(old, new)
        if delay is not None:
            self.metrics.delays.add(delay, *self._who(new.ref.account), _word(is_attended))

    def watch_began(self, ref: BatchRef) -> None:
        """Log it."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("watch.began", extra={"fields": _of(ref)})

    def watch_ended(self, ref: BatchRef, why: WatchEnd) -> None:
        """Count and log it."""
        self.metrics.watch_ends.add(*self._who(ref.account), why.value)
        log.info("watch.ended", extra={"fields": {**_of(ref), "why": why.value}})

    # the transports

    def operation(self, kind: str) -> None:
        """Count it."""
        self.metrics.operations.add(kind)

    def refused(self) -> None:
        """Count it."""
        self.metrics.refused.add()

    def stream_began(self, transport: str) -> None:
        """Count it."""
        self._streams[transport] += 1

    def stream_ended(self, transport: str, why: str) -> None:
        """Count it."""
        self._streams[transport] -= 1
        self.metrics.stream_ends.add(transport, why)

    def _open_streams(self) -> Iterable[Metric]:
        found = {(transport,): float(count) for transport, count in self._streams.items()}
        yield gauge("streams", "Streams that are open, by transport", ["transport"], found)

    def _who(self, account: str) -> tuple[str, str]:
        return self.metrics.marketplaces[account], account


_NOTHING: Final = nullcontext()


class _Asking(AbstractContextManager[None]):
    """Around a wait for the marketplace: a failure is logged. A poll goes through it, so it is no generator."""

    __slots__ = ("_ref",)

    def __init__(self, ref: BatchRef) -> None:
        self._ref = ref

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, BatchError):
            level = logging.DEBUG if error.code in _EXPECTED else logging.WARNING
            fields = {**_of(self._ref), "code": error.code.value, "reason": error.message}
            log.log(level, "batch.unanswered", extra={"fields": fields})


def _of(ref: BatchRef) -> dict[str, str]:
    return {"source": ref.source, "account": ref.account, "batch": ref.id}


def _word(is_so: bool) -> str:  # noqa: FBT001 - the only argument
    return "true" if is_so else "false"
