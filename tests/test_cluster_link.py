"""The way to the server: a burst waits its turn, and only the server's own silence counts as its loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from gateway.core.cluster.link import Link
from gateway.core.cluster.membership import KNOCK
from gateway.core.cluster.server import Script, ServerAway, Value
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


class Counter:
    """A server that answers after a while, or never, and counts what is under way."""

    database = 0

    def __init__(self, clock: VirtualClock, takes: float) -> None:
        self.clock = clock
        self.takes = takes
        self.under_way = 0
        self.most = 0
        self.is_silent = False
        self.now_ms = 1_000

    async def get(self, key: str) -> bytes | None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.clock.sleep(self.takes)
            if self.is_silent:
                raise ServerAway("TimeoutError")
        finally:
            self.under_way -= 1
        return key.encode()

    async def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        return [b"%d" % self.now_ms]

    async def publish(self, channel: str, message: bytes) -> None:
        raise NotImplementedError

    def listen(self, channel: str) -> AsyncGenerator[bytes | None]:
        raise NotImplementedError

    async def renew(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def linked(clock: VirtualClock, takes: float) -> tuple[Counter, Link]:
    server = Counter(clock, takes)
    link = Link(server, clock)
    link.found()
    return server, link


async def ask(link: Link, times: int) -> asyncio.Future[list[bytes | BaseException | None]]:
    asking = asyncio.gather(*(link.get(str(number)) for number in range(times)), return_exceptions=True)
    await asyncio.sleep(0)
    return asking


async def test_a_burst_waits_its_turn_and_loses_no_server(clock: VirtualClock) -> None:
    server, link = linked(clock, takes=0.001)
    asking = await ask(link, 600)
    while not asking.done():
        await clock.advance(0.01)
    assert asking.result() == [str(number).encode() for number in range(600)]
    assert 4 <= server.most < 16
    assert link.is_up


async def test_a_burst_does_not_keep_a_probe_waiting(clock: VirtualClock) -> None:
    _, link = linked(clock, takes=10.0)
    asking = await ask(link, 100)
    assert await link.probe(KNOCK, []) == [b"1000"]
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_turn_that_does_not_come_says_nothing_about_the_server(clock: VirtualClock) -> None:
    server, link = linked(clock, takes=3.0)
    asking = await ask(link, 100)
    while not asking.done():
        await clock.advance(0.1)
    answers = asking.result()
    assert sum(isinstance(answer, ServerAway) for answer in answers) == 100 - server.most
    assert link.is_up


async def test_who_waits_for_a_turn_when_the_server_is_lost_waits_no_more(clock: VirtualClock) -> None:
    server, link = linked(clock, takes=0.25)
    server.is_silent = True
    asking = await ask(link, 100)
    await clock.advance(0.6)  # one may have begun between the first failure and the second
    answers = await asyncio.wait_for(asking, 10)
    assert all(isinstance(answer, ServerAway) for answer in answers)
    assert not link.is_up
    assert link.commands <= server.most + 1


async def test_what_was_under_way_when_the_server_was_lost_is_no_younger_for_it(clock: VirtualClock) -> None:
    server, link = linked(clock, takes=0.0)
    await clock.advance(100)
    for server.now_ms in (1_000_000, 5_000_000):  # the second time it is another server
        await link.probe(KNOCK, [])
        ago = link.from_server(server.now_ms - 10_000)
        assert ago == pytest.approx(90, abs=0.01)
        link.lose(ServerAway("gone"))
        assert link.from_server(server.now_ms - 10_000) == ago


async def test_a_clock_that_is_set_counts_from_then_on(clock: VirtualClock) -> None:
    server, link = linked(clock, takes=0.0)
    await clock.advance(100)
    for server.now_ms in (1_000_000, 1_030_000, 970_000):
        await link.probe(KNOCK, [])
        assert link.from_server(server.now_ms - 10_000) == pytest.approx(90, abs=0.01)
        assert link.to_server(90, is_late=False) == pytest.approx(server.now_ms - 10_000, abs=10)
