"""Two real replicas on a real Valkey: one cache, one poller, one budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.replicas import Machines, Stream, machines, trendyol
from tests.test_cluster_faults import most_in_a_window
from tests.valkey import need_valkey, valkey_url

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def two() -> Iterator[Machines]:
    need_valkey()
    with valkey_url() as url, machines(url, url, limit="12/2s") as both:
        yield both


async def test_updates_of_one_poller_reach_the_subscribers_of_both(two: Machines) -> None:
    apart = [await followed(two, "shared-life-0")]
    while min(apart) >= 1.0 and len(apart) < 4:  # other work may hold up one of them
        apart.append(await followed(two, f"shared-life-{len(apart)}"))
    assert min(apart) < 1.0, apart


async def followed(two: Machines, batch_id: str) -> float:
    """Seconds between the ends that the subscribers of both were told."""
    one, other = (Stream(gateway, batch_id) for gateway in two.gateways)
    await asyncio.gather(one.end(120), other.end(120))
    assert one.statuses(batch_id)[-1] == other.statuses(batch_id)[-1] == "COMPLETED"
    assert one.connections == other.connections == 1
    times = [call["at"] for call in two.log(batch_id)]
    # two pollers would have asked about twice: about 4 s at the cadence of one is no more than 16 questions
    assert len(times) <= 18
    return abs(one.told[-1][0] - other.told[-1][0])


async def test_what_one_has_read_the_other_knows(two: Machines) -> None:
    first, second = two.gateways
    assert await asyncio.to_thread(first.status, "done-shared") == "COMPLETED"
    assert await asyncio.to_thread(second.status, "done-shared") == "COMPLETED"
    assert two.calls("done-shared") == 1


async def test_the_limit_holds_for_both_together(two: Machines) -> None:
    # the limit always, and that it is used in the best of a few: other work may hold up one of them
    took = [await crowd(two, 0)]
    while min(took) >= 8 and len(took) < 4:  # 30 calls at 12 in 2 s, less a part of the reserve
        took.append(await crowd(two, len(took)))
    assert min(took) < 8, took


async def crowd(two: Machines, number: int) -> float:
    """Seconds until thirty batches had been asked about, through both."""
    await asyncio.sleep(2.5)
    began = time.time()
    ids = [f"done-crowd-{number}-{i}" for i in range(30)]

    async def ask(index: int, batch_id: str) -> str | None:
        gateway = two.gateways[index % 2]
        answer = await asyncio.to_thread(
            gateway.ask,
            "query ($ref: BatchRef!) { batch(ref: $ref) { ... on NormalizedBatch { status } } }",
            ref=trendyol(batch_id)[0],
        )
        return (answer["data"]["batch"] or {}).get("status")

    answers = await asyncio.gather(*(ask(index, batch_id) for index, batch_id in enumerate(ids)))
    assert answers == ["COMPLETED"] * 30
    times = [call["at"] for call in two.log() if call["marketplace"] == "trendyol" and call["at"] >= began]
    assert len(times) >= 30
    assert most_in_a_window(times, 2.0) <= 12
    return max(times) - began
