"""The core over a scripted marketplace, on a virtual clock: for tests of batches and watches."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from adapters.base import Account
from adapters.clock import Clock
from adapters.http import Funnel
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from gateway.core.assembly import Core, CoreSettings, open_core
from tests.virtual_clock import VirtualClock

START_MS = 1_767_225_600_000
Answer = Callable[[float, int], httpx.Response]
"""What a batch answers, by the time (seconds) and the number of the call."""


def trendyol_account(name: str = "shop", **more: Any) -> Account:
    return ADAPTERS["trendyol"].account.model_validate(
        {
            "name": name,
            "marketplace": "trendyol",
            "base_url": "http://marketplace.test",
            "seller_id": "2738",
            "api_key": "key",
            "api_secret": "secret",
            "limit": "1000/1s",
            **more,
        }
    )


def ref(batch_id: str, account: str = "shop") -> BatchRef:
    return BatchRef("trendyol", account, batch_id)


def body(batch_id: str, *items: str, status: str | None = "IN_PROGRESS", total: int | None = None) -> httpx.Response:
    """A Trendyol answer with items of these statuses."""
    listed = [
        {"requestItem": {"barcode": f"b{i}", "quantity": i}, "status": word, "failureReasons": []}
        for i, word in enumerate(items)
    ]
    answer: dict[str, Any] = {
        "batchRequestId": batch_id,
        "items": listed,
        "itemCount": len(items) if total is None else total,
        "failedItemCount": items.count("FAILED"),
        "creationDate": START_MS,
        "lastModification": START_MS,
        "batchRequestType": "ProductV2Update",
    }
    if status is not None:
        answer["status"] = status
    return httpx.Response(200, json=answer)


def unknown(batch_id: str) -> httpx.Response:
    """What Trendyol answers about an id that it does not know."""
    return httpx.Response(200, json={"batchRequestId": batch_id, "status": "PROCESSING", "items": []})


def ends_at(seconds: float, batch_id: str) -> Answer:
    """Two items; the first is done half-way, both at the end."""

    def answer(now: float, _call: int) -> httpx.Response:
        if now >= seconds:
            return body(batch_id, "SUCCESS", "SUCCESS", status="COMPLETED")
        return body(batch_id, "SUCCESS" if now >= seconds / 2 else "PROCESSING", "PROCESSING")

    return answer


class Marketplace:
    """A scripted Trendyol that counts the calls about each batch."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.scripts: dict[str, Answer] = {}
        self.calls: Counter[str] = Counter()
        self.times: list[float] = []
        self.latency = 0.0
        self.hanging: set[str] = set()
        """Batches about which it never answers."""

    async def handle(self, request: httpx.Request) -> httpx.Response:
        batch_id = request.url.path.rsplit("/", 1)[1]
        self.calls[batch_id] += 1
        self.times.append(self.clock.monotonic())
        if batch_id in self.hanging:
            await asyncio.Event().wait()
        if self.latency:
            await self.clock.sleep(self.latency)
        script = self.scripts.get(batch_id)
        if script is None:
            return httpx.Response(404, json={"errors": [{"key": "not.found", "message": "no such batch"}]})
        return script(self.clock.monotonic(), self.calls[batch_id])


class World:
    """Core, marketplace and clock."""

    def __init__(self, core: Core, marketplace: Marketplace, clock: VirtualClock) -> None:
        self.core = core
        self.batches = core.batches
        self.watches = core.watches
        self.marketplace = marketplace
        self.clock = clock


@asynccontextmanager
async def world(
    *accounts: Account, store: Path | None = None, marketplace: Marketplace | None = None, **settings: Any
) -> AsyncGenerator[World]:
    """A running core. `settings` are those of `CoreSettings`."""
    clock = marketplace.clock if marketplace is not None else VirtualClock()
    assert isinstance(clock, VirtualClock)
    marketplace = marketplace or Marketplace(clock)

    def funnel(given: Any, clock: Clock, limits: Any, budgets: Any) -> Funnel:
        return Funnel(
            given,
            clock=clock,
            upstream=limits,
            budget_factory=budgets,
            transport_factory=lambda _: httpx.MockTransport(marketplace.handle),
            chance=lambda: 0.5,
        )

    made = CoreSettings(accounts=accounts or (trendyol_account(),), store=store, **settings)
    async with open_core(made, clock, funnel) as core:
        yield World(core, marketplace, clock)


def told(response: httpx.Response) -> Any:
    return json.loads(response.content)
