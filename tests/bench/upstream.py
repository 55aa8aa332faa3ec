"""A marketplace in Trendyol's shape that costs next to nothing: `python -m tests.bench.upstream PORT`.

An id says what it stands for: `done-ITEMS-SERIAL` has ended, `open-ITEMS-SERIAL` is being processed, and one of its
items more has come to its end with every `/__touch`. The first answers about a batch after a touch are kept by time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvloop

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: no-cache\r\n"
    b"Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s"
)


def product(index: int) -> dict[str, object]:
    """A product as it was submitted."""
    return {
        "barcode": f"8690000{index:06}",
        "title": f"Erkek çocuk tişört, {index}. desen",
        "productMainId": f"MAIN-{index // 4}",
        "brandId": 1791 + index % 7,
        "categoryId": 411,
        "quantity": 10 + index % 90,
        "stockCode": f"STK-{index}",
        "dimensionalWeight": 2,
        "description": f"Yumuşak pamuk, 30 derecede ütü ister. Model {index}.",
        "currencyType": "TRY",
        "listPrice": 250.5 + index,
        "salePrice": 199.9 + index,
        "vatRate": 20,
        "images": [{"url": f"https://images.example/{index}/front.jpg"}],
        "attributes": [
            {"attributeId": attribute, "attributeValueId": 6980 + attribute, "customAttributeValue": None}
            for attribute in (338, 346, 343, 47, 60, 92)
        ],
        "cargoCompanyId": 10,
    }


def item(index: int, status: str) -> str:
    """One item as the answer tells it."""
    made = {
        "requestItem": {"product": product(index), "barcode": f"8690000{index:06}"},
        "status": status,
        "failureReasons": ["Barkod başka bir ürüne ait."] if status == "FAILED" else [],
    }
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False)


@dataclass
class Market:
    """What is answered, and what was asked."""

    latency: float = 0.0
    version: int = 0
    calls: int = 0
    connections: int = 0
    by_id: Counter[str] = field(default_factory=Counter[str])
    told: dict[str, float] = field(default_factory=dict[str, float])
    """When a batch was first answered about since the last touch; steady clock, which all processes share."""
    _items: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])

    def answer(self, batch_id: str) -> bytes:
        """The whole answer about a batch."""
        kind, count = batch_id.split("-")[:2]
        number = int(count)
        ended = number if kind == "done" else min(self.version, number - 1)
        failed = ended // 20
        words = "COMPLETED" if ended == number else "IN_PROGRESS"
        self.told.setdefault(batch_id, time.monotonic())
        body = (
            f'{{"batchRequestId":"{batch_id}","items":[{self._listed(number, ended)}],"status":"{words}",'
            f'"creationDate":1763769600000,"lastModification":{1763769660000 + self.version},"sourceType":"API",'
            f'"itemCount":{number},"failedItemCount":{failed},"batchRequestType":"ProductV2OnBoarding"}}'
        ).encode()
        return _HEAD % (len(body), body)

    def _listed(self, number: int, ended: int) -> str:
        found = self._items.get((number, ended))
        if found is None:
            states = ["FAILED" if i % 20 == 19 else "SUCCESS" for i in range(ended)] + ["PROCESSING"] * (number - ended)
            found = self._items[number, ended] = ",".join(item(i, state) for i, state in enumerate(states))
        return found

    def command(self, path: str) -> bytes:
        """Answer the bench itself."""
        url = urlsplit(path)
        if url.path == "/__set":
            self.latency = float(parse_qs(url.query)["latency"][0])
        elif url.path == "/__reset":
            self.calls, self.connections = 0, 0
            self.by_id.clear()
        elif url.path == "/__touch":
            self.version += 1
            self.told.clear()
        found: dict[str, object] = {"calls": self.calls, "connections": self.connections, "distinct": len(self.by_id)}
        if url.path == "/__told":
            found = dict(self.told)
        body = json.dumps(found).encode()
        return _HEAD % (len(body), body)


class Connection(asyncio.Protocol):
    """One connection; requests have no bodies."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._market.connections += 1

    def data_received(self, data: bytes) -> None:
        *heads, self._waiting = (self._waiting + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head[head.index(b" ") + 1 : head.index(b" HTTP/")].decode())

    def _answer(self, path: str) -> None:
        if path.startswith("/__"):
            self._write(self._market.command(path))
            return
        self._market.calls += 1
        batch_id = path.rpartition("/")[2]
        self._market.by_id[batch_id] += 1
        if self._market.latency:
            asyncio.get_running_loop().call_later(self._market.latency, self._tell, batch_id)
        else:
            self._tell(batch_id)

    def _tell(self, batch_id: str) -> None:
        self._write(self._market.answer(batch_id))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    market = Market()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(market), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
