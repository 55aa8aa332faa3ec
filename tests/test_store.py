"""What survives a restart, and what a bad file does."""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.model import BatchRef
from gateway.core.changes import Changes
from gateway.core.store import Store, StoreLimits

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF = BatchRef("trendyol", "shop", "b-1")


def modes(folder: Path) -> dict[str, int]:
    """What others may do with the files of a folder."""
    return {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()}


async def put(store: Store, key: str, value: bytes, at: datetime) -> None:
    changes = Changes()
    changes.keep(key, value, at)
    await store.write(changes)


async def watch(store: Store, ref: BatchRef, born: datetime) -> None:
    changes = Changes()
    changes.watch(ref, born)
    await store.write(changes)


async def unwatch(store: Store, ref: BatchRef) -> None:
    changes = Changes()
    changes.unwatch(ref)
    await store.write(changes)


async def test_results_and_watches_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.db"
    store = Store(path, StoreLimits())
    await store.open()
    await put(store, "k", b"value", NOW)
    await watch(store, REF, NOW)
    await store.aclose()
    again = Store(path, StoreLimits())
    await again.open()
    assert await again.get("k") == b"value"
    assert [(w.ref, w.born) for w in await again.watched()] == [(REF, NOW)]
    await unwatch(again, REF)
    assert await again.watched() == []
    await again.aclose()
    assert path.stat().st_mode & 0o077 == 0


async def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", StoreLimits())
    await store.open()
    await put(store, "k", b"value", NOW)
    open_to_others = modes(tmp_path)
    await store.aclose()
    assert open_to_others == {"s.db": 0, "s.db-wal": 0, "s.db-shm": 0}


async def test_old_and_many_results_make_room(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", StoreLimits(max_age=3600, max_bytes=65536))
    await store.open()
    await put(store, "old", b"x", NOW - timedelta(hours=2))
    await store.sweep(NOW)
    assert await store.get("old") is None
    for number in range(20):
        value = bytes(range(256)) * 40 + str(number).encode() * 3000
        await put(store, str(number), value, NOW + timedelta(seconds=number))
    import random

    noise = random.Random(1)
    for number in range(20):
        await put(store, f"n{number}", noise.randbytes(8000), NOW + timedelta(minutes=number))
    assert await store.get("n19") is not None
    assert await store.get("n0") is None
    await store.aclose()


async def test_small_values_are_kept_as_they_are_and_large_ones_compressed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = Store(path, StoreLimits())
    await store.open()
    values = {"none": b"", "zero": b"\0", "small": b"x" * 100, "large": b"x" * 100_000}
    for key, value in values.items():
        await put(store, key, value, NOW)
    assert {key: await store.get(key) for key in values} == values
    await store.aclose()
    with sqlite3.connect(path) as db:
        size, sizes = db.execute(
            "SELECT max(length(value)), group_concat(size - length(value)) FROM results"
        ).fetchone()
    db.close()
    assert size < 2_000
    assert set(sizes.split(",")) == {"0"}


async def test_what_an_older_version_wrote_is_read_and_what_is_damaged_is_a_miss(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = Store(path, StoreLimits())
    await store.open()
    await store.aclose()
    with sqlite3.connect(path) as db:
        rows = [("old", zlib.compress(b"value", 6), 1, 1.0), ("bad", b"\x78nonsense", 1, 1.0), ("empty", b"", 1, 1.0)]
        db.executemany("INSERT INTO results VALUES (?, ?, ?, ?)", rows)
    db.close()
    await store.open()
    assert [await store.get(key) for key in ("old", "bad", "empty")] == [b"value", None, None]
    await store.aclose()


async def test_a_write_is_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = Store(path, StoreLimits())
    await store.open()
    changes = Changes()
    for number in range(50):
        changes.keep(str(number), b"value", NOW)
        changes.watch(BatchRef("trendyol", "shop", str(number)), NOW)
    seen: set[tuple[int, int]] = set()
    other = sqlite3.connect(path, check_same_thread=False)
    query = "SELECT (SELECT count(*) FROM results), (SELECT count(*) FROM watches)"
    writing = asyncio.ensure_future(store.write(changes))
    while not writing.done():
        seen.add(await asyncio.to_thread(lambda: other.execute(query).fetchone()))
    other.close()
    assert seen <= {(0, 0), (50, 50)}
    await store.aclose()


async def test_a_file_knows_what_it_does_not_hold_once_it_has_looked(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", StoreLimits())
    assert not store.may_hold("k0")
    await store.open()
    changes = Changes()
    for number in range(2_500):
        changes.keep(f"k{number}", b"v", NOW)
    await store.write(changes)
    await store.aclose()
    again = Store(tmp_path / "s.db", StoreLimits())
    await again.open()
    assert again.may_hold("k0")
    assert again.may_hold("another")
    await again.learn()
    assert all(again.may_hold(f"k{number}") for number in range(2_500))
    assert sum(again.may_hold(f"another-{number}") for number in range(1_000)) < 10
    await put(again, "another-1", b"v", NOW)
    assert again.may_hold("another-1")
    await again.aclose()


async def test_a_result_that_is_written_again_counts_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", StoreLimits(max_bytes=65_536))
    await store.open()
    await put(store, "kept", b"x" * 1_000, NOW - timedelta(hours=1))
    for number in range(100):
        await put(store, "again", b"y" * 1_000, NOW + timedelta(seconds=number))
    assert await store.get("kept") == b"x" * 1_000
    await store.aclose()


async def test_a_watch_that_ends_and_begins_again_is_as_old_as_its_last_beginning(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", StoreLimits())
    await store.open()
    await watch(store, REF, NOW)
    changes = Changes()
    changes.watch(REF, NOW + timedelta(hours=1))
    await store.write(changes)
    assert [w.born for w in await store.watched()] == [NOW]
    changes = Changes()
    changes.unwatch(REF)
    changes.watch(REF, NOW + timedelta(hours=2))
    await store.write(changes)
    assert [w.born for w in await store.watched()] == [NOW + timedelta(hours=2)]
    changes.unwatch(REF)
    await store.write(changes)
    assert await store.watched() == []
    await store.aclose()


async def test_a_damaged_file_is_reported_and_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"this is no database" * 100)
    store = Store(path, StoreLimits())
    await store.open()
    assert not store.is_open
    assert "store.unusable" in caplog.text
    await put(store, "k", b"v", NOW)
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
    await put(store, "k", b"v", NOW)
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

    await put(store, "big", random.Random(2).randbytes(200_000), NOW)
    assert not store.is_open
    assert "full" in caplog.text
    await store.aclose()
    again = Store(path, StoreLimits())
    await again.open()
    assert again.is_open
    await again.aclose()
