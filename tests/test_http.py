"""The funnel: budget, breaker, retries, deadlines and unchanged answers around an adapter's questions."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from adapters.base import Answer
from adapters.errors import (
    BatchError,
    ErrorCode,
    InternalError,
    InvalidAnswer,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UnknownAccount,
    UpstreamTimeout,
)
from adapters.http import BreakerState, Fetched, Priority, replay
from adapters.model import Status
from adapters.upstream import UpstreamLimits
from tests.edge import eventually
from tests.fake_market import Market, Setup, account, ref
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio


def done(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"status": "COMPLETED"})


class Script:
    """Plays one answer after another, the last one for ever. A number is an empty answer with that status."""

    def __init__(self, *answers: int | httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx.Response(answer, json={"status": "COMPLETED"})
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


async def passed(clock: VirtualClock, seconds: float, waiting: Any) -> Any:
    """What comes of `waiting` after that time on the clock; an exception is returned."""
    task = asyncio.ensure_future(waiting)
    await clock.advance(seconds)
    assert task.done()
    return (await asyncio.gather(task, return_exceptions=True))[0]


async def test_a_batch_is_read() -> None:
    async with Setup(done) as setup:
        found = await setup.fetch()
    assert found.snapshot.status is Status.COMPLETED
    assert found.snapshot.id == "b1"
    assert found.fetched_at.tzinfo is not None
    assert [call._replace(seconds=0) for call in setup.calls] == [("market", "shop", "market", None, 200, 0)]


async def test_an_unchanged_answer_is_not_read_again() -> None:
    clock = VirtualClock()
    async with Setup(done, clock=clock) as setup:
        first = await setup.fetch()
        await clock.advance(60)
        second = await setup.fetch(previous=first)
        assert second.snapshot is first.snapshot
        assert second.answers is first.answers
        assert (second.fetched_at - first.fetched_at).total_seconds() == 60
        assert (setup.market.read, setup.market.refused) == (1, 1)


async def test_another_answer_is_read() -> None:
    answers = Script(200, httpx.Response(200, json={"status": "FAILED"}), 200)
    async with Setup(answers) as setup:
        first = await setup.fetch()
        second = await setup.fetch(previous=first)
        third = await setup.fetch(previous=second)
    statuses = [found.snapshot.status for found in (first, second, third)]
    assert statuses == [Status.COMPLETED, Status.FAILED, Status.COMPLETED]


async def test_the_same_words_with_another_status_are_not_unchanged() -> None:
    async with Setup(Script(200, 401)) as setup:
        first = await setup.fetch()
        with pytest.raises(Unauthenticated):
            await setup.fetch(previous=first)


class Pages:
    def __init__(self) -> None:
        self.bodies = [b'{"status": "IN_PROGRESS", "next": "2"}', b'{"status": "IN_PROGRESS", "next": "3"}']
        self.last = b'{"status": "COMPLETED"}'

    def __call__(self, request: httpx.Request) -> httpx.Response:
        page = request.url.path.count("/") - 1
        number = int(request.url.path.rsplit("/", 1)[1]) - 1 if page else 0
        return httpx.Response(200, content=[*self.bodies, self.last][number])


async def test_unchanged_pages_are_read_but_for_the_last() -> None:
    pages = Pages()
    async with Setup(pages) as setup:
        first = await setup.fetch()
        assert len(first.answers) == 3
        assert setup.market.read == 3
        second = await setup.fetch(previous=first)
        assert second.snapshot is first.snapshot
        assert setup.market.read == 5
        pages.bodies[0] = b'{"status": "PENDING", "next": "2"}'
        third = await setup.fetch(previous=second)
        assert third.snapshot is not first.snapshot
        pages.bodies[1] = b'{"status": "COMPLETED"}'
        fourth = await setup.fetch(previous=third)
        assert len(fourth.answers) == 2


def test_a_thousand_products_with_the_longest_descriptions_are_read() -> None:
    product = 30_000 + 1_200  # characters of a description, and about what else is echoed
    assert 1_000 * product < UpstreamLimits().max_body < 100_000_000


async def test_pages_are_bounded_in_number_and_bytes() -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "PENDING", "next": "again", "padding": "x" * 400})

    async with Setup(endless, max_calls=5) as setup:
        with pytest.raises(InvalidAnswer, match="5 pages"):
            await setup.fetch()
    async with Setup(endless, max_body=1_024) as setup:
        with pytest.raises(InvalidAnswer, match="longer than"):
            await setup.fetch()
        assert len(setup.calls) == 3


@pytest.mark.parametrize("passing", [500, 503, httpx.ReadError("x"), httpx.ConnectError("x")])
async def test_what_can_pass_is_tried_again(passing: int | Exception) -> None:
    clock = VirtualClock()
    async with Setup(Script(passing, passing, 200), clock=clock) as setup:
        found = await passed(clock, 2, setup.fetch())
        assert isinstance(found, Fetched)
        assert len(setup.calls) == 3
        assert setup.calls[0].error is ErrorCode.UPSTREAM_UNAVAILABLE


async def test_at_most_two_retries() -> None:
    clock = VirtualClock()
    answers = Script(500)
    async with Setup(answers, clock=clock) as setup:
        assert isinstance(await passed(clock, 5, setup.fetch()), Unavailable)
    assert len(answers.asked) == 3


@pytest.mark.parametrize("lasting", [401, httpx.Response(200, content=b"<html>"), httpx.ReadTimeout("x")])
async def test_what_will_not_pass_is_not_tried_again(lasting: Any) -> None:
    answers = Script(lasting)
    async with Setup(answers) as setup:
        with pytest.raises(BatchError):
            await setup.fetch()
    assert len(answers.asked) == 1


async def test_retries_are_a_share_of_calls() -> None:
    """An upstream that always fails is asked about as often as there are questions, not thrice as often."""
    clock = VirtualClock()
    answers = Script(500)
    async with Setup(answers, clock=clock, breaker_failures=1_000) as setup:
        for _ in range(100):
            await passed(clock, 5, setup.fetch())
    assert 100 + 10 <= len(answers.asked) <= 100 + 10 + 10


async def test_retry_after_is_obeyed_and_pauses_the_whole_account() -> None:
    clock = VirtualClock()
    limited = httpx.Response(429, headers={"retry-after": "4"})
    async with Setup(Script(limited, 200), clock=clock, limit="10/10s") as setup:
        first = asyncio.ensure_future(setup.fetch("b1", timeout=10))
        await clock.advance(1)
        assert setup.funnel.budget_left("shop") == 0
        second = asyncio.ensure_future(setup.fetch("b2", timeout=10))
        await clock.advance(2.9)
        assert len(setup.calls) == 1
        await clock.advance(2)
        assert [isinstance(found, Fetched) for found in await asyncio.gather(first, second)] == [True, True]
        assert setup.funnel.budget_left("shop") < 5  # and the pace is lower for a while
        await clock.advance(120)
        assert setup.funnel.budget_left("shop") == 10


async def test_a_retry_after_beyond_the_deadline_is_told_at_once() -> None:
    clock = VirtualClock()
    async with Setup(Script(httpx.Response(429, headers={"retry-after": "60"})), clock=clock) as setup:
        error = await passed(clock, 0, setup.fetch(timeout=5))
        assert isinstance(error, RateLimited)
        assert error.retry_after == 60
        again = await passed(clock, 0, setup.fetch(timeout=5))
        assert isinstance(again, RateLimited)
        assert again.retry_after == pytest.approx(60)
        assert len(setup.calls) == 1


async def test_a_query_waits_for_the_budget_within_its_time() -> None:
    clock = VirtualClock()
    async with Setup(done, clock=clock, limit="2/10s") as setup:
        asked = [asyncio.ensure_future(setup.fetch(f"b{number}", timeout=12)) for number in range(5)]
        await clock.advance(13)
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Fetched] * 4 + [RateLimited]
    assert outcomes[4].retry_after > 0
    assert "shop" in outcomes[4].message


async def test_who_is_told_to_ask_again_is_not_told_to_do_so_at_once() -> None:
    clock = VirtualClock()
    async with Setup(done, clock=clock, limit="1/2s") as setup:
        await setup.fetch("b1")
        await clock.advance(1.7)
        error = await passed(clock, 0.2, setup.fetch("b2", timeout=0.1))
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert error.retry_after < 0.5
    assert "Ask again in 1 s," in error.message


async def test_a_watch_waits_for_the_budget_and_then_has_its_time() -> None:
    clock = VirtualClock()
    release = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/b3":
            await release.wait()
        return done(request)

    async with Setup(slow, clock=clock, limit="1/m") as setup:
        asked = [
            asyncio.ensure_future(setup.fetch(f"b{number}", timeout=5, priority=Priority.WATCH)) for number in range(4)
        ]
        await clock.advance(181)
        assert [task.done() for task in asked] == [True, True, True, False]
        await clock.advance(5)
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Fetched] * 3 + [UpstreamTimeout]


async def test_somebody_who_waits_for_a_watch_hurries_it() -> None:
    clock = VirtualClock()
    async with Setup(done, clock=clock, limit="1/10s") as setup:
        watches = [asyncio.ensure_future(setup.fetch(f"w{n}", priority=Priority.WATCH)) for n in range(4)]
        await clock.settle()
        setup.funnel.hurry(ref("w3"), 30)
        await clock.advance(11)
        assert [task.done() for task in watches] == [True, False, False, True]
        await clock.advance(30)
        await asyncio.gather(*watches)


async def test_pollers_can_wait_for_their_turn() -> None:
    clock = VirtualClock()
    async with Setup(done, clock=clock, limit="1/10s") as setup:
        await setup.fetch()
        ready = asyncio.ensure_future(setup.funnel.ready("shop"))
        await clock.advance(9)
        assert not ready.done()
        await clock.advance(2)
        assert ready.done()
        assert setup.funnel.budget_left("shop") == 1
        assert len(setup.calls) == 1


async def test_a_deadline_ends_a_call_that_never_ends() -> None:
    clock = VirtualClock()

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with Setup(never, clock=clock, call_timeout=7) as setup:
        asked = asyncio.ensure_future(setup.fetch(timeout=30))
        await clock.advance(6.9)
        assert not asked.done()
        await clock.advance(0.2)
        assert isinstance(asked.exception(), UpstreamTimeout)
        assert isinstance(await passed(clock, 3.1, setup.fetch(timeout=3)), UpstreamTimeout)


async def test_slowness_opens_the_breaker() -> None:
    clock = VirtualClock()

    async def slow(request: httpx.Request) -> httpx.Response:
        await clock.sleep(9)
        return done(request)

    async with Setup(slow, clock=clock, slow_call=8, breaker_failures=3) as setup:
        for _ in range(3):
            assert isinstance(await passed(clock, 10, setup.fetch(timeout=15)), Fetched)
        assert setup.funnel.breaker_state("shop") is BreakerState.OPEN
        error = await passed(clock, 0, setup.fetch())
        assert isinstance(error, Unavailable)
        assert error.retry_after is not None


async def test_timeouts_of_impatient_callers_open_it_too() -> None:
    clock = VirtualClock()

    async def slow(request: httpx.Request) -> httpx.Response:
        await clock.sleep(60)
        return done(request)

    async with Setup(slow, clock=clock, breaker_failures=3) as setup:
        for _ in range(3):
            assert isinstance(await passed(clock, 1, setup.fetch(timeout=0.5)), UpstreamTimeout)
        assert setup.funnel.breaker_state("shop") is BreakerState.OPEN


async def test_refusals_do_not_open_the_breaker() -> None:
    async with Setup(Script(401), breaker_failures=2) as setup:
        for _ in range(10):
            with pytest.raises(Unauthenticated):
                await setup.fetch()
        assert setup.funnel.breaker_state("shop") is BreakerState.CLOSED


async def test_one_probe_at_a_time_and_one_that_leaves_makes_room() -> None:
    clock = VirtualClock()
    playing: list[Any] = [500]

    async def upstream(request: httpx.Request) -> httpx.Response:
        if playing[0] == "hang":
            await asyncio.Event().wait()
        return httpx.Response(playing[0], json={"status": "COMPLETED"})

    async with Setup(upstream, clock=clock, breaker_failures=2, retries=0) as setup:
        for _ in range(2):
            await passed(clock, 0, setup.fetch())
        await clock.advance(10)
        playing[0] = "hang"
        probe = asyncio.ensure_future(setup.fetch())
        await clock.settle()
        assert isinstance(await passed(clock, 0, setup.fetch()), Unavailable)
        assert len(setup.calls) == 2
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert setup.funnel.breaker_state("shop") is BreakerState.HALF_OPEN
        playing[0] = 200
        assert isinstance(await passed(clock, 0, setup.fetch()), Fetched)
        assert setup.funnel.breaker_state("shop") is BreakerState.CLOSED


async def test_a_caller_that_leaves_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    clock = VirtualClock()

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with Setup(never, clock=clock, limit="1/10s") as setup:
        calling, waiting = (asyncio.ensure_future(setup.fetch(name)) for name in ("b1", "b2"))
        await clock.settle()
        for task in (waiting, calling):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await clock.advance(11)
        assert setup.funnel.budget_left("shop") == 1
    await clock.settle()
    assert asyncio.all_tasks() == before


class Slow(Market):
    """Reads its answer until it is let on, and knows in which thread and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []
        self.begun, self.may_go_on, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.was_let_on = False

    def ask(self, account: Any, source: str, batch_id: str) -> Any:
        asking = super().ask(account, source, batch_id)
        try:
            answer = yield next(asking)
            self.threads.append(threading.current_thread().name)
            self.begun.set()
            self.was_let_on = self.may_go_on.wait(30)
            try:
                asking.send(answer)
            except StopIteration as end:
                return end.value
        finally:
            self.closed.set()


