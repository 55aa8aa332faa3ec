"""Writes to the store behind everybody's back: at once in quiet times, together in busy ones, and at the end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.changes import Changes
from gateway.core.store import Store, StoreLimits
from gateway.core.writer import PAUSE, Writer
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Slow(Store):
    """A file on a disk that takes its time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreLimits())
        self.writes: list[list[str]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.error: Exception | None = None

    async def write(self, changes: Changes) -> None:
        self.writes.append(list(changes.results))
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error


def keep(writer: Writer, *keys: str, value: bytes = b"v") -> None:
    for key in keys:
        writer.note().keep(key, value, NOW)


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path / "s.db")


async def test_the_first_is_written_at_once_and_those_after_it_together(slow: Slow) -> None:
    clock = VirtualClock()
    writer = Writer(slow, clock)
    writer.open()
    keep(writer, "a")
    await clock.advance(0)
    assert slow.writes == [["a"]]
    keep(writer, "b", "c", "b")
    await clock.advance(PAUSE / 2)
    assert slow.writes == [["a"]]
    await clock.advance(PAUSE / 2)
    assert slow.writes == [["a"], ["c", "b"]]
    await clock.advance(10 * PAUSE)
    keep(writer, "d")
    await clock.advance(0)
    assert slow.writes[2:] == [["d"]]
    await writer.aclose()
    assert len(slow.writes) == 3


async def test_what_is_left_is_written_at_the_end(slow: Slow) -> None:
    clock = VirtualClock()
    writer = Writer(slow, clock)
    writer.open()
    keep(writer, "a")
    await clock.advance(0)
    keep(writer, "b")
    await writer.aclose()
    assert slow.writes == [["a"], ["b"]]


async def test_the_end_waits_for_a_write_that_is_under_way(slow: Slow) -> None:
    clock = VirtualClock()
    writer = Writer(slow, clock)
    writer.open()
    slow.may_go_on.clear()
    keep(writer, "a")
    await clock.advance(0)
    keep(writer, "b")
    closing = asyncio.ensure_future(writer.aclose())
    await clock.advance(0)
    assert not closing.done()
    slow.may_go_on.set()
    await closing
    assert slow.writes == [["a"], ["b"]]


@pytest.mark.parametrize(("number", "size"), [(1_000, 1), (2, 33 * 1024 * 1024)])
async def test_who_brings_too_much_waits(slow: Slow, number: int, size: int) -> None:
    clock = VirtualClock()
    writer = Writer(slow, clock)
    await writer.room()
    value = bytes(size)
    keep(writer, *map(str, range(number)), value=value)
    waiting = asyncio.ensure_future(writer.room())
    await clock.advance(0)
    assert not waiting.done()
    writer.open()
    await clock.advance(0)
    await waiting
    assert len(slow.writes[0]) == number
    await writer.aclose()


async def test_a_write_that_fails_is_told_and_the_next_goes_on(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    writer = Writer(slow, clock)
    writer.open()
    slow.error = RuntimeError("no")
    keep(writer, "a")
    await clock.advance(PAUSE)
    assert "store.write_failed" in caplog.text
    slow.error = None
    keep(writer, "b")
    await clock.advance(PAUSE)
    assert slow.writes == [["a"], ["b"]]
    await writer.aclose()


async def test_an_unopened_writer_has_nothing_to_close(slow: Slow) -> None:
    await Writer(slow, VirtualClock()).aclose()
    assert slow.writes == []
