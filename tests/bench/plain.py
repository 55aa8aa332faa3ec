"""The gateway that one would write at first: a Strawberry view, aiocache's decorator, httpx as it comes.

`python -m tests.bench.plain PORT UPSTREAM`. Its schema is the part of ours that the bench asks for.
"""

from __future__ import annotations

import asyncio
import enum
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import strawberry
import uvicorn
from aiocache import cached
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

UPSTREAM = httpx.AsyncClient(base_url=sys.argv[2] if len(sys.argv) > 2 else "", timeout=30)
PATH = "/integration/product/sellers/2738/products/batch-requests/"
POLL = 5.0

Source = strawberry.enum(enum.Enum("BatchSource", {"TRENDYOL": "TRENDYOL", "MIRCATE": "MIRCATE"}))


@strawberry.input
class BatchRef:
    source: Source
    id: str


@strawberry.type
class TrendyolProduct:
    stock_code: str | None
    quantity: int | None
    list_price: float | None
    sale_price: float | None


@strawberry.type
class TrendyolItem:
    index: int
    key: str | None
    title: str | None
    status: str
    product: TrendyolProduct | None


@strawberry.type
class Items:
    nodes: list[TrendyolItem]


@strawberry.type
class TrendyolBatch:
    batch_id: str
    status: str
    outcome: str | None
    item_count: int | None
    succeeded_count: int | None
    failed_count: int | None
    created_at: datetime | None
    updated_at: datetime | None
    every: strawberry.Private[list[TrendyolItem]]

    @strawberry.field
    def items(self, first: int = 50) -> Items:
        return Items(nodes=self.every[:first])


@strawberry.type
class MircateBatch:
    batch_id: str
    ratio: str | None


Batch = Annotated[TrendyolBatch | MircateBatch, strawberry.union("Batch")]


@strawberry.type
class BatchResult:
    batch: Batch | None


@strawberry.type
class BatchUpdate:
    version: str
    batch: Batch | None


def read(batch_id: str, told: dict[str, Any]) -> TrendyolBatch:
    items = told["items"]
    failed = sum(item["status"] == "FAILED" for item in items)
    succeeded = sum(item["status"] == "SUCCESS" for item in items)
    is_over = told["status"] == "COMPLETED"
    return TrendyolBatch(
        batch_id=batch_id,
        status=told["status"],
        outcome=("PARTIALLY_SUCCEEDED" if failed else "SUCCEEDED") if is_over else None,
        item_count=told["itemCount"],
        succeeded_count=succeeded,
        failed_count=failed,
        created_at=datetime.fromtimestamp(told["creationDate"] / 1000, UTC),
        updated_at=datetime.fromtimestamp(told["lastModification"] / 1000, UTC),
        every=[read_item(index, item) for index, item in enumerate(items)],
    )


def read_item(index: int, item: dict[str, Any]) -> TrendyolItem:
    product = item["requestItem"]["product"]
    return TrendyolItem(
        index=index,
        key=product["barcode"],
        title=product["title"],
        status="SUCCEEDED" if item["status"] == "SUCCESS" else item["status"],
        product=TrendyolProduct(
            stock_code=product["stockCode"],
            quantity=product["quantity"],
            list_price=product["listPrice"],
            sale_price=product["salePrice"],
        ),
    )


async def ask(batch_id: str) -> TrendyolBatch:
    answer = await UPSTREAM.get(PATH + batch_id)
    answer.raise_for_status()
    return read(batch_id, answer.json())


@cached(ttl=3600, key_builder=lambda _, batch_id: batch_id)
async def ask_once(batch_id: str) -> TrendyolBatch:
    return await ask(batch_id)


@strawberry.type
class Query:
    @strawberry.field
    async def batch(self, ref: BatchRef, max_age: int | None = None) -> Batch | None:
        return await ask_once(ref.id)

    @strawberry.field
    async def batches(self, refs: list[BatchRef]) -> list[BatchResult]:
        found = await asyncio.gather(*(ask_once(ref.id) for ref in refs))
        return [BatchResult(batch=batch) for batch in found]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def batch_updates(self, refs: list[BatchRef]) -> AsyncGenerator[BatchUpdate, None]:
        last = None
        while True:
            found = await ask(refs[0].id)
            if found.updated_at != last:
                last = found.updated_at
                yield BatchUpdate(version=str(last), batch=found)
            await asyncio.sleep(POLL)


def main() -> None:
    """Serve until the process is ended."""
    view = GraphQL(strawberry.Schema(query=Query, subscription=Subscription))
    app = Starlette(routes=[Route("/graphql", view, methods=["GET", "POST"]), WebSocketRoute("/graphql", view)])
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        http="httptools",
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()
