"""Operations that rest: no task while nothing happens, and everything as if there were one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.transports.herald import Herald
from gateway.transports.limits import TransportLimits
from gateway.transports.operations import Operation
from tests.edge import Edge, Wire, eventually, ready

pytestmark = pytest.mark.anyio

NOTHING = {"live": 0, "streams": 0, "sockets": 0}
QUERY = "subscription { notices { number value } }"


@pytest.fixture
def edge() -> Edge:
    return Edge(pushes=True)


def operations(edge: Edge) -> list[Operation]:
    return [operation for live in edge.endpoint._crowd._live for operation in live._running.values()]  # type: ignore[attr-defined]


async def resting(edge: Edge, *, query: str = QUERY, count: int = 1) -> list[Wire]:
    """Sockets with one subscription each, which have had their first result and rest."""
    wires = [await ready(edge) for _ in range(count)]
    for wire in wires:
        wire.subscribe("ö", query)
        assert number(await wire.receive()) == 0
    await eventually(lambda: len(operations(edge)) == count and all(op._task is None for op in operations(edge)))
    return wires


def number(message: Any) -> int:
    assert (message["id"], message["type"]) == ("ö", "next")
    return message["payload"]["data"]["notices"]["number"]


async def test_one_result_is_made_for_all_and_no_task_waits(edge: Edge) -> None:
    wires = await resting(edge, count=20)
    tasks, made = len(asyncio.all_tasks()), edge.world.resolved
    for told in (1, 2):
        edge.world.tell(told)
        for wire in wires:
            assert number(await wire.receive()) == told
    assert edge.world.resolved == made + 2
    assert len(asyncio.all_tasks()) == tasks
    edge.world.tell(3, is_final=True)
    for wire in wires:
        assert number(await wire.receive()) == 3
        assert await wire.receive() == {"id": "ö", "type": "complete"}
    assert edge.world.notices == []
    await eventually(lambda: edge.endpoint.dump()["streams"] == 0)
    for wire in wires:
        await wire.leave()
    assert edge.endpoint.dump() == NOTHING


async def test_what_comes_in_one_moment_is_told_once(edge: Edge) -> None:
    (wire,) = await resting(edge)
    for told in (1, 2, 3):
        edge.world.tell(told)
    assert number(await wire.receive()) == 3
    edge.world.tell(4)
    edge.world.tell(5, is_final=True)
    edge.world.tell(6)
    assert number(await wire.receive()) == 5
    assert (await wire.receive())["type"] == "complete"
    await wire.leave()


async def test_a_slow_reader_is_waited_for_and_delays_nobody(edge: Edge) -> None:
    slow, fast = await resting(edge, count=2)
    slow.is_reading = False
    room = asyncio.Event()
    put = slow._to_us.put

    async def wait(message: Any) -> None:
        await room.wait()
        await put(message)

    live = next(live for live in edge.endpoint._crowd._live if live._asgi_send == put)
    live._asgi_send = wait
    for told in (1, 2, 3):
        edge.world.tell(told, is_final=told == 3)
        assert number(await fast.receive()) == told
    assert (await fast.receive())["type"] == "complete"
    assert slow._to_us.empty()
    room.set()
    assert [number(await slow.receive()) for _ in range(2)] == [1, 3]
    assert (await slow.receive())["type"] == "complete"
    for wire in (slow, fast):
        await wire.leave()
    assert edge.endpoint.dump() == NOTHING


async def test_a_slow_reader_that_catches_up_rests_again(edge: Edge) -> None:
    (wire,) = await resting(edge)
    wire.is_reading = False
    edge.world.tell(1)
    assert number(await wire.receive()) == 1
    await eventually(lambda: operations(edge)[0]._task is None)
    wire.is_reading = True
    edge.world.tell(2)
    assert number(await wire.receive()) == 2
    assert operations(edge)[0]._task is None
    await wire.leave()


async def test_completing_ends_it_there_and_then(edge: Edge) -> None:
    (wire,) = await resting(edge)
    edge.world.tell(1)  # too late: nothing is sent after the client's word
    wire.send({"id": "ö", "type": "complete"})
    wire.subscribe("ö", QUERY)
    found = [number(await wire.receive())]
    await eventually(lambda: len(edge.world.notices) == 1)
    if found == [1]:
        assert number(await wire.receive()) == 0
    assert edge.endpoint.dump()["streams"] == 1
    edge.world.tell(2)
    assert number(await wire.receive()) == 2
    await wire.leave()
    assert edge.world.notices == []
    assert edge.endpoint.dump() == NOTHING


async def test_the_gateway_goes_down(edge: Edge) -> None:
    wires = await resting(edge, count=5)
    edge.world.tell(1)
    edge.drain.begin()
    for wire in wires:
        event = await wire.event()
        while event["type"] != "websocket.close":
            event = await wire.event()
        assert event["code"] == 1012
        await wire.app
    assert edge.world.notices == []
    assert edge.endpoint.dump() == NOTHING


async def test_results_that_have_to_be_awaited(edge: Edge) -> None:
    wires = await resting(edge, query="subscription { notices { number slowValue } }", count=3)
    made = edge.world.resolved
    for told in (1, 2):
        edge.world.tell(told, is_final=told == 2)
        for wire in wires:
            message = await wire.receive()
            assert message["payload"]["data"]["notices"] == {"number": told, "slowValue": f"slow tick {told}"}
    assert edge.world.resolved == made + 2
    for wire in wires:
        assert (await wire.receive())["type"] == "complete"
        await wire.leave()


async def test_leaving_while_a_result_is_made(edge: Edge) -> None:
    (wire,) = await resting(edge, query="subscription { notices { number slowValue } }")
    edge.world.tell(1)
    await wire.leave()
    assert edge.world.notices == []
    assert edge.endpoint.dump() == NOTHING


async def test_a_source_that_breaks(edge: Edge) -> None:
    broken, other = await resting(edge, count=2)
    first = edge.world.notices.pop()
    edge.world.tell(-1)
    edge.world.notices.append(first)
    message = await broken.receive()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
    assert "secret" not in str(message)
    edge.world.tell(1)
    assert number(await other.receive()) == 1
    for wire in (broken, other):
        await wire.leave()
    assert edge.world.notices == []
    assert edge.endpoint.dump() == NOTHING


async def test_operations_count_while_they_rest() -> None:
    edge = Edge(TransportLimits(operations=2), pushes=True)
    wire = await ready(edge)
    for name in "ab":
        wire.subscribe(name, QUERY)
        await wire.receive()
    wire.subscribe("c", QUERY)
    assert (await wire.receive())["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
    wire.send({"id": "a", "type": "complete"})
    wire.subscribe("c", QUERY)
    assert (await wire.receive())["type"] == "next"
    wire.subscribe("c", QUERY)
    assert (await wire.closed())[0] == 4409
    assert edge.world.notices == []
    assert edge.endpoint.dump() == NOTHING


class Slow:
    def __init__(self, herald: Herald, log: list[str]) -> None:
        self.herald = herald
        self.log = log

    def deliver(self) -> None:
        until = asyncio.get_running_loop().time() + 0.001
        while asyncio.get_running_loop().time() < until:
            pass
        self.log.append("delivered")


async def test_deliveries_let_others_have_their_turn() -> None:
    herald, log = Herald(), list[str]()
    for _ in range(60):
        herald.call(Slow(herald, log))
    await asyncio.sleep(0)
    assert 0 < len(log) < 60
    await eventually(lambda: len(log) == 60)
    herald.call(Slow(herald, log))
    await asyncio.sleep(0)
    assert len(log) == 61


class Broken:
    def deliver(self) -> None:
        raise ValueError("nobody foresaw this")


async def test_a_delivery_that_fails_costs_the_others_nothing() -> None:
    herald, log = Herald(), list[str]()
    for called in (Broken(), Slow(herald, log), Broken(), Slow(herald, log)):
        herald.call(called)
    await asyncio.sleep(0)
    assert len(log) == 2
    herald.call(Slow(herald, log))
    await asyncio.sleep(0)
    assert len(log) == 3


@pytest.mark.parametrize(("limits", "rounds"), [(TransportLimits(), 4), (TransportLimits(send_wait=0.4), 1)])
async def test_quiet_sockets_are_looked_at_once_a_second_or_as_often_as_limits_need(
    limits: TransportLimits, rounds: int
) -> None:
    edge = Edge(limits, pushes=True)
    wires = await resting(edge, count=8)
    turns = sorted(live.turn for live in edge.endpoint._crowd._live)
    assert turns == sorted(number % rounds for number in range(8))
    for wire in wires:
        await wire.leave()
