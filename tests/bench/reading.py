"""How long reading a large answer holds up everybody else: `python -m tests.bench.reading`.

A heartbeat runs on the event loop while the funnel reads Trendyol answers of growing size, at once and aside. Printed
is the longest time that it did not get its turn, the least of nine tries, and the time until the snapshot stood.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

import httpx
from pydantic import SecretStr

from adapters.clock import SystemClock
from adapters.http import Funnel, Priority
from adapters.model import BatchRef
from adapters.trendyol import Trendyol
from adapters.upstream import UpstreamLimits

ITEMS: Final = (1_000, 4_000, 9_900)
MANY: Final = 1 << 40
TRIES: Final = 9


def answer(items: int) -> bytes:
    """A product-create batch, some 1.2 kB an item."""
    product = {
        "title": "Kürk Şapka " + "x" * 60,
        "productMainId": "11111122222",
        "description": "Su geçirmez, hoş. " * 20,
        "images": [{"url": f"https://cdn.example/{number}.jpg"} for number in range(4)],
        "attributes": [{"attributeId": 290 + number, "attributeValueId": None} for number in range(6)],
        "listPrice": 1_299.9,
        "salePrice": 1_199.9,
        "quantity": 50,
    }
    listed = [
        {
            "requestItem": {"product": {**product, "barcode": f"86900{number:08}"}, "barcode": f"86900{number:08}"},
            "status": "SUCCESS" if number % 10 else "FAILED",
            "failureReasons": [] if number % 10 else ["Ürün mevcut, güncelleme geçersiz"],
        }
        for number in range(items)
    ]
    batch = {"batchRequestId": "b", "items": listed, "status": "COMPLETED", "creationDate": 1736154265337}
    return json.dumps({**batch, "itemCount": items}, ensure_ascii=False).encode()


async def held(body: bytes, decode_aside: int) -> tuple[float, float]:
    """Milliseconds that the loop was held at most, and until the snapshot stood."""
    settings = {"name": "shop", "marketplace": "trendyol", "base_url": "http://market.test", "seller_id": "1"}
    secrets = {"api_key": SecretStr("x"), "api_secret": SecretStr("y")}
    account = Trendyol.account.model_validate(settings | secrets)
    ref = BatchRef("trendyol", "shop", "b")
    longest = 0.0

    async def heartbeat() -> None:
        nonlocal longest
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - started)

    limits = UpstreamLimits(decode_aside=decode_aside, max_body=1 << 30)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    async with Funnel([account], clock=SystemClock(), upstream=limits, transport_factory=lambda _: transport) as funnel:
        beating = asyncio.ensure_future(heartbeat())
        await asyncio.sleep(0.02)
        longest = 0.0
        started = time.perf_counter()
        await funnel.fetch(account, ref, timeout=60, priority=Priority.QUERY)
        took = time.perf_counter() - started
        await asyncio.sleep(0.001)
        beating.cancel()
    return longest * 1e3, took * 1e3


def main() -> None:
    """Print the table."""
    print(f"{'answer':>10} {'at once: held':>15} {'stood':>8} {'aside: held':>13} {'stood':>8}   (ms)")
    for items in ITEMS:
        body = answer(items)
        now_held, now_stood = min(asyncio.run(held(body, MANY)) for _ in range(TRIES))
        held_aside, stood_aside = min(asyncio.run(held(body, 0)) for _ in range(TRIES))
        print(
            f"{len(body) / 1e6:7.1f} MB {now_held:15.1f} {now_stood:8.1f} {held_aside:13.1f} {stood_aside:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
