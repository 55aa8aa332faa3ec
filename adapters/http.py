"""The one funnel to the marketplaces: asks an account about a batch through its adapter, and reads what comes back.

core ── fetch ──▶ Funnel ── drives ask() ──▶ Line (budget, breaker, retries) ──▶ Wire (time, size) ──▶ transport

Whatever happens out there, `fetch` ends within its time in a snapshot or a `BatchError`, and leaves nothing behind.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Self

import httpx
import msgspec

from adapters.base import Account, Adapter, Answer, Request
from adapters.breaker import BreakerState
from adapters.budget import Budget, LocalBudget, Priority
from adapters.clock import Clock
from adapters.errors import BatchError, InvalidAnswer, UnknownAccount
from adapters.line import Line, Question
from adapters.model import BatchRef, Snapshot
from adapters.observer import Observer
from adapters.reading import Aside, Reading, replay
from adapters.registry import ADAPTERS
from adapters.translation import Party
from adapters.transport import TransportFactory, transports
from adapters.upstream import UpstreamLimits
from adapters.window import Limit
from adapters.wire import Wire

__all__ = ["BreakerState", "Fetched", "Funnel", "Priority", "UpstreamLimits", "replay"]

BudgetFactory = Callable[[Account, Limit], Budget]
"""Makes the budget of an account: one in this process, or one that several processes share."""


class Fetched(msgspec.Struct, frozen=True):
    """A batch as it was read: the snapshot, the answers that it stands on, and when the last of them came (UTC)."""

    snapshot: Snapshot
    answers: tuple[Answer, ...]
    fetched_at: datetime
    asked: float | None = None
    """When the first call went out, on the steady clock: the answers are no older than that."""


class Funnel:
    """Asks marketplaces. One line, with its own pool of connections, for each account."""

    def __init__(
        self,
        accounts: Iterable[Account],
        *,
        clock: Clock,
        upstream: UpstreamLimits | None = None,
        transport_factory: TransportFactory | None = None,
        budget_factory: BudgetFactory | None = None,
        adapters: Mapping[str, Adapter] = ADAPTERS,
        observer: Observer | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._limits = upstream or UpstreamLimits()
        self._clock = clock
        self._aside = Aside()
        connect = transport_factory or transports(self._limits)

        def budget(account: Account, limit: Limit) -> Budget:
            return LocalBudget(limit, clock) if budget_factory is None else budget_factory(account, limit)

        def line(account: Account) -> Line:
            adapter = adapters[account.marketplace]
            party = Party(adapter.title, account.name, httpx.URL(account.base_url).host)
            return Line(
                account,
                adapter,
                Wire(party, connect(account), clock),
                budget(account, Limit.parse(account.limit or adapter.limit)),
                party=party,
                limits=self._limits,
                clock=clock,
                observer=observer,
                chance=chance,
            )

        self._lines = {account.name: line(account) for account in accounts}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections and end what runs in the background."""
        for line in self._lines.values():
            await line.aclose()
        await self._aside.aclose()

    def budget_left(self, account: str) -> int:
        """Calls that the account may make at this moment."""
        return self._lines[account].budget.left()

    def breaker_state(self, account: str) -> BreakerState:
        """Whether calls to the account's marketplace go out."""
        return self._lines[account].breaker.state(self._clock.monotonic())

    def resting(self, account: str) -> BatchError | None:
        """Why no call goes out for now, where the account's breaker is open."""
        return self._lines[account].resting()

    def hurry(self, ref: BatchRef, timeout: float) -> None:
        """Somebody now waits for what is being fetched as a watch: let it go on as a query of that patience."""
        self._lines[ref.account].budget.hurry(ref, timeout)

    def is_ready(self, account: str) -> bool:
        """True where a watch's call could go out now."""
        return self._lines[account].is_ready

    async def ready(self, account: str) -> None:
        """Wait until a watch's call could go out, so that whom to ask is decided as late as can be."""
        await self._lines[account].ready()

    async def fetch(
        self,
        account: Account,
        ref: BatchRef,
        *,
        previous: Fetched | None = None,
        timeout: float,  # noqa: ASYNC109 - a budget of time over several calls, on the injected clock
        priority: Priority,
    ) -> Fetched:
        """Ask the marketplace about a batch, within `timeout` seconds. Raises `BatchError` and nothing else.

        A query's time includes its wait for the account's budget; a watch waits for the budget as long as it takes.
        Where the answers are those of `previous`, byte for byte, its snapshot is returned as of now, undecoded.
        """
        line = self._lines.get(account.name)
        if line is None:
            raise UnknownAccount(f"There is no account {account.name}: check the configuration.")
        question = Question(ref, priority, timeout, self._clock.monotonic() + timeout, bytes_left=self._limits.max_body)
        try:
            first: Answer | None = None
            if previous is not None and previous.answers and account is line.account:
                first = await line.ask(question, line.opening(ref), previous.answers[0])
                if first is previous.answers[0] and len(previous.answers) == 1:
                    return Fetched(previous.snapshot, previous.answers, self._clock.now(), question.asked)
            reading = Reading(line.adapter.ask(account, ref.source, ref.id), line.party)
            try:
                return await self._converse(line, question, reading, previous, first)
            finally:
                reading.close()
        except BatchError as error:
            line.redaction.error(error)
            raise

    async def _converse(
        self, line: Line, question: Question, reading: Reading, previous: Fetched | None, first: Answer | None
    ) -> Fetched:
        """Ask until the adapter has read all. `first` is the first answer, where it is there already."""
        kept = previous.answers if previous is not None else ()
        answers: list[Answer] = []
        step = reading.begin()
        is_unchanged = previous is not None
        while isinstance(step, Request):
            if len(answers) == self._limits.max_calls:
                raise InvalidAnswer(f"{line.party}: the answer goes on over more than {len(answers)} pages.")
            known = kept[len(answers)] if is_unchanged and len(answers) < len(kept) else None
            answer = first if first is not None and not answers else await line.ask(question, step, known)
            answers.append(answer)
            question.bytes_left -= len(answer.body)
            is_unchanged = known is not None and answer is known
            # equal answers give equal snapshots, so the last equal one need not be read at all
            if previous is not None and is_unchanged and len(answers) == len(kept):
                return Fetched(previous.snapshot, kept, self._clock.now(), question.asked)
            if len(answer.body) < self._limits.decode_aside:
                step = reading.send(answer)
            else:
                left = question.left(self._clock.monotonic())
                step = await reading.send_aside(answer, self._aside, left, self._clock)
        return Fetched(step, tuple(answers), self._clock.now(), question.asked)
