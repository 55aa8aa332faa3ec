"""Watches: one poller per batch, streams that end themselves, failures that pass and failures that do not."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from adapters.breaker import BreakerState
from adapters.errors import (
    Expired,
    GaveUp,
    NotFound,
    RateLimited,
    Rejected,
    Unauthenticated,
    Unavailable,
    UpstreamTimeout,
)
from adapters.model import Status
from gateway.core.subscription import Subscription
from gateway.core.updates import Detail, Update
from gateway.core.watched import WatchLimits
from tests.core_world import Marketplace, World, body, ends_at, ref, trendyol_account, unknown, world
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


class Reader:
    """Reads a stream to its end in the background."""

    def __init__(self, stream: Subscription) -> None:
        self.stream = stream
        self.updates: list[Update] = []
        self.times: list[float] = []
        self.task = asyncio.ensure_future(self._read())
        self.clock: VirtualClock | None = None

    async def _read(self) -> None:
        try:
            async for update in self.stream:
                self.updates.append(update)
                if self.clock is not None:
                    self.times.append(self.clock.monotonic())
        finally:
            await self.stream.aclose()

    @property
    def statuses(self) -> list[Status]:
        return [u.reading.snapshot.status for u in self.updates if u.reading is not None and u.error is None]

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def watch(w: World, *batch_ids: str, detail: Detail = Detail.PROGRESS) -> Reader:
    reader = Reader(await w.watches.subscribe([ref(batch_id) for batch_id in batch_ids], detail))
    reader.clock = w.clock
    return reader


async def test_a_stream_tells_every_change_and_ends_itself() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(20, "b")
        reader = await watch(w, "b")
        await w.clock.advance(60)
        assert reader.task.done()
        assert reader.statuses == [Status.IN_PROGRESS, Status.IN_PROGRESS, Status.COMPLETED]
        assert [u.is_final for u in reader.updates] == [False, False, True]
        assert reader.updates[0].previous is None
        assert [u.previous.version for u in reader.updates[1:] if u.previous] == [
            u.version for u in reader.updates[:-1]
        ]
        assert w.watches.count() == 0


async def test_a_thousand_subscribers_cost_the_marketplace_what_one_costs() -> None:
    async with world() as w:
        for name in ("alone", "crowd"):
            w.marketplace.scripts[name] = ends_at(30, name)
        readers = [await watch(w, "crowd") for _ in range(1000)]
        alone = await watch(w, "alone")
        await w.clock.advance(60)
        assert all(r.task.done() for r in [*readers, alone])
        assert abs(w.marketplace.calls["crowd"] - w.marketplace.calls["alone"]) <= 2
        assert len({id(r.updates[-1]) for r in readers}) == 1


async def test_a_querys_answer_feeds_the_watchers_and_the_pollers_answer_the_queries() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(1000, "b")
        reader = await watch(w, "b")
        await w.clock.advance(600)
        calls = w.marketplace.calls["b"]
        w.marketplace.scripts["b"] = ends_at(0, "b")
        asked = asyncio.ensure_future(w.batches.get(ref("b"), 0))
        await w.clock.settle()
        assert (await asked).snapshot.status is Status.COMPLETED
        assert reader.task.done()
        assert w.marketplace.calls["b"] == calls + 1
        await w.batches.get(ref("b"))
        assert w.marketplace.calls["b"] == calls + 1


async def test_a_late_subscriber_is_given_the_current_state_at_once() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(1000, "b")
        await watch(w, "b")
        await w.clock.advance(100)
        calls = w.marketplace.calls["b"]
        late = await watch(w, "b")
        await w.clock.settle()
        assert late.statuses == [Status.IN_PROGRESS]
        assert late.updates[0].previous is None
        assert w.marketplace.calls["b"] == calls


async def test_a_batch_that_has_ended_needs_no_watch() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(0, "b")
        await w.batches.get(ref("b"))
        reader = await watch(w, "b")
        await w.clock.settle()
        assert reader.task.done()
        assert reader.updates[0].is_final
        assert w.marketplace.calls["b"] == 1


async def test_it_is_followed_to_the_end_without_subscribers_but_more_slowly() -> None:
    async with world() as w:
        w.marketplace.scripts["left"] = ends_at(300, "left")
        w.marketplace.scripts["kept"] = ends_at(300, "kept")
        left, kept = await watch(w, "left"), await watch(w, "kept")
        await w.clock.advance(1)
        await left.leave()
        await w.clock.advance(600)
        assert kept.task.done()
        assert w.marketplace.calls["left"] < w.marketplace.calls["kept"]
        state = await w.batches.known(ref("left"))
        assert state is not None
        assert state.snapshot.status is Status.COMPLETED


async def test_watches_survive_a_restart(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    marketplace.scripts["b"] = ends_at(500, "b")
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        reader = await watch(w, "b")
        await w.clock.advance(10)
        await reader.leave()
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        assert w.watches.count("shop") == 1
        async with asyncio.timeout(30):
            while w.watches.count():
                await asyncio.sleep(0.001)  # the file is read in another thread, whose time is the machine's
                await w.clock.advance(5)
    marketplace.scripts.clear()
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        assert w.watches.count() == 0
        look = await w.batches.look(ref("b"))
        assert look.reading is not None
        assert look.reading.snapshot.status is Status.COMPLETED


async def test_an_account_that_is_gone_after_a_restart_is_not_watched(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    marketplace.scripts["b"] = ends_at(500, "b")
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        reader = await watch(w, "b")
        await w.clock.advance(1)
        await reader.leave()
    async with world(trendyol_account("another"), store=tmp_path / "s.db", marketplace=marketplace) as w:
        assert w.watches.count() == 0


async def test_a_resumed_watch_outlives_a_moment_in_which_nobody_knows_its_batch(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    marketplace.scripts["b"] = lambda now, _: httpx.Response(404) if 500 < now < 520 else ends_at(560, "b")(now, 0)
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        reader = await watch(w, "b")
        await w.clock.advance(510)
        await reader.leave()
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        await w.clock.advance(5)
        assert w.watches.count("shop") == 1
        reader = await watch(w, "b")
        async with asyncio.timeout(30):
            while Status.COMPLETED not in reader.statuses:
                await asyncio.sleep(0.002)  # the file is read in another thread, whose time is the machine's
                await w.clock.advance(1)


async def test_the_quietest_without_subscribers_makes_room() -> None:
    async with world(watch=WatchLimits(max=2)) as w:
        for name in ("a", "b", "c"):
            w.marketplace.scripts[name] = ends_at(1e6, name)
        first = await watch(w, "a")
        await w.clock.advance(1)
        await first.leave()
        await watch(w, "b")
        third = await watch(w, "c")
        await w.clock.advance(1)
        assert w.watches.count() == 2
        assert third.statuses
        refused = await watch(w, "a")
        await w.clock.settle()
        assert isinstance(refused.updates[0].error, RateLimited)
        assert refused.updates[0].is_final


async def test_an_unknown_id_that_answers_processing_ends_in_gave_up() -> None:
    async with world(watch=WatchLimits(deadline=600)) as w:
        w.marketplace.scripts["b"] = lambda *_: unknown("b")
        reader = await watch(w, "b")
        await w.clock.advance(601)
        last = reader.updates[-1]
        assert isinstance(last.error, GaveUp)
        assert last.is_final
        assert "10 minutes" in last.error.message
        assert "check the id and the account" in last.error.message
        assert Status.COMPLETED not in reader.statuses
        assert reader.task.done()
        assert w.watches.count() == 0


async def test_a_batch_that_is_not_there_yet_has_a_grace() -> None:
    async with world() as w:
        reader = await watch(w, "b")
        await w.clock.advance(10)
        assert isinstance(reader.updates[0].error, NotFound)
        assert not reader.updates[0].is_final
        w.marketplace.scripts["b"] = ends_at(15, "b")
        await w.clock.advance(60)
        assert reader.statuses[-1] is Status.COMPLETED
        assert reader.updates[-1].is_final


async def test_a_batch_that_never_appears_is_not_found_after_the_grace() -> None:
    async with world() as w:
        reader = await watch(w, "b")
        await w.clock.advance(150)
        assert reader.task.done()
        assert isinstance(reader.updates[-1].error, NotFound)
        assert reader.updates[-1].is_final


async def test_a_failure_that_passes_is_told_once_a_minute_and_the_watch_goes_on() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda now, _: (
            httpx.Response(502) if now < 300 else body("b", "SUCCESS", status="COMPLETED")
        )
        reader = await watch(w, "b")
        await w.clock.advance(299)
        errors = [u for u in reader.updates if u.error is not None]
        by_code: dict[object, int] = {}
        for update in errors:
            assert update.error is not None
            by_code[update.error.code] = by_code.get(update.error.code, 0) + 1
        assert errors
        assert all(count <= 5 for count in by_code.values())
        assert not any(u.is_final for u in errors)
        await w.clock.advance(200)
        assert reader.statuses[-1] is Status.COMPLETED
        assert reader.task.done()


async def test_a_deadline_may_be_shorter_than_the_last_look() -> None:
    async with world(watch=WatchLimits(deadline=5.0)) as w:
        w.marketplace.scripts["b"] = lambda *_: unknown("b")
        reader = await watch(w, "b")
        await w.clock.advance(4.9)
        assert not reader.task.done()
        await w.clock.advance(0.2)
        assert reader.task.done()
        assert isinstance(reader.updates[-1].error, GaveUp)


async def test_refused_credentials_end_a_watch_only_after_a_while() -> None:
    async with world() as w:
        w.marketplace.scripts["passing"] = lambda now, _: (
            httpx.Response(401) if now < 30 else body("passing", "SUCCESS", status="COMPLETED")
        )
        w.marketplace.scripts["staying"] = lambda *_: httpx.Response(401)
        passing, staying = await watch(w, "passing"), await watch(w, "staying")
        await w.clock.advance(50)
        assert not staying.task.done()
        await w.clock.advance(200)
        assert passing.statuses == [Status.COMPLETED]
        assert isinstance(staying.updates[-1].error, Unauthenticated)
        assert staying.updates[-1].is_final
        assert staying.task.done()


async def test_a_batch_that_was_forgotten_while_it_ran_is_expired() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda now, _: body("b", "PROCESSING") if now < 600 else unknown("b")
        reader = await watch(w, "b")
        await w.clock.advance(4 * 3600 + 120)
        assert reader.task.done()
        assert isinstance(reader.updates[-1].error, (Expired, GaveUp))
        assert Status.COMPLETED not in reader.statuses


async def test_waiting_answers_at_the_end_or_at_the_timeout() -> None:
    async with world() as w:
        w.marketplace.scripts["quick"] = ends_at(5, "quick")
        w.marketplace.scripts["slow"] = ends_at(500, "slow")
        refs = [ref("quick"), ref("slow"), ref("missing")]
        all_of_them = asyncio.ensure_future(w.watches.wait(refs, 30.0, until_all=True))
        any_of_them = asyncio.ensure_future(w.watches.wait(refs, 30.0, until_all=False))
        await w.clock.advance(20)
        assert any_of_them.done()
        assert not all_of_them.done()
        await w.clock.advance(20)
        looks = await all_of_them
        assert looks[refs[0]].reading is not None
        assert looks[refs[0]].reading.snapshot.status is Status.COMPLETED
        assert looks[refs[1]].reading is not None
        assert looks[refs[1]].reading.snapshot.status is Status.IN_PROGRESS
        assert isinstance(looks[refs[2]].error, NotFound)


async def test_waiting_answers_with_what_was_read_last() -> None:
    def answer(now: float, _call: int) -> httpx.Response:
        if 2 < now < 4:
            return httpx.Response(400)
        return body("b", *["SUCCESS"] * int(now), *["PROCESSING"] * (50 - int(now)))

    async with world() as w:
        w.marketplace.scripts["b"] = answer
        waiting = asyncio.ensure_future(w.watches.wait([ref("b")], 10.0, until_all=True))
        await w.clock.advance(10.0)
        look = (await waiting)[ref("b")]
        assert look.error is None
        assert look.reading is not None
        assert not look.reading.is_stale
        assert look.reading.state is w.batches.at_hand(ref("b"))
        assert (look.reading.snapshot.counts.succeeded or 0) >= 7


async def test_waiting_tells_a_failure_that_lasts_beside_what_was_known() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda now, _: body("b", "PROCESSING") if now < 2 else httpx.Response(400)
        waiting = asyncio.ensure_future(w.watches.wait([ref("b")], 10.0, until_all=True))
        await w.clock.advance(10.0)
        look = (await waiting)[ref("b")]
        assert isinstance(look.error, Rejected)
        assert look.reading is not None
        assert look.reading.is_stale


async def test_waiting_ends_in_time_where_the_marketplace_does_not_answer() -> None:
    async with world() as w:
        w.marketplace.scripts["quick"] = ends_at(3, "quick")
        w.marketplace.hanging.add("silent")
        refs = [ref("quick"), ref("silent")]
        all_of_them = asyncio.ensure_future(w.watches.wait(refs, 6.0, until_all=True))
        any_of_them = asyncio.ensure_future(w.watches.wait(refs, 6.0, until_all=False))
        at_once = asyncio.ensure_future(w.watches.wait([ref("silent")], 0.0, until_all=True))
        await w.clock.advance(1.0)
        assert at_once.done()
        assert isinstance((await at_once)[refs[1]].error, UpstreamTimeout)
        await w.clock.advance(3.5)
        assert any_of_them.done()
        await w.clock.advance(1.6)
        assert all_of_them.done()
        for looks in (await all_of_them, await any_of_them):
            assert looks[refs[0]].reading is not None
            assert isinstance(looks[refs[1]].error, UpstreamTimeout)


async def test_a_wait_without_time_is_a_question() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(30, "b")
        w.marketplace.latency = 0.5
        waiting = asyncio.ensure_future(w.watches.wait([ref("b")], 0.0, until_all=True))
        await w.clock.advance(0.6)
        look = (await waiting)[ref("b")]
        assert look.reading is not None
        assert look.reading.snapshot.status is Status.IN_PROGRESS


async def test_while_a_marketplace_is_not_asked_all_who_watch_hear_of_it() -> None:
    async with world() as w:
        w.marketplace.scripts["calm"] = lambda now, _: (
            body("calm", "PROCESSING") if now < 60 else body("calm", "SUCCESS", status="COMPLETED")
        )
        calm = await watch(w, "calm")
        await w.clock.advance(30)
        asked = w.marketplace.calls["calm"]
        for name in ("a", "b", "c", "d", "e"):
            w.marketplace.scripts[name] = lambda now, _: httpx.Response(500 if now < 55 else 400)
        failing = [await watch(w, name) for name in ("a", "b", "c", "d", "e")]
        await w.clock.advance(1)
        assert w.batches.funnel.breaker_state("shop") is BreakerState.OPEN
        assert w.marketplace.calls["calm"] == asked
        waiting = asyncio.ensure_future(w.watches.wait([ref("new")], 0.5, until_all=True))
        late, later = await watch(w, "late"), await watch(w, "calm")
        await w.clock.advance(0.7)
        for reader in (calm, late, later, *failing):
            assert isinstance(reader.updates[-1].error, Unavailable)
            assert not reader.updates[-1].is_final
        assert later.updates[0].reading is not None
        assert later.updates[0].reading.is_stale
        assert isinstance((await waiting)[ref("new")].error, Unavailable)
        await w.clock.advance(180)
        assert calm.statuses[-1] is later.statuses[-1] is Status.COMPLETED


@pytest.mark.parametrize("seconds", [2, 50])
async def test_a_batch_is_not_asked_about_before_its_marketplace_said(seconds: int) -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda now, call: (
            httpx.Response(503, headers={"retry-after": str(seconds)}) if call <= 4 else body("b", "PROCESSING")
        )
        reader = await watch(w, "b")
        await w.clock.advance(5 * seconds + 60)
        times = w.marketplace.times[:5]
        assert all(later - earlier >= seconds for earlier, later in pairwise(times))
        assert reader.statuses == [Status.IN_PROGRESS]
        await reader.leave()


async def test_who_comes_while_a_marketplace_fails_hears_of_it_at_once() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda now, _: (
            httpx.Response(400) if now < 40 else body("b", "SUCCESS", status="COMPLETED")
        )
        first = await watch(w, "b")
        await w.clock.advance(5)
        late = await watch(w, "b")
        await w.clock.advance(1)
        assert [type(u.error) for u in late.updates] == [Rejected]
        assert not late.updates[0].is_final
        assert len(first.updates) == 1
        await w.clock.advance(60)
        assert late.statuses == first.statuses == [Status.COMPLETED]


async def test_with_more_watches_than_budget_nothing_is_rejected_and_the_limit_holds() -> None:
    async with world(trendyol_account(limit="10/1s")) as w:
        names = [f"b{n}" for n in range(200)]
        for name in names:
            w.marketplace.scripts[name] = ends_at(30, name)
        readers = [await watch(w, name) for name in names]
        await w.clock.advance(120)
        assert all(r.statuses[-1] is Status.COMPLETED for r in readers)
        times = w.marketplace.times
        assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[10:], strict=False))