def slow_reader(**limits: Any) -> tuple[Setup, Slow]:
    setup = Setup(done, **limits)
    market = Slow()
    setup.funnel._lines["shop"].adapter = market  # type: ignore[assignment]
    return setup, market


async def test_a_large_answer_is_read_beside_the_event_loop() -> None:
    setup, market = slow_reader(decode_aside=1)
    async with setup:
        asked = asyncio.ensure_future(setup.fetch(timeout=60))
        await eventually(market.begun.is_set)
        market.may_go_on.set()  # by the loop, which would not come to it if it read by itself
        assert (await asked).snapshot.status is Status.COMPLETED
        assert market.was_let_on
        assert market.threads[0].startswith("reading")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reading")]


async def test_a_small_answer_is_read_at_once() -> None:
    setup, market = slow_reader()
    market.may_go_on.set()
    async with setup:
        await setup.fetch()
    assert market.threads == [threading.current_thread().name]


async def test_reading_aside_ends_in_time_and_closes_behind_itself() -> None:
    clock = VirtualClock()
    setup, market = slow_reader(decode_aside=1, clock=clock)
    async with setup:
        asked = asyncio.ensure_future(setup.fetch(timeout=1.0))
        await eventually(market.begun.is_set)
        await clock.advance(1.0)
        with pytest.raises(UpstreamTimeout, match="too large"):
            await asked
        assert not market.closed.is_set()
        market.may_go_on.set()
    assert market.closed.wait(30)


