"""Replicas as one gateway: the real scripts on a real Valkey, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

import pytest

from gateway.core.cluster.believing import PUT
from gateway.core.updates import Update
from tests.cluster_world import ClusterWorld, Replica, cluster_world
from tests.core_world import ends_at, ref, trendyol_account
from tests.test_cluster_faults import most_in_a_window, step_by_step
from tests.valkey import need_valkey

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _server() -> None:
    need_valkey()


async def _all(work: Iterable[Awaitable[object]]) -> None:
    await asyncio.gather(*work)


def status(updates: list[Update]) -> str | None:
    return updates[-1].reading.snapshot.status.value if updates and updates[-1].reading else None


async def test_one_poller_for_the_subscribers_of_all() -> None:
    async with cluster_world(replicas=3) as world:
        world.marketplace.scripts["b1"] = ends_at(20, "b1")
        seen = [replica.watch(ref("b1")) for replica in world.replicas]
        await world.run(25)
        assert [status(updates) for updates in seen] == ["COMPLETED"] * 3
        assert all(updates[-1].is_final for updates in seen)
        assert len({updates[-1].version for updates in seen}) == 1
        assert sum(replica.cluster.status().batches for replica in world.replicas) == 0
        several = world.marketplace.calls["b1"]
    async with cluster_world(replicas=1) as world:
        world.marketplace.scripts["b1"] = ends_at(20, "b1")
        world.replicas[0].watch(ref("b1"))
        await world.run(25)
        assert several <= world.marketplace.calls["b1"] + 2


async def test_an_ended_batch_is_asked_once_by_all() -> None:
    async with cluster_world(replicas=3) as world:
        world.marketplace.scripts["b1"] = ends_at(0, "b1")
        readings = [await world.do(replica.core.batches.get(ref("b1"))) for replica in world.replicas]
        assert world.marketplace.calls["b1"] == 1
        assert len({reading.state.version for reading in readings}) == 1
        assert all(not reading.is_stale for reading in readings)


async def test_a_stopped_replicas_late_answer_replaces_nothing() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = step_by_step(world.clock.monotonic() + 60, "b1")
        seen = [replica.watch(ref("b1")) for replica in world.replicas]
        await world.run(10)
        world.marketplace.latency = 2.0
        [holder] = [replica for replica in world.replicas if replica.cluster.status().batches]
        [other] = [replica for replica in world.replicas if replica is not holder]
        calls = world.marketplace.calls["b1"]
        while world.marketplace.calls["b1"] == calls:
            await world.run(0.25)
        await world.run(1.9, step=0.1)  # the answer is made …
        holder.life.stop()
        await world.run(20)
        assert other.cluster.status().batches == 1
        before = seen[world.replicas.index(other)][-1].reading
        holder.life.go_on()  # … and is read, long after the other's
        await world.run(0.3, step=0.02)
        at_hand = [replica.core.batches.at_hand(ref("b1")) for replica in world.replicas]
        assert before is not None
        assert all((state.snapshot.progress or 0) >= (before.snapshot.progress or 0) for state in at_hand if state)
        assert holder.cluster.status().batches == 0
        await world.run(60)
        for updates in seen:
            progress = [update.reading.snapshot.progress or 0.0 for update in updates if update.reading]
            assert progress == sorted(progress)
            assert updates[-1].is_final


async def test_a_watch_outlives_its_replica_and_its_subscribers() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 30, "b1")
        dying, living = world.replicas
        dying.watch(ref("b1"))
        await world.run(2)
        dying.life.kill()
        await world.run(5.0)
        assert living.core.watches.is_watched(ref("b1"))
        await world.run(60)
        calls = world.marketplace.calls["b1"]
        reading = await world.do(living.core.batches.get(ref("b1")))
        assert reading.snapshot.status.value == "COMPLETED"
        assert world.marketplace.calls["b1"] == calls


async def test_the_work_of_a_dead_replica_is_taken_over_within_the_lease() -> None:
    async with cluster_world(replicas=4, lease=5.0) as world:
        for index in range(12):
            world.marketplace.scripts[f"b{index}"] = ends_at(10_000, f"b{index}")
            world.replicas[index % 4].watch(ref(f"b{index}"))
        await world.run(5)
        living = list(world.replicas)
        for phase in (0.1, 0.45, 0.8):
            await world.run(10 + phase)
            killed = living.pop(0)
            killed.life.kill()
            at = world.clock.monotonic()
            while sum(replica.cluster.status().batches for replica in living) < 12:
                await world.run(0.05)
                assert world.clock.monotonic() - at <= 5.0
            if len(living) > 1:  # and the survivors share it
                assert min(replica.cluster.status().batches for replica in living) > 0


async def test_failures_are_told_to_the_subscribers_of_all() -> None:
    async with cluster_world() as world:
        seen = [replica.watch(ref("nowhere")) for replica in world.replicas]
        await world.run(90)
        assert [updates[-1].error.code.value for updates in seen if updates[-1].error] == ["NOT_FOUND"] * 2
        assert all(updates[-1].is_final for updates in seen)


async def test_a_lost_message_delays_an_update_by_no_more_than_a_lease() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 20, "b1")
        seen = [replica.watch(ref("b1")) for replica in world.replicas]
        await world.run(2)
        world.valkey.listeners.clear()
        await world.run(19)
        holder = max(world.replicas, key=lambda replica: len(seen[world.replicas.index(replica)]))
        assert seen[world.replicas.index(holder)]
        await world.run(12)
        assert [status(updates) for updates in seen] == ["COMPLETED"] * 2


async def test_a_replica_that_never_reached_the_server_calls_nobody() -> None:
    async with cluster_world(replicas=0) as world:
        world.valkey.is_down = True
        lonely = await world.start("lonely")
        asking = asyncio.ensure_future(lonely.core.batches.look(ref("b1")))
        await world.run(10)
        assert not asking.done()
        assert not world.marketplace.times
        assert not lonely.cluster.status().has_joined
        world.valkey.is_down = False
        world.marketplace.scripts["b1"] = ends_at(0, "b1")
        await world.run(5)
        look = await asking
        assert look.reading is not None
        assert look.reading.snapshot.status.value == "COMPLETED"


async def test_results_read_while_the_server_was_lost_are_shared_afterwards() -> None:
    async with cluster_world(trendyol_account(limit="100/1s")) as world:
        world.marketplace.scripts["b1"] = ends_at(0, "b1")
        one, other = world.replicas
        await world.run(30)
        with world.without_server():
            await world.run(4)
            await world.do(one.core.batches.get(ref("b1")))
        await world.run(3)
        await world.do(other.core.batches.get(ref("b1")))
        assert world.marketplace.calls["b1"] == 1


async def test_results_that_the_server_has_forgotten_are_given_to_it_again() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(0, "b1")
        for replica in world.replicas:
            await world.do(replica.core.batches.get(ref("b1")))
        before = world.replicas[0].core.batches.at_hand(ref("b1"))
        world.valkey.forget()
        await world.run(2)
        third = await world.start("third")
        reading = await world.do(third.core.batches.get(ref("b1")))
        assert world.marketplace.calls["b1"] == 1
        assert before is not None
        assert reading.state.version == before.version
        assert reading.snapshot == before.snapshot
        assert abs(reading.state.checked - before.checked) < 0.1


async def test_an_end_that_a_copy_of_the_server_has_not_seen_is_given_to_it() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 8, "b1")
        seen = [replica.watch(ref("b1")) for replica in world.replicas]
        await world.run(5)
        [key] = world.valkey.client.keys(f"{world.valkey.name}:v1:state:*")
        moving = world.valkey.client.get(key)
        await world.run(10)
        assert [status(updates) for updates in seen] == ["COMPLETED"] * 2
        calls = world.marketplace.calls["b1"]
        world.valkey.client.delete(f"{world.valkey.name}:v1:members")
        world.valkey.client.set(key, moving)
        await world.run(2)
        third = await world.start("third")
        reading = await world.do(third.core.batches.get(ref("b1")))
        assert reading.snapshot.status.value == "COMPLETED"
        assert world.marketplace.calls["b1"] == calls


@pytest.mark.slow
async def test_the_server_comes_back_to_no_stampede() -> None:
    async with cluster_world(replicas=4) as world:
        for index in range(40):
            world.marketplace.scripts[f"b{index}"] = ends_at(10_000, f"b{index}")
            for replica in world.replicas:
                replica.watch(ref(f"b{index}"))
        await world.run(60)

        async def asked(seconds: float) -> tuple[int, int]:
            """Calls to the marketplace, and commands to the server."""
            before = world.marketplace.calls.total(), sum(replica.link.commands for replica in world.replicas)
            await world.run(seconds)
            after = world.marketplace.calls.total(), sum(replica.link.commands for replica in world.replicas)
            return after[0] - before[0], after[1] - before[1]

        usual = await asked(3)
        with world.without_server():
            await world.run(60)
        back = await asked(3)
        assert back[0] <= usual[0] + 8
        assert back[1] <= 2 * usual[1] + 50
        assert sum(replica.cluster.status().batches for replica in world.replicas) == 40
        again = await asked(3)
        assert again[0] <= usual[0] + 8


async def test_a_slow_server_does_not_slow_what_is_at_hand() -> None:
    async with cluster_world() as world:
        world.marketplace.scripts["b1"] = ends_at(0, "b1")
        one = world.replicas[0]
        await world.do(one.core.batches.get(ref("b1")))
        one.link.trip = 0.4
        asking = asyncio.ensure_future(one.core.batches.get(ref("b1")))
        await world.clock.settle()
        assert asking.done()


async def test_who_takes_the_place_of_the_last_that_died_goes_on_at_once() -> None:
    shop = trendyol_account(limit="12/4s")
    async with cluster_world(shop, replicas=1) as world:
        await world.run(60)  # the whole budget is its own, should the server be lost
        [last] = world.replicas
        end = world.clock.monotonic() + 30
        world.marketplace.scripts["b1"] = ends_at(end, "b1")
        last.watch(ref("b1"))
        await world.run(2)
        last.life.kill()
        successor = await world.start("successor")
        seen = successor.watch(ref("b1"))
        await world.run(40)
        assert status(seen) == "COMPLETED"
        assert seen[-1].is_final


async def test_who_takes_the_place_of_the_dead_goes_on_without_the_server_too() -> None:
    shop = trendyol_account(limit="12/4s")
    async with cluster_world(shop, replicas=2, lease=30.0) as world:
        await world.run(120, step=5.0)
        for replica in world.replicas:
            replica.life.kill()
        heirs = [await world.start(f"heir-{index}") for index in range(2)]
        await world.run(900, step=10.0)
        world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 100, "b1")
        world.marketplace.times.clear()
        with world.without_server():
            seen = [heir.watch(ref("b1")) for heir in heirs]
            await world.run(200, step=1.0)
            assert [status(updates) for updates in seen] == ["COMPLETED"] * 2
            looks = [heir.core.batches.look(ref(f"q{index}")) for heir in heirs for index in range(12)]
            await world.do(_all(looks))
        assert 3 <= most_in_a_window(world.marketplace.times, 4) <= 12


@pytest.mark.slow
async def test_who_was_parted_for_long_crosses_no_limit_beside_those_who_have_its_share() -> None:
    shop = trendyol_account(limit="12/4s")
    async with cluster_world(shop, replicas=3, lease=10.0) as world:
        parted, *others = world.replicas
        asking: list[asyncio.Future[object]] = []

        def ask_much() -> None:
            for replica in world.replicas:
                for _ in range(15):
                    batch = f"q{len(asking)}"
                    world.marketplace.scripts[batch] = ends_at(0, batch)
                    asking.append(asyncio.ensure_future(replica.core.batches.look(ref(batch))))

        async def go_on(seconds: float) -> int:
            """The most calls in a window."""
            world.marketplace.times.clear()
            end = world.clock.monotonic() + seconds
            while world.clock.monotonic() < end:
                ask_much()
                await world.run(20, step=1.0)
            return most_in_a_window(world.marketplace.times, 4)

        assert await go_on(60) <= 12
        parted.link.cut(is_cut=True)
        assert await go_on(800) <= 12
        assert [round(replica.cluster.share(), 2) for replica in others] == [0.5, 0.5]
        with world.without_server():
            most = await go_on(120)
            assert 6 <= most <= 12  # one of the reserve for each of three, three of what all may spend for two
        assert await go_on(120) <= 12
        assert [round(replica.cluster.share(), 2) for replica in world.replicas] == [0.33] * 3
        await asyncio.gather(*asking, return_exceptions=True)


async def _an_end_that_did_not_arrive(world: ClusterWorld) -> tuple[Replica, Replica]:
    """Who has read the end of a batch that nobody is subscribed to and could not tell it, and another replica."""
    holder, other = world.replicas
    world.marketplace.scripts["b1"] = ends_at(world.clock.monotonic() + 20, "b1")
    holder.watch(ref("b1"))
    await world.run(10)
    holder.streams[0].cancel()
    holder.link.loses = PUT
    while holder.core.watches.is_watched(ref("b1")):
        await world.run(0.05)
    return holder, other


async def test_an_end_that_did_not_arrive_is_told_again() -> None:
    async with cluster_world() as world:
        holder, other = await _an_end_that_did_not_arrive(world)
        holder.link.loses = None
        await world.run(2)
        holder.life.kill()
        calls = world.marketplace.calls["b1"]
        reading = await world.do(other.core.batches.get(ref("b1")))
        assert reading.snapshot.is_terminal
        assert world.marketplace.calls["b1"] == calls


async def test_an_end_that_did_not_arrive_is_read_again_by_whoever_lives_on() -> None:
    async with cluster_world() as world:
        holder, other = await _an_end_that_did_not_arrive(world)
        holder.life.kill()
        await world.run(8)
        known = other.core.batches.at_hand(ref("b1"))
        assert known is not None
        assert known.snapshot.is_terminal


async def test_a_replica_that_is_started_again_has_its_whole_budget_within_seconds() -> None:
    shop = trendyol_account(limit="12/4s")
    async with cluster_world(shop, replicas=1) as world:
        await world.run(60)
        [killed] = world.replicas
        killed.life.kill()
        await world.run(1)
        again = await world.start(killed.name)
        await world.run(30)
        assert again.cluster.status().share == 1.0
        assert again.cluster.status().members == 1
        for index in range(12):
            world.marketplace.scripts[f"q{index}"] = ends_at(0, f"q{index}")
        began = world.clock.monotonic()
        looks = [again.core.batches.look(ref(f"q{index}")) for index in range(12)]
        await world.do(_all(looks))
        assert world.clock.monotonic() - began < 1.0


async def test_two_replicas_of_one_name_do_not_take_each_other_for_dead() -> None:
    async with cluster_world(trendyol_account(limit="12/4s"), replicas=0) as world:
        one, other = [await world.start("twin") for _ in range(2)]
        await world.run(60)
        assert [replica.cluster.status().share for replica in (one, other)] == [0.5, 0.5]
        one.link.cut(is_cut=True)
        await world.run(60)
        assert [replica.cluster.status().share for replica in (one, other)] == [0.5, 0.5]


async def test_what_a_server_that_was_held_up_does_late_keeps_nobody_alive() -> None:
    async with cluster_world(lease=2.0) as world:
        one, other = world.replicas
        world.valkey.hold_up()
        await world.run(8)
        one.link.cut(is_cut=True)
        world.valkey.go_on()  # and now it does what both had asked of it, long ago
        await world.run(1)
        assert other.cluster.status().members == 1
        assert one.cluster.status().away_for > 5


async def test_the_share_that_a_forgetful_server_does_not_know_of_is_not_spent() -> None:
    shop = trendyol_account(limit="12/4s")
    async with cluster_world(shop, replicas=3) as world:
        await world.run(20)
        cut, *others = world.replicas
        with world.without_server():
            world.valkey.forget()
            await world.run(0.3)
            cut.link.cut(is_cut=True)
        cut.link.cut(is_cut=True)
        await world.run(20)
        shares = [replica.cluster.status().share for replica in world.replicas]
        assert sum(shares) <= 1.0
        assert cut.cluster.share() > 0.3
        cut.link.cut(is_cut=False)
        await world.run(20)
        assert [round(replica.cluster.status().share, 2) for replica in others] == [0.33, 0.33]
        assert others[0].cluster.status().members == 3
