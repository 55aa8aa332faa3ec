"""The sandbox as its clients meet it: with the right credentials, on a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from adapters.base import Account, Answer
from adapters.errors import UpstreamError
from adapters.model import Snapshot
from adapters.registry import ADAPTERS, MARKETPLACE_OF
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import Sandbox, create_sandbox
from tests.virtual_clock import VirtualClock

BASE = "http://sandbox"

HEADERS: dict[str, dict[str, str]] = {
    "trendyol": {
        # base64 of sandbox-trendyol-key:sandbox-trendyol-secret
        "authorization": "Basic c2FuZGJveC10cmVuZHlvbC1rZXk6c2FuZGJveC10cmVuZHlvbC1zZWNyZXQ=",
        "user-agent": "2738 - SelfIntegration",
    },
    "idefix": {"x-api-key": "c2FuZGJveC1pZGVmaXgta2V5OnNhbmRib3gtaWRlZml4LXNlY3JldA=="},
    "mircate": {"x-api-key": "sandbox-mircate-key"},
    "surecart": {"authorization": "Bearer sandbox-surecart-token"},
}
PATHS = {
    "trendyol": "/trendyol/integration/product/sellers/2738/products/batch-requests/{}",
    "idefix-fast-listing": "/idefix/pim/catalog/1017/fast-listing-result/{}",
    "idefix-product-create": "/idefix/pim/pool/1017/batch-result/{}",
    "idefix-inventory": "/idefix/pim/catalog/1017/inventory-result/{}",
    "mircate": "/mircate/5p1hp1d2t/CALL/MerchantImportJob/checkBatchStatus/{}",
    "surecart-batch": "/surecart/v1/batches/{}",
    "surecart-operation": "/surecart/v1/batch_operations/{}",
}


@dataclass(frozen=True, slots=True)
class World:
    """A sandbox and a client of it."""

    sandbox: Sandbox
    clock: VirtualClock
    client: httpx.AsyncClient

    async def get(self, source: str, batch_id: str, **options: Any) -> httpx.Response:
        """Ask with the first account's credentials."""
        options.setdefault("headers", HEADERS[source.partition("-")[0]])
        return await self.client.request(options.pop("method", "GET"), PATHS[source].format(batch_id), **options)

    async def json(self, source: str, batch_id: str, **options: Any) -> Any:
        """The same, of an answer that is 200."""
        answer = await self.get(source, batch_id, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def read(self, source: str, batch_id: str) -> Snapshot:
        """Read a batch as the gateway's adapter does. Raises its errors."""
        adapter = ADAPTERS[MARKETPLACE_OF[source]]
        asking = adapter.ask(account(adapter.marketplace), source, batch_id)
        request = next(asking)
        while True:
            sent = await self.client.request(request.method, request.url, headers=dict(request.headers))
            answer = Answer(sent.status_code, sent.content, dict(sent.headers))
            refusal: UpstreamError | None = adapter.refusal(answer)
            if refusal is not None:
                raise refusal
            try:
                request = asking.send(answer)
            except StopIteration as end:
                return end.value


def account(marketplace: str) -> Account:
    """The sandbox's first account, as the gateway configures it."""
    table = next(table for table in sandbox_accounts(BASE) if table["marketplace"] == marketplace)
    return ADAPTERS[marketplace].account.model_validate(table)


@asynccontextmanager
async def world(latency: float = 0.0, **options: Any) -> AsyncIterator[World]:
    """A sandbox in this process."""
    clock = VirtualClock()
    sandbox = create_sandbox(clock, latency, **options)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox), base_url=BASE) as client:
        yield World(sandbox, clock, client)