async def test_leaving_while_an_answer_is_read_aside() -> None:
    setup, market = slow_reader(decode_aside=1)
    async with setup:
        asked = asyncio.ensure_future(setup.fetch(timeout=60))
        await eventually(market.begun.is_set)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        market.may_go_on.set()
    assert market.closed.wait(30)
    await asyncio.sleep(0)


@pytest.mark.parametrize("aside", [0, 10_000])
async def test_a_fault_of_an_adapter_is_an_internal_error_with_an_id(
    aside: int, caplog: pytest.LogCaptureFixture
) -> None:
    def secretive(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "planted"})

    async with Setup(secretive, decode_aside=aside) as setup:
        with pytest.raises(InternalError) as caught:
            await setup.fetch("fault")
    number = caught.value.message.split("fault ")[1][:8]
    assert number in caplog.text
    assert "LookupError" in caplog.text
    assert "planted" not in caplog.text + caught.value.message


async def test_an_unknown_account_is_a_typed_error() -> None:
    async with Setup(done) as setup:
        with pytest.raises(UnknownAccount):
            await setup.funnel.fetch(account(name="other"), ref(name="other"), timeout=1, priority=Priority.QUERY)


def test_kept_answers_are_read_again() -> None:
    market = Market()
    pages = [b'{"status": "PENDING", "next": "2"}', b'{"status": "COMPLETED"}']
    answers = [Answer(200, page) for page in pages]
    assert replay(market, account(), ref(), answers).status is Status.COMPLETED
    with pytest.raises(InvalidAnswer, match="kept"):
        replay(market, account(), ref(), answers[:1])
    with pytest.raises(InvalidAnswer):
        replay(market, account(), ref(), [Answer(200, b"[" * 100_000)])
    with pytest.raises(Unauthenticated):
        replay(market, account(), ref(), [Answer(401, b"{}")])


async def test_accounts_share_neither_budget_nor_breaker() -> None:
    from adapters.clock import SystemClock
    from adapters.http import Funnel

    accounts = [account(name="one", limit="1/m"), account(name="two", limit="3/m")]
    async with Funnel(
        accounts,
        clock=SystemClock(),
        adapters={"market": Market()},
        transport_factory=lambda _: httpx.MockTransport(done),
    ) as funnel:
        await funnel.fetch(accounts[0], ref(name="one"), timeout=1, priority=Priority.QUERY)
        assert (funnel.budget_left("one"), funnel.budget_left("two")) == (0, 3)
