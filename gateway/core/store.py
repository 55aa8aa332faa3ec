"""What survives a restart on one machine: terminal results and the list of watches, in one SQLite file.

A file that is damaged, full or locked is reported and the gateway runs without it. Every write is one transaction
that is on the disk before the next begins, so losing power loses at most the last one.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import aiosqlite
from pydantic import BaseModel, ConfigDict, Field

from adapters.model import BatchRef
from gateway.core.changes import Changes, Result
from gateway.core.freshness import DAY
from gateway.core.sieve import Sieve

log = logging.getLogger(__name__)
T = TypeVar("T")

FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL, kept REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS results_by_age ON results (kept);
CREATE TABLE IF NOT EXISTS watches (
    source TEXT, account TEXT, id TEXT, born REAL NOT NULL, PRIMARY KEY (source, account, id)
) WITHOUT ROWID;
"""
_PLAIN: Final = b"\0"
"""In front of a value that is not compressed. No zlib stream begins so."""
_WORTH_COMPRESSING: Final = 2_048
"""Bytes. Below, compressing costs more than all the rest of a write."""
_LEARNED_AT_ONCE: Final = 1_000


class StoreLimits(BaseModel):
    """`[store]`: the file that survives a restart, and how much it may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str | None = Field(default=None, description='The file; "off" for none; default: in the user\'s data folder')
    max_age: float = Field(default=30 * DAY, gt=0, description="Seconds that a result is kept")
    max_bytes: int = Field(default=512 * 1024 * 1024, ge=65536, description="Bytes of results kept, oldest out first")


class Watched(NamedTuple):
    """A batch that was being watched, and since when."""

    ref: BatchRef
    born: datetime


class Store:
    """The file, or nothing where it cannot be used: then every read is a miss and every write is forgotten."""

    def __init__(self, path: Path, limits: StoreLimits, *, wait: float = 2.0, max_pages: int | None = None) -> None:
        """`wait`: seconds for another process to let go of the file. `max_pages`: SQLite's own bound on its size."""
        self._path = path
        self._limits = limits
        self._wait = wait
        self._max_pages = max_pages
        self._db: aiosqlite.Connection | None = None
        self._lock = asyncio.Lock()
        self._bytes = 0
        self._keys = Sieve()
        self._knows_keys = False

    @property
    def is_open(self) -> bool:
        """False where the file cannot be used."""
        return self._db is not None

    async def open(self) -> None:
        """Open or create the file. A file that cannot be used is reported once, in words that say what to do."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)  # SQLite gives the files beside it the same mode
            self._db = await self._connect()
        except (OSError, sqlite3.Error) as error:
            await self._give_up("open", error)

    async def _connect(self) -> aiosqlite.Connection:
        db = await aiosqlite.connect(self._path, timeout=self._wait)
        try:
            version = await _scalar(db, "PRAGMA user_version")
            if version not in (0, FORMAT):
                raise sqlite3.DatabaseError(f"format {version}, expected {FORMAT}")  # noqa: TRY301
            await db.execute("PRAGMA journal_mode=WAL")
            await db.execute("PRAGMA synchronous=FULL")
            if self._max_pages is not None:
                await db.execute(f"PRAGMA max_page_count={self._max_pages}")
            await db.executescript(_SCHEMA)
            await db.execute(f"PRAGMA user_version={FORMAT}")
            self._path.chmod(0o600)
            self._bytes = await _scalar(db, "SELECT coalesce(sum(size), 0) FROM results")
        except BaseException:
            await db.close()
            raise
        return db

    async def learn(self) -> None:
        """Learn which results are in the file; from then on others are not looked for in it."""

        async def read(db: aiosqlite.Connection) -> list[str]:
            query = "SELECT key FROM results WHERE key > ? ORDER BY key LIMIT ?"
            return [key for (key,) in await db.execute_fetchall(query, (last, _LEARNED_AT_ONCE))]

        last = ""
        while (keys := await self._use("read", read)) is not None:
            self._keys.admit(keys)
            if len(keys) < _LEARNED_AT_ONCE:
                self._knows_keys = True
                return
            last = keys[-1]

    def may_hold(self, key: str) -> bool:
        """False where the file holds no such result, unless another process has written it."""
        return self._db is not None and (not self._knows_keys or key in self._keys)

    async def get(self, key: str) -> bytes | None:
        """The kept value, or None."""

        async def read(db: aiosqlite.Connection) -> bytes | None:
            rows = list(await db.execute_fetchall("SELECT value FROM results WHERE key = ?", (key,)))
            return rows[0][0] if rows else None

        packed = await self._use("read", read)
        if packed is None or packed.startswith(_PLAIN):
            return packed and packed[1:]
        try:
            return await asyncio.to_thread(zlib.decompress, packed)
        except zlib.error:
            return None

    async def write(self, changes: Changes) -> None:
        """Write it all, in one transaction; the oldest results make room."""

        async def write(db: aiosqlite.Connection) -> None:
            replaced = await self._size(db, self._keys.admit(changes.results))
            sizes: list[int] = []
            if changes.results:
                await db.executemany(
                    "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", _rows(changes.results, sizes)
                )
            if changes.ended:
                ended = [tuple(ref) for ref in changes.ended]
                await db.executemany("DELETE FROM watches WHERE source = ? AND account = ? AND id = ?", ended)
            if changes.begun:
                begun = [(*ref, born.timestamp()) for ref, born in changes.begun.items()]
                await db.executemany(
                    "INSERT OR IGNORE INTO watches (source, account, id, born) VALUES (?, ?, ?, ?)", begun
                )
            self._bytes += sum(sizes) - replaced
            if self._bytes > self._limits.max_bytes:
                await self._make_room(db)
            await db.commit()

        await self._use("write", write)

    async def _size(self, db: aiosqlite.Connection, keys: list[str]) -> int:
        return sum([await _scalar(db, "SELECT size FROM results WHERE key = ?", key) for key in keys])

    async def _make_room(self, db: aiosqlite.Connection) -> None:
        self._bytes = await _scalar(db, "SELECT coalesce(sum(size), 0) FROM results")
        doomed: list[tuple[str]] = []
        async with db.execute("SELECT key, size FROM results ORDER BY kept") as cursor:
            async for key, size in cursor:
                if self._bytes <= self._limits.max_bytes * 0.9:
                    break
                doomed.append((key,))
                self._bytes -= size
        await db.executemany("DELETE FROM results WHERE key = ?", doomed)

    async def sweep(self, now: datetime) -> None:
        """Forget results older than the set age."""

        async def delete(db: aiosqlite.Connection) -> None:
            await db.execute("DELETE FROM results WHERE kept < ?", (now.timestamp() - self._limits.max_age,))
            await db.commit()
            self._bytes = await _scalar(db, "SELECT coalesce(sum(size), 0) FROM results")

        await self._use("sweep", delete)

    async def watched(self) -> list[Watched]:
        """What was being watched, oldest first."""

        async def read(db: aiosqlite.Connection) -> list[Watched]:
            rows = await db.execute_fetchall("SELECT source, account, id, born FROM watches ORDER BY born")
            return [
                Watched(BatchRef(source, account, batch_id), datetime.fromtimestamp(born, UTC))
                for source, account, batch_id, born in rows
            ]

        return await self._use("read", read) or []

    async def aclose(self) -> None:
        """Close the file; everything written is on the disk."""
        async with self._lock:
            db, self._db = self._db, None
            if db is not None:
                await db.close()

    async def _use(self, what: str, work: Callable[[aiosqlite.Connection], Awaitable[T]]) -> T | None:
        async with self._lock:
            if self._db is None:
                return None
            try:
                return await work(self._db)
            except (sqlite3.Error, OSError) as error:
                await self._give_up(what, error)
                return None

    async def _give_up(self, what: str, error: Exception) -> None:
        db, self._db = self._db, None
        log.error(
            "store.unusable path=%s during=%s error=%s: results and watches will not survive a restart until the file "
            "is mended, moved away or given room",
            self._path,
            what,
            error,
        )
        if db is not None:
            try:
                await db.close()
            except (sqlite3.Error, OSError):
                log.debug("store.close_failed path=%s", self._path)


def _rows(results: Mapping[str, Result], sizes: list[int]) -> Iterator[tuple[str, bytes, int, float]]:
    """Rows to be written, made one by one where they are written: beside the event loop."""
    for key, result in results.items():
        value = result.value
        packed = zlib.compress(value, 1) if len(value) >= _WORTH_COMPRESSING else _PLAIN + value
        sizes.append(len(packed))
        yield key, packed, len(packed), result.at.timestamp()


async def _scalar(db: aiosqlite.Connection, query: str, *parameters: Any) -> int:
    row = next(iter(await db.execute_fetchall(query, parameters)), None)
    return int(row[0]) if row is not None else 0
