"""The line to one account: budget, breaker and retries around its wire. One request in, one accepted answer out."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from adapters.base import Account, Adapter, Answer, Request
from adapters.breaker import Breaker, BreakerState, Pass
from adapters.budget import Budget, OutOfBudget, Permit, Priority
from adapters.clock import Clock
from adapters.errors import BatchError, InvalidAnswer, RateLimited, Unavailable, UpstreamError, UpstreamTimeout
from adapters.model import BatchRef
from adapters.observer import Call, Observer
from adapters.reading import first_request
from adapters.redaction import Redaction
from adapters.retry import RetryBudget, backoff, can_pass, retry_after
from adapters.translation import Party
from adapters.upstream import UpstreamLimits
from adapters.wire import Wire

log = logging.getLogger(__name__)

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REMEMBERED: Final = 4_096
"""Batches whose first request is kept."""
_THROTTLED: Final = 1.0
"""Seconds that all calls wait after a "too many requests" that says nothing about time."""


class Question(msgspec.Struct):
    """One question about one batch, which may take several calls: who waits, how long and how much it may take."""

    ref: BatchRef
    priority: Priority
    timeout: float
    until: float
    bytes_left: int
    asked: float | None = None
    """When its first call went out, on the steady clock."""

    def left(self, now: float) -> float:
        """Seconds."""
        return max(0.0, self.until - now)


class Line:
    """Everything that the calls of one account share."""

    def __init__(
        self,
        account: Account,
        adapter: Adapter,
        wire: Wire,
        budget: Budget,
        *,
        party: Party,
        limits: UpstreamLimits,
        clock: Clock,
        observer: Observer | None,
        chance: Callable[[], float],
    ) -> None:
        self.adapter = adapter
        self.budget = budget
        self.breaker = Breaker(limits)
        self.party = party
        self.redaction = Redaction(account)
        self.account = account
        self._opening = lru_cache(_REMEMBERED)(self._first_request)
        self._wire = wire
        self._limits = limits
        self._clock = clock
        self._observer = observer
        self._chance = chance
        self._retries = RetryBudget(limits.retry_share)
        self._last_failure = ""

    def opening(self, ref: BatchRef) -> Request:
        """The first request of a question about a batch, which is the same each time. Raises `BatchError`."""
        return self._opening(ref)

    def _first_request(self, ref: BatchRef) -> Request:
        return first_request(self.adapter.ask(self.account, ref.source, ref.id), self.party)

    async def ask(self, question: Question, request: Request, known: Answer | None) -> Answer:
        """The answer to a request, refused by nobody. What can pass is tried again. Raises `BatchError`.

        An answer that equals `known` was looked at before, and is not looked at again: it is `known`.
        """
        self._retries.earn()
        failure: BatchError | None = None
        for attempt in range(1, self._limits.retries + 2):
            try:
                permit, given = self._enter_at_once(question) or await self._enter(question)
            except UpstreamError as refused:
                raise failure or refused from None
            started = self._clock.monotonic()
            if question.asked is None:
                question.asked = started
            allowed = min(self._limits.call_timeout, question.left(started))
            try:
                outcome = await self._wire.send(request, allowed, question.bytes_left, known)
            except asyncio.CancelledError:
                permit.end()
                self._left_alone(given, started)
                raise
            outcome = self._ended(question, outcome, known, permit, given, started)
            if isinstance(outcome, Answer):
                return outcome
            failure = outcome
            delay = self._delay(outcome, attempt, question)
            if delay is None:
                break
            log.debug("upstream.retried: %s: %s, trying again in %.2f s", self.party, outcome.code.value, delay)
            await self._clock.sleep(delay)
        assert failure is not None  # noqa: S101 - the loop ran
        raise failure

    @property
    def is_ready(self) -> bool:
        """True where a watch's call could go out now."""
        return self.breaker.closed_for(self._clock.monotonic()) is None and self.budget.is_free()

    def resting(self) -> Unavailable | None:
        """Why no call goes out for now, where the breaker is open."""
        now = self._clock.monotonic()
        pause = self.breaker.closed_for(now)
        is_open = self.breaker.state(now) is BreakerState.OPEN
        return self._resting(pause) if is_open and pause is not None else None

    async def ready(self) -> None:
        """Wait until a watch's call could go out: breaker and budget would let it, and no query is before it."""
        while (pause := self.breaker.closed_for(self._clock.monotonic())) is not None:
            await self._clock.sleep(pause)
        permit = await self.budget.acquire(BatchRef("", self.account.name, ""), Priority.WATCH, None)
        permit.cancel()

    async def aclose(self) -> None:
        """Send away who waits, close the connections."""
        await self.budget.aclose()
        await self._wire.aclose()

    def _enter_at_once(self, question: Question) -> tuple[Permit, Pass] | None:
        """The same where nobody has to wait; None where that takes longer, or ends in a refusal."""
        given = self.breaker.enter(self._clock.monotonic())
        if given is None:
            return None
        permit = self.budget.at_once(question.priority)
        if permit is None:
            self.breaker.abandon(given)
            return None
        return permit, given

    async def _enter(self, question: Question) -> tuple[Permit, Pass]:
        """Permission from breaker and budget. A watch's patience stands still while it waits for the budget."""
        now = self._clock.monotonic()
        if (pause := self.breaker.closed_for(now)) is not None:
            raise self._resting(pause)
        is_watch = question.priority is Priority.WATCH
        try:
            patience = None if is_watch else question.left(now)
            permit = await self.budget.acquire(question.ref, question.priority, patience)
        except OutOfBudget as spent:
            raise self._no_call_left(spent.retry_after) from None
        after = self._clock.monotonic()
        if is_watch:
            question.until += after - now
        given = self.breaker.enter(after)
        if given is None:
            permit.cancel()
            raise self._resting(self.breaker.closed_for(after) or 0.0)
        return permit, given

    def _ended(
        self,
        question: Question,
        outcome: Answer | BatchError,
        known: Answer | None,
        permit: Permit,
        given: Pass,
        started: float,
    ) -> Answer | BatchError:
        """A call was made: give back what was taken for it, look at what came, and tell who counts."""
        permit.end()
        status = None
        if isinstance(outcome, Answer):
            status = outcome.status
            if outcome is not known:
                outcome = self._refusal(outcome, permit) or outcome
        now = self._clock.monotonic()
        seconds = now - started
        self._judge(given, outcome, status, seconds, question, now)
        self._observe(question.ref, outcome, status, seconds)
        return outcome

    def _refusal(self, answer: Answer, permit: Permit) -> BatchError | None:
        refusal = self.adapter.refusal(answer)
        if refusal is None:
            return self._redirect() if answer.status in _REDIRECTS else None
        headers = answer.headers
        asked = retry_after(
            headers.get("retry-after"), self._clock.now(), headers.get("date"), self._limits.max_retry_after
        )
        if asked is not None:
            refusal.retry_after = asked
        if isinstance(refusal, RateLimited):
            permit.throttled(_THROTTLED if refusal.retry_after is None else refusal.retry_after)
        return refusal

    def _redirect(self) -> InvalidAnswer:
        return InvalidAnswer(
            f"{self.party}: {self.party.host} answered with a redirect, which is not followed. Check base_url."
        )

    def _judge(
        self,
        given: Pass,
        outcome: Answer | BatchError,
        status: int | None,
        seconds: float,
        question: Question,
        now: float,
    ) -> None:
        """Tell the breaker: no answer, a 5xx and an answer that took too long are failures."""
        slow = self._limits.slow_call
        if status is not None or isinstance(outcome, InvalidAnswer):
            failed = seconds >= slow or (status or 0) >= 500
        elif isinstance(outcome, UpstreamTimeout) and seconds < min(slow, question.timeout / 2):
            self.breaker.abandon(given)  # most of the question's time had gone by before: this says nothing
            return
        else:
            failed = True
        pause = outcome.retry_after if isinstance(outcome, Unavailable) else None
        if failed and isinstance(outcome, BatchError):
            self._last_failure = self.redaction.text(outcome.message)
        self.breaker.record(given, now, failed=failed, pause=pause)

    def _left_alone(self, given: Pass, started: float) -> None:
        """The caller left in the middle of a call."""
        now = self._clock.monotonic()
        if now - started >= self._limits.slow_call:
            self.breaker.record(given, now, failed=True)
        else:
            self.breaker.abandon(given)

    def _delay(self, failure: BatchError, attempt: int, question: Question) -> float | None:
        """Seconds until the next try, None where there is to be none."""
        if attempt > self._limits.retries or not can_pass(failure):
            return None
        delay = backoff(attempt, failure.retry_after, self._chance())
        now = self._clock.monotonic()
        if delay >= question.left(now) or self.breaker.closed_for(now) is not None:
            return None
        return delay if self._retries.spend() else None

    def _observe(self, ref: BatchRef, outcome: Answer | BatchError, status: int | None, seconds: float) -> None:
        if self._observer is not None:
            error = outcome.code if isinstance(outcome, BatchError) else None
            account = self.account
            self._observer.call_ended(Call(account.marketplace, account.name, ref.source, error, status, seconds))

    def _resting(self, pause: float) -> Unavailable:
        return Unavailable(
            f"{self.party} failed repeatedly, so its calls rest for {pause:.0f} s. Last: {self._last_failure}",
            retry_after=pause,
        )

    def _no_call_left(self, seconds: float) -> RateLimited:
        return RateLimited(
            f"{self.party}: no call is left for now. Ask again in {max(1, math.ceil(seconds))} s, ask for less at a "
            "time, or raise the account's limit where the marketplace allows more.",
            retry_after=seconds,
        )
