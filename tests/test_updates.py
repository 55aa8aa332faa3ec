"""What channels tell, and what a slow reader misses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.errors import Unavailable
from adapters.model import BatchRef, Counts, Operation, Snapshot, Status
from gateway.core.state import State, next_version
from gateway.core.subscription import Subscription
from gateway.core.updates import NO_VERSION, Channel, Detail, Update

pytestmark = pytest.mark.anyio
REF = BatchRef("trendyol", "shop", "b-1")
OTHER = BatchRef("trendyol", "shop", "b-2")


def states(*readings: tuple[Status, int]) -> list[State]:
    found: list[State] = []
    for number, (status, done) in enumerate(readings):
        snapshot = Snapshot("trendyol", "b-1", Operation.OTHER, status, counts=Counts(10, done, 0, 10 - done))
        when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        found.append(State(REF, snapshot, (), when, float(number), next_version(found[-1] if found else None, when)))
    return found


def subscription(*refs: BatchRef) -> Subscription:
    return Subscription(refs or (REF,), lambda _: None)


async def collect(stream: Subscription) -> list[Update]:
    return [update async for update in stream]


async def test_a_stream_is_given_the_current_state_then_changes_then_the_end() -> None:
    pending, moving, done = states((Status.PENDING, 0), (Status.IN_PROGRESS, 4), (Status.COMPLETED, 10))
    channel, stream = Channel(REF, Detail.PROGRESS), subscription()
    channel.tell(pending)
    channel.join(stream)
    first = await anext(stream)
    assert (first.version, first.previous, first.is_final) == (pending.version, None, False)
    channel.tell(moving)
    second = await anext(stream)
    assert second.previous is pending
    channel.tell(done)
    last = await anext(stream)
    assert last.previous is moving
    assert last.is_final
    assert await collect(stream) == []


async def test_an_update_is_the_same_object_for_all_and_so_is_a_first_one() -> None:
    pending, moving = states((Status.PENDING, 0), (Status.IN_PROGRESS, 4))
    channel = Channel(REF, Detail.PROGRESS)
    channel.tell(pending)
    streams = [subscription() for _ in range(5)]
    for stream in streams:
        channel.join(stream)
    assert len({id(await anext(stream)) for stream in streams}) == 1
    channel.tell(moving)
    assert len({id(await anext(stream)) for stream in streams}) == 1


async def test_a_slow_reader_skips_what_lies_between_never_the_end() -> None:
    told = states((Status.PENDING, 0), *((Status.IN_PROGRESS, n) for n in range(1, 9)), (Status.COMPLETED, 10))
    channel, stream = Channel(REF, Detail.PROGRESS), subscription()
    channel.join(stream)
    for state in told:
        channel.tell(state)
    channel.fail(Unavailable("late"), is_final=False)
    updates = await collect(stream)
    assert len(updates) == 1
    assert updates[0].is_final
    assert updates[0].version == told[-1].version


@pytest.mark.parametrize("detail", Detail)
async def test_who_was_told_a_failure_is_told_that_it_has_passed(detail: Detail) -> None:
    (state,) = states((Status.IN_PROGRESS, 4))
    channel, early, late = Channel(REF, detail), subscription(), subscription()
    channel.join(early)
    channel.tell(state)
    assert await anext(early) is not None
    failure = Unavailable("down")
    channel.fail(failure, is_final=False)
    channel.join(late, failure)
    for stream, previous in ((early, state), (late, None)):
        told = await anext(stream)
        assert told.error is failure
        assert told.reading is not None
        assert told.reading.is_stale
        assert told.previous is previous
    again = state.again(state.fetched_at + timedelta(seconds=1), 1.0)
    channel.tell(again)
    back = await anext(early)
    assert back is await anext(late)
    assert back.error is None
    assert back.reading is not None
    assert not back.reading.is_stale
    assert (back.version, back.previous) == (state.version, state)
    channel.tell(again.again(again.fetched_at, 2.0))
    assert early.take() is None


async def test_a_failure_is_the_same_update_for_all_who_come_meanwhile() -> None:
    channel, failure = Channel(REF, Detail.PROGRESS), Unavailable("down")
    streams = [subscription() for _ in range(5)]
    for stream in streams:
        channel.join(stream, failure)
    assert len({id(await anext(stream)) for stream in streams}) == 1


async def test_status_detail_tells_changes_of_status_alone() -> None:
    told = states((Status.PENDING, 0), (Status.IN_PROGRESS, 1), (Status.IN_PROGRESS, 5), (Status.COMPLETED, 10))
    channel, stream = Channel(REF, Detail.STATUS), subscription()
    channel.join(stream)
    seen: list[Update] = []
    for state in told:
        channel.tell(state)
        if stream._waiting:
            seen.append(await anext(stream))
    assert [u.reading.snapshot.status for u in seen if u.reading] == [
        Status.PENDING,
        Status.IN_PROGRESS,
        Status.COMPLETED,
    ]
    assert [u.previous.version if u.previous else None for u in seen] == [None, seen[0].version, seen[1].version]


async def test_a_late_status_stream_is_given_the_newest_state_and_an_unbroken_chain() -> None:
    told = states((Status.IN_PROGRESS, 1), (Status.IN_PROGRESS, 5), (Status.COMPLETED, 10))
    channel, stream = Channel(REF, Detail.STATUS), subscription()
    channel.tell(told[0])
    channel.tell(told[1])
    channel.join(stream)
    first = await anext(stream)
    assert first.reading is not None
    assert first.reading.snapshot.counts.succeeded == 5
    channel.tell(told[2])
    last = await anext(stream)
    assert last.previous is not None
    assert last.previous.version == first.version


async def test_a_failure_stands_beside_the_last_known_state() -> None:
    (pending,) = states((Status.PENDING, 0))
    channel, stream = Channel(REF, Detail.PROGRESS), subscription()
    channel.join(stream)
    channel.fail(Unavailable("down"), is_final=False)
    nothing = await anext(stream)
    assert (nothing.reading, nothing.version) == (None, NO_VERSION)
    channel.tell(pending)
    await anext(stream)
    channel.fail(Unavailable("down"), is_final=False)
    beside = await anext(stream)
    assert beside.reading is not None
    assert beside.reading.is_stale
    assert beside.version == pending.version


async def test_a_stream_over_several_batches_ends_with_the_last_of_them() -> None:
    stream = subscription(REF, OTHER)
    for ref in (OTHER, REF):
        stream.put(Update(ref, None, Unavailable("x"), NO_VERSION, None, is_final=True))
    assert [u.ref for u in await collect(stream)] == [OTHER, REF]


async def test_closing_a_stream_leaves_and_takes_no_more() -> None:
    left: list[Subscription] = []
    stream = Subscription((REF,), left.append)
    reader = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    await stream.aclose()
    assert left == [stream]
    stream.put(Update(REF, None, None, NO_VERSION, None, is_final=False))
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
