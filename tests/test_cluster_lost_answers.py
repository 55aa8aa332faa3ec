"""The server has done it, and its answer was lost: replicas find out what it did. A real Valkey, a virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.cluster.membership import BEAT, CLAIM, INHERIT, RELEASE
from gateway.core.updates import Update
from tests.cluster_world import ClusterWorld, Replica, cluster_world
from tests.core_world import ends_at, ref
from tests.valkey import need_valkey

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _server() -> None:
    need_valkey()


def leases(world: ClusterWorld) -> list[int]:
    return [replica.cluster.status().batches for replica in world.replicas]


def by_role(world: ClusterWorld) -> tuple[Replica, Replica]:
    """Who holds the lease, and who does not."""
    one, other = world.replicas
    return (one, other) if one.cluster.status().batches else (other, one)


async def watched_by_all(world: ClusterWorld) -> Replica:
    """Who holds the lease of a batch that every replica watches for a long time."""
    world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 300, "b1")
    for replica in world.replicas:
        replica.watch(ref("b1"))
    await world.run(10)
    return by_role(world)[0]


def has_ended_well(updates: list[Update]) -> bool:
    reading = updates[-1].reading if updates else None
    return reading is not None and updates[-1].is_final and reading.snapshot.status.value == "COMPLETED"


async def test_an_inheritance_that_was_not_heard_of_is_found() -> None:
    async with cluster_world(replicas=3) as world:
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 40, "b1")
        dying, one, other = world.replicas
        dying.watch(ref("b1"))
        await world.run(2)
        dying.life.kill()
        for heir in (one, other):
            heir.link.unheard.append(INHERIT)
        await world.run(12)
        assert one.core.watches.is_watched(ref("b1")) or other.core.watches.is_watched(ref("b1"))
        seen = [replica.watch(ref("b1")) for replica in (one, other)]
        await world.run(50)
        assert all(map(has_ended_well, seen))


async def test_a_lease_that_was_not_heard_of_keeps_nobody_waiting() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 30, "b1")
        one, other = world.replicas
        one.link.unheard.append(CLAIM)
        one.watch(ref("b1"))
        await world.run(0.1, step=0.02)
        one.streams[-1].cancel()  # and its subscriber leaves at once
        await world.run(0.1)
        seen = other.watch(ref("b1"))
        await world.run(40)
        assert has_ended_well(seen)


async def test_a_lease_that_was_given_back_unheard_is_nobodys() -> None:
    async with cluster_world() as world:
        one, _ = world.replicas
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 5, "b1")
        one.link.unheard.append(RELEASE)
        seen = one.watch(ref("b1"))
        await world.run(15)
        assert has_ended_well(seen)
        assert leases(world) == [0, 0]
        assert not world.valkey.client.keys(f"{world.valkey.name}:v1:owned:*")


async def test_who_does_not_hear_that_others_have_taken_over_asks_no_more() -> None:
    async with cluster_world() as world:
        holder = await watched_by_all(world)
        holder.life.stop()
        await world.run(10)
        holder.link.unheard.append(BEAT)  # what tells it that it was dead
        holder.life.go_on()
        await world.run(10)
        assert leases(world) == [int(replica is not holder) for replica in world.replicas]


async def test_a_server_that_forgets_leaves_one_poller() -> None:
    async with cluster_world() as world:
        holder = await watched_by_all(world)
        holder.link.unheard.append(BEAT)
        world.valkey.forget()
        await world.run(12)
        assert sum(leases(world)) == 1


async def test_who_could_not_claim_on_its_return_goes_on_alone_the_next_time() -> None:
    async with cluster_world() as world:
        for name in ("b1", "b2"):
            world.marketplace.scripts[name] = ends_at(world.clock.monotonic() + 120, name)
        for replica in world.replicas:
            replica.watch(ref("b1"))
        await world.run(5)
        with world.without_server():
            await world.run(10)
            for replica in world.replicas:
                replica.link.unheard.append(CLAIM)
        await world.run(10)
        assert sum(leases(world)) == 1
        seen = [replica.watch(ref("b2")) for replica in world.replicas]
        await world.run(10)
        with world.without_server():
            await world.run(150)
            assert all(map(has_ended_well, seen))


async def test_a_server_that_can_only_be_read_counts_as_lost() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 40, "b1")
        seen = [replica.watch(ref("b1")) for replica in world.replicas]
        await world.run(5)
        reading: set[asyncio.Task[None]] = set()

        def read() -> None:
            for replica in world.replicas:
                task = asyncio.ensure_future(replica.core.batches.hear(ref("b1")))
                reading.add(task)
                task.add_done_callback(reading.discard)

        world.valkey.takes_no_writes = True
        world.at_each_step = read
        await world.run(10, step=0.1)
        assert not any(replica.cluster.status().is_joined for replica in world.replicas)
        await world.run(110)
        assert all(map(has_ended_well, seen))
        world.at_each_step = lambda: None
        world.valkey.takes_no_writes = False
        await world.run(5)
        assert all(replica.cluster.status().is_joined for replica in world.replicas)
