"""aiocache behind two methods, and the states at hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aiocache.base import BaseCache

from adapters.base import Answer
from adapters.model import BatchRef, Operation, Snapshot, Status
from gateway.core.cache import AiocacheStorage, BoundedMemory
from gateway.core.state import State
from gateway.core.states import States
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


async def test_memory_forgets_after_its_time() -> None:
    clock = VirtualClock()
    cache = AiocacheStorage(BoundedMemory(clock, 10, 1000))
    await cache.set("a", b"1", 5.0)
    assert await cache.get("a") == b"1"
    await clock.advance(6)
    assert await cache.get("a") is None


async def test_memory_is_bounded_by_entries_and_drops_the_least_used() -> None:
    memory = BoundedMemory(VirtualClock(), 2, 1000)
    cache = AiocacheStorage(memory)
    await cache.set("a", b"1", 5.0)
    await cache.set("b", b"2", 5.0)
    await cache.get("a")
    await cache.set("c", b"3", 5.0)
    assert [await cache.get(key) for key in "abc"] == [b"1", None, b"3"]
    assert len(memory) == 2


async def test_memory_is_bounded_by_bytes() -> None:
    memory = BoundedMemory(VirtualClock(), 100, 10)
    cache = AiocacheStorage(memory)
    for key in "abcdef":
        await cache.set(key, b"xxxx", 5.0)
    await cache.set("big", b"x" * 11, 5.0)
    assert memory.bytes <= 10
    assert await cache.get("big") is None
    assert await cache.get("f") == b"xxxx"


async def test_memory_tells_at_once_what_it_does_not_hold_and_other_backends_may_hold_anything() -> None:
    cache = AiocacheStorage(BoundedMemory(VirtualClock(), 10, 1000))
    await cache.set("a", b"1", 5.0)
    assert cache.may_hold("a")
    assert not cache.may_hold("b")
    assert AiocacheStorage(Broken()).may_hold("b")


class Broken(BaseCache):
    """A backend whose server is away."""

    async def _get(self, *_args: object, **_kwargs: object) -> object:
        raise ConnectionError("away")

    async def _set(self, *_args: object, **_kwargs: object) -> object:
        raise ConnectionError("away")


async def test_an_outage_is_a_miss_and_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    cache = AiocacheStorage(Broken())
    await cache.set("a", b"secret-value", 5.0)
    assert await cache.get("a") is None
    assert "secret-value" not in caplog.text
    assert "cache.get_failed" in caplog.text


def a_state(batch_id: str, size: int) -> State:
    answers = (Answer(200, b"x" * size),)
    snapshot = Snapshot("trendyol", batch_id, Operation.OTHER, Status.PENDING)
    return State(BatchRef("trendyol", "shop", batch_id), snapshot, answers, datetime.now(UTC), 0.0, "1")


def test_states_at_hand_are_bounded() -> None:
    states = States(max_entries=3, max_bytes=100_000)
    for number in range(10):
        states.put(a_state(str(number), 10))
    assert len(states) == 3
    assert [state.ref.id for state in states.dropped] == [str(number) for number in range(7)]
    states.put(a_state("big", 30_000))
    states.put(a_state("bigger", 30_000))
    assert states.bytes <= 100_000
    assert states.get(BatchRef("trendyol", "shop", "bigger")) is not None
    assert states.get(BatchRef("trendyol", "shop", "9")) is None
