"""Replicas as one gateway: the real scripts on a real Valkey, on a virtual clock."""

from __future__ import annotations

import pytest

from tests.cluster_world import cluster_world
from tests.core_world import ends_at, ref
from tests.valkey import need_valkey

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _server() -> None:
    need_valkey()


def status(updates: list) -> str | None:
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
