"""What survives a restart, and what a bad file does."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.model import BatchRef
from gateway.core.store import Store, StoreLimits

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF = BatchRef("trendyol", "shop", "b-1")


async def test_results_and_watches_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.db"
    store = Store(path, StoreLimits())
    await store.open()
    await store.put("k", b"value", NOW)
    await store.watch(REF, NOW)
    await store.aclose()
    again = Store(path, StoreLimits())
    await again.open()
    assert await again.get("k") == b"value"
    assert [(w.ref, w.born) for w in await again.watched()] == [(REF, NOW)]
    await again.unwatch(REF)
    assert await again.watched() == []
    await again.aclose()
    assert path.stat().st_mode & 0o077 == 0


async def test_old_and_many_results_make_room(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", StoreLimits(max_age=3600, max_bytes=65536))
    await store.open()
    await store.put("old", b"x", NOW - timedelta(hours=2))
    await store.sweep(NOW)
    assert await store.get("old") is None
    for number in range(20):
        await store.put(
            str(number), bytes(range(256)) * 40 + str(number).encode() * 3000, NOW + timedelta(seconds=number)
        )
    import random

    noise = random.Random(1)
    for number in range(20):
        await store.put(f"n{number}", noise.randbytes(8000), NOW + timedelta(minutes=number))
    assert await store.get("n19") is not None
    assert await store.get("n0") is None
    await store.aclose()


async def test_a_damaged_file_is_reported_and_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"this is no database" * 100)
    store = Store(path, StoreLimits())
    await store.open()
    assert not store.is_open
    assert "store.unusable" in caplog.text
    await store.put("k", b"v", NOW)
    assert await store.get("k") is None
    assert await store.watched() == []
    await store.aclose()
    assert path.read_bytes().startswith(b"this is no database")


async def test_a_file_of_another_format_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    store = Store(path, StoreLimits())
    await store.open()
    assert not store.is_open
    assert "format 99" in caplog.text
    await store.aclose()


async def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "s.db", StoreLimits())
    await store.open()
    assert not store.is_open
    assert "store.unusable" in caplog.text


async def test_a_locked_file_is_reported_and_the_gateway_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "s.db"
    store = Store(path, StoreLimits(), wait=0.05)
    await store.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    await store.put("k", b"v", NOW)
    assert not store.is_open
    assert "locked" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    await store.aclose()


async def test_a_full_disk_is_reported_and_the_gateway_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "s.db"
    store = Store(path, StoreLimits(), max_pages=12)
    await store.open()
    import random

    await store.put("big", random.Random(2).randbytes(200_000), NOW)
    assert not store.is_open
    assert "full" in caplog.text
    await store.aclose()
    again = Store(path, StoreLimits())
    await again.open()
    assert again.is_open
    await again.aclose()
