"""Asking for batches: freshness, single flight, staleness, and what is never said wrongly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from adapters.errors import AmbiguousAccount, Expired, InvalidRef, NotFound, Unauthenticated, UnknownAccount
from adapters.model import Status
from gateway.core.accounts import Scope
from gateway.core.batches import Look
from gateway.core.freshness import Lifetimes
from tests.core_world import Marketplace, World, body, ends_at, ref, trendyol_account, unknown, world
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


async def ask(w: World, batch_id: str, max_age: float | None = None) -> Look:
    """Look while the clock runs."""
    task = asyncio.ensure_future(w.batches.look(ref(batch_id), max_age))
    for _ in range(400):
        await w.clock.settle(10)
        if task.done():
            return task.result()
        if w.core.store is not None:
            # the file is read in another thread, whose time is the machine's
            await asyncio.wait({task}, timeout=0.05)
            if task.done():
                return task.result()
        await w.clock.advance(0.25)
    raise AssertionError("never answered")


async def test_a_fresh_state_is_not_asked_again() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(100, "b")
        await ask(w, "b")
        await ask(w, "b")
        assert w.marketplace.calls["b"] == 1
        assert w.batches.peek(ref("b")) is not None


async def test_a_moving_state_is_given_at_once_while_it_is_asked_again() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(3, "b")
        await ask(w, "b")
        await w.clock.advance(3.5)
        stale = await w.batches.look(ref("b"))
        assert stale.reading is not None
        assert stale.reading.snapshot.status is Status.IN_PROGRESS
        assert not stale.reading.is_stale
        await w.clock.settle()
        fresh = await w.batches.look(ref("b"))
        assert fresh.reading is not None
        assert fresh.reading.snapshot.status is Status.COMPLETED
        assert w.marketplace.calls["b"] == 2


async def test_max_age_zero_asks_now_and_an_old_answer_may_be_accepted() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(100, "b")
        await ask(w, "b")
        await ask(w, "b", 0)
        assert w.marketplace.calls["b"] == 2
        await w.clock.advance(50)
        await ask(w, "b", 60)
        assert w.marketplace.calls["b"] == 2


async def test_identical_questions_in_flight_are_one_call_and_outlive_a_caller() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(100, "b")
        w.marketplace.latency = 1.0
        callers = [asyncio.ensure_future(w.batches.get(ref("b"))) for _ in range(50)]
        await w.clock.advance(0.5)
        callers[0].cancel()
        await w.clock.advance(1)
        readings = await asyncio.gather(*callers[1:])
        assert w.marketplace.calls["b"] == 1
        assert len({id(r.state) for r in readings}) == 1


async def test_a_failing_marketplace_leaves_the_last_known_state() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda _, call: body("b", "PROCESSING") if call == 1 else httpx.Response(503)
        first = await ask(w, "b")
        await w.clock.advance(60)
        look = await ask(w, "b")
        assert look.error is not None
        assert look.error.retryable
        assert look.reading is not None
        assert look.reading.is_stale
        assert first.reading is not None
        assert look.reading.state.fetched_at == first.reading.state.fetched_at
        reading = asyncio.ensure_future(w.batches.get(ref("b")))
        await w.clock.advance(60)
        assert (await reading).is_stale


async def test_refused_credentials_are_an_error_and_not_a_stale_answer() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda _, call: body("b", "PROCESSING") if call == 1 else httpx.Response(401)
        await ask(w, "b")
        await w.clock.advance(60)
        with pytest.raises(Unauthenticated):
            await w.batches.get(ref("b"))


async def test_errors_are_never_kept_as_answers() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = lambda _, call: httpx.Response(401) if call == 1 else body("b", "PROCESSING")
        assert isinstance((await ask(w, "b")).error, Unauthenticated)
        assert (await ask(w, "b")).error is None


async def test_a_not_found_is_remembered_briefly() -> None:
    async with world() as w:
        assert isinstance((await ask(w, "b")).error, NotFound)
        assert isinstance((await ask(w, "b")).error, NotFound)
        assert w.marketplace.calls["b"] == 1
        w.marketplace.scripts["b"] = ends_at(100, "b")
        assert (await ask(w, "b", 0)).error is None
        w.marketplace.scripts.clear()
        await w.clock.advance(6)
        assert isinstance((await ask(w, "c")).error, NotFound)
        await w.clock.advance(6)
        await ask(w, "c")
        assert w.marketplace.calls["c"] == 2


async def test_a_terminal_state_is_answered_after_the_marketplace_forgot_it() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(0, "b")
        await ask(w, "b")
        w.marketplace.scripts["b"] = lambda *_: unknown("b")
        await w.clock.advance(86_400)
        for max_age in (None, 0):
            look = await ask(w, "b", max_age)
            assert look.reading is not None
            assert look.reading.snapshot.status is Status.COMPLETED
            assert not look.reading.is_stale
        del w.marketplace.scripts["b"]
        look = await ask(w, "b", 0)
        assert look.reading is not None
        assert look.reading.snapshot.status is Status.COMPLETED


async def test_expired_is_said_only_after_the_known_time() -> None:
    async with world() as w:
        w.marketplace.scripts["b"] = ends_at(1e9, "b")
        w.marketplace.scripts["never-seen"] = lambda *_: unknown("never-seen")
        await ask(w, "b")
        w.marketplace.scripts["b"] = lambda *_: unknown("b")
        await w.clock.advance(3600)
        look = await ask(w, "b")
        assert look.error is None
        assert look.reading is not None
        assert look.reading.snapshot.is_confirmed
        await w.clock.advance(3 * 3600)
        assert isinstance((await ask(w, "b")).error, Expired)
        unseen = await ask(w, "never-seen")
        assert unseen.reading is not None
        assert not unseen.reading.snapshot.is_confirmed


async def test_an_end_that_may_be_refined_survives_a_restart_and_being_forgotten(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        marketplace.scripts["b"] = lambda *_: body("b", "SUCCESS", "PROCESSING", status="COMPLETED")
        await ask(w, "b")
    marketplace.scripts["b"] = lambda *_: unknown("b")
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        for seconds in (0, 1_000):
            await w.clock.advance(seconds)
            look = await ask(w, "b")
            assert look.reading is not None
            assert look.reading.snapshot.status is Status.COMPLETED
            assert len(look.reading.snapshot.items) == 2
    assert marketplace.calls["b"] == 2


async def test_terminal_results_survive_a_restart(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        marketplace.scripts["b"] = ends_at(0, "b")
        await ask(w, "b")
    marketplace.scripts.clear()
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        look = await w.batches.look(ref("b"))
        assert look.reading is not None
        assert look.reading.snapshot.status is Status.COMPLETED
        assert len(look.reading.snapshot.items) == 2
    assert marketplace.calls["b"] == 1


@pytest.mark.parametrize("forgets", [True, False])
async def test_what_another_process_has_written_is_found_where_the_marketplace_denies_it(
    tmp_path: Path, *, forgets: bool
) -> None:
    marketplace = Marketplace(VirtualClock())
    store = tmp_path / "s.db"
    async with world(store=store, marketplace=marketplace) as w:
        async with world(store=store, marketplace=marketplace) as other:
            marketplace.scripts["b"] = ends_at(0, "b")
            await ask(other, "b")
        marketplace.scripts = {} if forgets else {"b": lambda _now, _call: unknown("b")}
        look = await w.batches.look(ref("b"))
        assert look.reading is not None
        assert look.reading.snapshot.status is Status.COMPLETED
        assert (await ask(w, "b")).reading == look.reading
    assert marketplace.calls["b"] == 2


async def test_many_results_of_one_moment_survive_a_restart(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    names = [f"b{number}" for number in range(60)]
    marketplace.scripts = {name: ends_at(0, name) for name in names}
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        await asyncio.gather(*(w.batches.look(ref(name)) for name in names))
    marketplace.scripts.clear()
    async with world(store=tmp_path / "s.db", marketplace=marketplace) as w:
        looks = await asyncio.gather(*(w.batches.look(ref(name)) for name in names))
        assert all(look.reading is not None and look.reading.snapshot.is_terminal for look in looks)
    assert set(marketplace.calls.values()) == {1}


async def test_what_has_no_room_at_hand_is_kept_and_never_comes_back_older() -> None:
    async with world(lifetimes=Lifetimes(max_entries=3, moving=1_000)) as w:
        names = [f"b{number}" for number in range(4)]
        w.marketplace.scripts = {name: ends_at(50, name) for name in names}
        for name in names:
            await ask(w, name)
        looks = {name: (await ask(w, name)).reading for name in names[:2]}
        assert all(reading is not None and not reading.snapshot.is_terminal for reading in looks.values())
        assert {w.marketplace.calls[name] for name in names} == {1}
        await w.clock.advance(100)
        for name in names:
            await ask(w, name, 0)
        for name in names[:2]:
            again = await w.batches.known(ref(name))
            assert again is not None
            assert again.snapshot.is_terminal
        assert {w.marketplace.calls[name] for name in names} == {2}


async def test_what_one_account_reads_is_never_served_to_another(tmp_path: Path) -> None:
    marketplace = Marketplace(VirtualClock())
    shops = (trendyol_account("shop"), trendyol_account("other", seller_id="99"))
    async with world(*shops, store=tmp_path / "s.db", marketplace=marketplace) as w:
        marketplace.scripts["b"] = ends_at(0, "b")
        await ask(w, "b")
        assert w.batches.peek(ref("b", "other")) is None
        assert await w.batches.known(ref("b", "other")) is None


async def test_accounts_are_resolved_within_the_scope() -> None:
    shops = (trendyol_account("one"), trendyol_account("two"))
    async with world(*shops) as w:
        resolve = w.batches.resolve
        assert resolve("trendyol", "b", "two").account == "two"
        with pytest.raises(AmbiguousAccount, match="one, two"):
            resolve("trendyol", "b", None)
        only_one = Scope(frozenset({"one"}))
        assert resolve("trendyol", "b", None, only_one).account == "one"
        with pytest.raises(UnknownAccount) as hidden:
            resolve("trendyol", "b", "two", only_one)
        with pytest.raises(UnknownAccount) as missing:
            resolve("trendyol", "b", "three", only_one)
        assert hidden.value.message == missing.value.message
        with pytest.raises(UnknownAccount):
            resolve("mircate", "b", None)


@pytest.mark.parametrize(
    "batch_id", ["", "x" * 257, ".", "..", "a/b", "a\\b", "a%2f", "a?b", "a#b", "a\nb", "a\x00", "\x7f", "\ud800"]
)
async def test_ids_that_cannot_be_right_are_refused(batch_id: str) -> None:
    async with world() as w:
        with pytest.raises(InvalidRef):
            w.batches.resolve("trendyol", batch_id, None)


@pytest.mark.parametrize("batch_id", ["x" * 256, "a b", "ğüş-1", "a:b@c", "...", "-", "a+b&c=d"])
async def test_other_ids_are_asked_whatever_their_format(batch_id: str) -> None:
    async with world() as w:
        w.marketplace.scripts[batch_id] = ends_at(0, batch_id)
        assert w.batches.resolve("trendyol", batch_id, None).id == batch_id
        assert isinstance(await ask(w, batch_id), Look)
        assert sum(w.marketplace.calls.values()) == 1
