"""One question at a time, whoever asks it: led by a caller that stays, or in a task of its own."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.inflight import InFlight

pytestmark = pytest.mark.anyio


class Question:
    """Is answered when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.asked += 1
        return await asyncio.shield(self.answer)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("first", ["ask", "lead"])
@pytest.mark.parametrize("second", ["ask", "lead"])
async def test_whoever_comes_second_joins(first: str, second: str) -> None:
    inflight: InFlight[str, str] = InFlight()
    question = Question()
    callers = [asyncio.ensure_future(getattr(inflight, how)("key", question)) for how in (first, second)]
    await settled()
    assert "key" in inflight
    question.answer.set_result("answer")
    assert await asyncio.gather(*callers) == ["answer", "answer"]
    assert question.asked == 1
    assert len(inflight) == 0


@pytest.mark.parametrize("joins", [0, 2])
async def test_an_error_reaches_all_and_nothing_complains_where_nobody_joined(joins: int) -> None:
    inflight: InFlight[str, str] = InFlight()
    question = Question()
    leader = asyncio.ensure_future(inflight.lead("key", question))
    await settled()
    others = [asyncio.ensure_future(inflight.ask("key", question)) for _ in range(joins)]
    await settled()
    question.answer.set_exception(LookupError("no answer"))
    found = await asyncio.gather(leader, *others, return_exceptions=True)
    assert [type(error) for error in found] == [LookupError] * (1 + joins)
    assert len(inflight) == 0


async def test_who_joined_may_leave_without_harm() -> None:
    inflight: InFlight[str, str] = InFlight()
    question = Question()
    leader = asyncio.ensure_future(inflight.lead("key", question))
    await settled()
    other = asyncio.ensure_future(inflight.ask("key", question))
    await settled()
    other.cancel()
    await settled()
    assert other.cancelled()
    question.answer.set_result("answer")
    assert await leader == "answer"


async def test_a_leader_that_is_ended_ends_the_question() -> None:
    inflight: InFlight[str, str] = InFlight()
    question = Question()
    leader = asyncio.ensure_future(inflight.lead("key", question))
    await settled()
    other = asyncio.ensure_future(inflight.ask("key", question))
    await settled()
    leader.cancel()
    await asyncio.gather(leader, other, return_exceptions=True)
    assert leader.cancelled()
    assert other.cancelled()
    assert len(inflight) == 0


async def test_closing_ends_what_is_asked_and_leaves_a_leader_its_answer() -> None:
    inflight: InFlight[str, str] = InFlight()
    question = Question()
    asked = asyncio.ensure_future(inflight.ask("one", question))
    led = asyncio.ensure_future(inflight.lead("two", question))
    await settled()
    joined = asyncio.ensure_future(inflight.ask("two", question))
    await settled()
    await inflight.aclose()
    await asyncio.gather(asked, joined, return_exceptions=True)
    assert asked.cancelled()
    assert joined.cancelled()
    question.answer.set_result("answer")
    assert await led == "answer"
    assert len(inflight) == 0
