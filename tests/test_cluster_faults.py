"""Random faults on a virtual clock: every subscriber learns the end, nothing turns back, no limit is crossed.

The scripts and the server are the real ones; time, the network between them, and the processes are simulated.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise

import httpx
import pytest

from adapters.model import Status
from gateway.core.cluster.believing import CONFIRM, PUT
from gateway.core.cluster.heads import rank
from gateway.core.cluster.membership import BEAT, CLAIM, INHERIT, RELEASE
from gateway.core.cluster.spending import SPEND
from gateway.core.updates import Update
from tests.cluster_world import ClusterWorld, Replica, cluster_world
from tests.core_world import Answer, body, ends_at, ref, trendyol_account
from tests.valkey import need_valkey, valkey_url

pytestmark = pytest.mark.anyio

QUICK = range(1, 9)
SLOW = range(100, 320)
CALLS, SECONDS = 12, 4
ENDS_WITHIN = 40.0
FAULTS = (
    *("stop", "cut", "lossy", "deaf", "slow", "stall", "down", "full", "forget"),
    *("kill", "restart", "replace", "leave", "join", "join"),
)
UNHEARD = (BEAT, CLAIM, INHERIT, RELEASE, PUT, CONFIRM, SPEND)
DEADLY = frozenset({"kill", "restart", "replace"})


def most_in_a_window(times: Sequence[float], seconds: float) -> int:
    """The most calls that arrived within any window of that length."""
    times, most, first = sorted(times), 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds + 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


def step_by_step(ends: float, batch_id: str, items: int = 10) -> Answer:
    """One item after another is done."""

    def answer(now: float, _call: int) -> httpx.Response:
        done = min(items, int(items * now / ends))
        words = ["SUCCESS"] * done + ["PROCESSING"] * (items - done)
        return body(batch_id, *words, status="COMPLETED" if done == items else "IN_PROGRESS")

    return answer


class Trouble:
    """Hurts one thing after another, and mends it."""

    def __init__(self, world: ClusterWorld, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.told: list[str] = []
        self.streams: list[tuple[Replica, str, list[Update]]] = []
        self.left: list[str] = []
        """Batches whose subscriber has gone: they are followed all the same."""
        self.forgot_at = float("-inf")
        self.asked = 0
        self.questions: set[asyncio.Task[object]] = set()

    def living(self) -> list[Replica]:
        return [replica for replica in self.world.replicas if not replica.life.is_dead]

    def note(self, what: str) -> None:
        self.told.append(f"{self.world.clock.monotonic():.2f} {what}")

    async def one(self) -> None:
        """Hurt something, and let some time pass."""
        replica = self.rng.choice(self.living())
        lasts = self.rng.uniform(0.3, 12.0)
        what = self.rng.choice(FAULTS)
        self.note(f"{what} {replica.name} {lasts:.1f}")
        if what in DEADLY and self.world.clock.monotonic() < self.forgot_at + 2 * SECONDS:
            return  # the calls of the last window would be known to nobody
        await getattr(self, what)(replica, lasts)
        await self.world.run(self.rng.uniform(0.0, 3.0))

    async def stop(self, replica: Replica, lasts: float) -> None:
        replica.life.stop()
        await self.world.run(lasts)
        replica.life.go_on()

    async def cut(self, replica: Replica, lasts: float) -> None:
        replica.link.cut(is_cut=True)
        await self.world.run(lasts * 4)
        replica.link.cut(is_cut=False)

    async def lossy(self, replica: Replica, lasts: float) -> None:
        replica.link.loss = self.rng.uniform(0.02, 0.3)
        await self.world.run(lasts)
        replica.link.loss = 0.0

    async def deaf(self, replica: Replica, lasts: float) -> None:
        """The answers to some of its requests are lost."""
        replica.link.unheard = self.rng.choices(UNHEARD, k=self.rng.randint(1, 8))
        await self.world.run(lasts)
        replica.link.unheard = []

    async def full(self, _: Replica, lasts: float) -> None:
        self.world.valkey.takes_no_writes = True
        await self.world.run(lasts * 4)
        self.world.valkey.takes_no_writes = False

    async def slow(self, replica: Replica, lasts: float) -> None:
        replica.link.trip = 0.4
        await self.world.run(lasts)
        replica.link.trip = 0.001

    async def stall(self, _: Replica, lasts: float) -> None:
        self.world.valkey.hold_up()
        await self.world.run(lasts * 4)
        self.world.valkey.go_on()

    async def down(self, _: Replica, lasts: float) -> None:
        with self.world.without_server():
            await self.world.run(lasts * 4)

    async def forget(self, _: Replica, __: float) -> None:
        with self.world.without_server():
            self.world.valkey.forget()
            self.forgot_at = self.world.clock.monotonic()
            await self.world.run(0.3)

    async def kill(self, replica: Replica, _: float) -> None:
        if len(self.living()) > 1:
            replica.life.kill()

    async def restart(self, replica: Replica, lasts: float) -> None:
        replica.life.kill()
        await self.world.run(lasts / 4)
        await self.world.start(replica.name)

    async def replace(self, _: Replica, lasts: float) -> None:
        """All of them, by one of another name."""
        for one in self.living():
            one.life.kill()
        await self.world.run(lasts / 4)
        await self.join(_, lasts)

    async def leave(self, replica: Replica, _: float) -> None:
        if len(self.living()) > 1:
            await self.world.leave(replica)
            replica.life.is_dead = True

    async def join(self, _: Replica, __: float) -> None:
        if len(self.living()) < 4:
            await self.world.start(f"r{len(self.world.replicas)}")

    def is_over(self) -> bool:
        """Everybody who lives has been told the end, also of the batch that nobody is subscribed to."""
        ends = all(replica.life.is_dead or (told and told[-1].is_final) for replica, _, told in self.streams)
        known = (replica.core.batches.at_hand(ref("left")) for replica in self.living())
        return ends and (self.has_forgotten() or any(state and state.snapshot.is_terminal for state in known))

    def has_forgotten(self) -> bool:
        """The list of watches was lost, and with it what nobody living knows of."""
        return any(" forget " in what for what in self.told)

    def subscribe(self, batch: str) -> None:
        replica = self.rng.choice(self.living())
        self.streams.append((replica, batch, replica.watch(ref(batch))))

    async def look_in(self, batch: str) -> None:
        """Subscribe to a batch that nobody else subscribes to, and leave."""
        replica = self.rng.choice(self.living())
        replica.watch(ref(batch))
        await self.world.run(2.0)
        replica.streams[-1].cancel()
        self.left.append(batch)

    def crowd(self) -> None:
        """More questions than the limit lets through."""
        for replica in self.living():
            self.asked += 1
            batch = f"q{self.asked}"
            self.world.marketplace.scripts[batch] = ends_at(0.0, batch)
            task = asyncio.ensure_future(replica.core.batches.look(ref(batch)))
            self.questions.add(task)
            task.add_done_callback(self.questions.discard)


async def play(url: str, seed: int) -> None:
    rng = random.Random(seed)
    random.seed(seed)  # what the replicas draw by themselves
    shop = trendyol_account(limit=f"{CALLS}/{SECONDS}s")
    async with cluster_world(shop, replicas=rng.randint(1, 3), seed=seed, lease=2.0, url=url) as world:
        trouble = Trouble(world, rng)
        batches = [f"b{i}" for i in range(rng.randint(2, 8))]
        begun = world.clock.monotonic()
        for batch in (*batches, "left"):
            world.marketplace.scripts[batch] = step_by_step(begun + rng.uniform(1.0, ENDS_WITHIN), batch)
        world.marketplace.latency = rng.choice([0.0, 0.2, 1.0])
        await trouble.look_in("left")
        if rng.random() < 0.5:
            world.at_each_step = trouble.crowd
        for _ in range(rng.randint(2, 6)):
            for _ in range(rng.randint(1, 5)):
                trouble.subscribe(rng.choice(batches))
            await trouble.one()
        world.at_each_step = lambda: None
        await world.run(max(0.0, begun + ENDS_WITHIN - world.clock.monotonic()), step=1.0)
        until = world.clock.monotonic() + 180.0
        while not trouble.is_over() and world.clock.monotonic() < until:
            await world.run(5.0, step=1.0)
        await world.run(5.0, step=1.0)
        check(trouble, seed)
        await check_left(trouble, seed)


def check(trouble: Trouble, seed: int) -> None:
    story = f"seed {seed}\n" + "\n".join(trouble.told)
    times = trouble.world.marketplace.times
    assert most_in_a_window(times, SECONDS) <= CALLS, story
    for replica, batch, updates in trouble.streams:
        told = [update.reading.state for update in updates if update.reading is not None]
        assert all(one.version <= other.version for one, other in pairwise(told)), story
        progress = [state.snapshot.progress or 0.0 for state in told]
        assert progress == sorted(progress), story
        ranks = [rank(state.snapshot) for state in told]
        assert ranks == sorted(ranks), story
        if not replica.life.is_dead:
            assert updates, f"{batch} on {replica.name} was told nothing\n{story}"
            assert updates[-1].is_final, f"{batch} on {replica.name} has no end\n{story}"
            assert told[-1].snapshot.status is Status.COMPLETED, f"{batch} on {replica.name}\n{story}"


async def check_left(trouble: Trouble, seed: int) -> None:
    """What nobody was subscribed to has been followed to its end, wherever its replica went."""
    if trouble.has_forgotten():
        return
    world, calls = trouble.world, trouble.world.marketplace.calls["left"]
    look = await world.do(trouble.living()[0].core.batches.look(ref("left")))
    story = f"seed {seed}\n" + "\n".join(trouble.told)
    assert look.reading is not None, story
    assert look.reading.snapshot.status is Status.COMPLETED, story
    assert world.marketplace.calls["left"] == calls, story


@pytest.mark.parametrize("seed", QUICK)
async def test_faults(seed: int) -> None:
    need_valkey()
    with valkey_url() as url:
        await play(url, seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(SLOW.start, SLOW.stop, 20))
async def test_many_faults(start: int) -> None:
    need_valkey()
    with valkey_url() as url:
        for seed in range(start, start + 20):
            await play(url, seed)
