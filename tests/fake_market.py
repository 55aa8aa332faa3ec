"""A marketplace of the tests' own, small enough to hold in mind: `{"id", "status", "next"?}`."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import msgspec
from pydantic import SecretStr

from adapters.base import Account, Answer, Asking, Request, Source
from adapters.budget import Priority
from adapters.clock import Clock, SystemClock
from adapters.errors import InvalidAnswer, RateLimited, Unauthenticated, Unavailable, UpstreamError
from adapters.http import Fetched, Funnel, UpstreamLimits
from adapters.model import BatchRef, Operation, Snapshot, Status

KEY = "planted-key-7fe2"
SECRET = "planted-secret-91ab"


class MarketAccount(Account):
    key: SecretStr = SecretStr(KEY)
    secret: SecretStr = SecretStr(SECRET)


class Market:
    marketplace: ClassVar[str] = "market"
    title: ClassVar[str] = "Market"
    sources: ClassVar[tuple[Source, ...]] = (Source("market", "", Operation.OTHER),)
    account: ClassVar[type[Account]] = MarketAccount
    limit: ClassVar[str] = "1000/s"
    retention: ClassVar[int | None] = None

    def __init__(self) -> None:
        self.read = 0
        self.refused = 0

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        assert isinstance(account, MarketAccount)
        headers = {"Authorization": f"Bearer {account.key.get_secret_value()}"}
        url = f"{account.base_url}/{batch_id}"
        while True:
            answer = yield Request("GET", url, headers)
            self.read += 1
            if batch_id == "fault":
                raise LookupError(answer.body)
            found = msgspec.json.decode(answer.body)
            if not isinstance(found, dict) or "status" not in found:
                raise InvalidAnswer("Market answered with something else.", source_message=answer.body[:99].decode())
            if "next" not in found:
                return Snapshot(source, batch_id, Operation.OTHER, Status(found["status"]), payload=answer.body)
            url = f"{account.base_url}/{batch_id}/{found['next']}"

    def refusal(self, answer: Answer) -> UpstreamError | None:
        self.refused += 1
        kinds: dict[int, type[UpstreamError]] = {401: Unauthenticated, 403: Unauthenticated, 429: RateLimited}
        kind = Unavailable if answer.status >= 500 else kinds.get(answer.status)
        if kind is None:
            return None
        words = answer.body[:200].decode(errors="replace")
        return kind(f"Market says {answer.status}.", status=answer.status, source_message=words)


def account(base_url: str = "http://market.test", name: str = "shop", limit: str | None = None) -> MarketAccount:
    return MarketAccount(name=name, marketplace="market", base_url=base_url, limit=limit)


def ref(batch_id: str = "b1", name: str = "shop") -> BatchRef:
    return BatchRef("market", name, batch_id)


class Setup:
    """A funnel with one account; `fetch` asks it."""

    def __init__(
        self,
        answers: Any = None,
        base_url: str = "http://market.test",
        clock: Clock | None = None,
        limit: str | None = None,
        **limits: Any,
    ) -> None:
        self.market = Market()
        self.calls: list[Any] = []
        self.account = account(base_url, limit=limit)
        self.funnel = Funnel(
            [self.account],
            adapters={"market": self.market},
            clock=clock or SystemClock(),
            upstream=UpstreamLimits(**limits),
            transport_factory=None if answers is None else lambda _: httpx.MockTransport(answers),
            observer=self,
            chance=lambda: 0.0,
        )

    def call_ended(self, call: Any) -> None:
        self.calls.append(call)

    async def __aenter__(self) -> Setup:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.funnel.aclose()

    async def fetch(
        self,
        batch_id: str = "b1",
        timeout: float = 5.0,  # noqa: ASYNC109 - the funnel's own
        priority: Priority = Priority.QUERY,
        previous: Any = None,
    ) -> Fetched:
        return await self.funnel.fetch(
            self.account, ref(batch_id), timeout=timeout, priority=priority, previous=previous
        )
