"""What survives a restart on one machine: terminal results and the list of watches, in one SQLite file.

A file that is damaged, full or locked is reported and the gateway runs without it. Every write is one transaction
that is on the disk before the next begins, so losing power loses at most the last one.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import aiosqlite
from pydantic import BaseModel, ConfigDict, Field

from adapters.model import BatchRef
from gateway.core.freshness import DAY

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

    @property
    def is_open(self) -> bool:
        """False where the file cannot be used."""
        return self._db is not None

    async def open(self) -> None:
        """Open or create the file. A file that cannot be used is reported once, in words that say what to do."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = await self._connect()
        except (OSError, sqlite3.Error) as error:
            await self._give_up("open", error)

    async def _connect(self) -> aiosqlite.Connection:
        db = await aiosqlite.connect(self._path, timeout=self._wait, isolation_level=None)
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

    async def get(self, key: str) -> bytes | None:
        """The kept value, or None."""

        async def read(db: aiosqlite.Connection) -> bytes | None:
            async with db.execute("SELECT value FROM results WHERE key = ?", (key,)) as cursor:
                row = await cursor.fetchone()
            return await asyncio.to_thread(zlib.decompress, row[0]) if row is not None else None

        try:
            return await self._use("read", read)
        except zlib.error:
            return None

    async def put(self, key: str, value: bytes, at: datetime) -> None:
        """Keep the value; the oldest make room."""
        packed = await asyncio.to_thread(zlib.compress, value, 6)

        async def write(db: aiosqlite.Connection) -> None:
            old = await _scalar(db, "SELECT size FROM results WHERE key = ?", key)
            await db.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", (key, packed, len(packed), at.timestamp())
            )
            self._bytes += len(packed) - old
            if self._bytes > self._limits.max_bytes:
                await self._make_room(db)

        await self._use("write", write)

    async def _make_room(self, db: aiosqlite.Connection) -> None:
        async with db.execute("SELECT key, size FROM results ORDER BY kept") as cursor:
            async for key, size in cursor:
                if self._bytes <= self._limits.max_bytes * 0.9:
                    break
                await db.execute("DELETE FROM results WHERE key = ?", (key,))
                self._bytes -= size

    async def sweep(self, now: datetime) -> None:
        """Forget results older than the set age."""

        async def delete(db: aiosqlite.Connection) -> None:
            await db.execute("DELETE FROM results WHERE kept < ?", (now.timestamp() - self._limits.max_age,))
            self._bytes = await _scalar(db, "SELECT coalesce(sum(size), 0) FROM results")

        await self._use("sweep", delete)

    async def watch(self, ref: BatchRef, born: datetime) -> None:
        """Note that a batch is being watched."""

        async def write(db: aiosqlite.Connection) -> None:
            await db.execute(
                "INSERT OR IGNORE INTO watches (source, account, id, born) VALUES (?, ?, ?, ?)",
                (ref.source, ref.account, ref.id, born.timestamp()),
            )

        await self._use("write", write)

    async def unwatch(self, ref: BatchRef) -> None:
        """Note that it no longer is."""

        async def write(db: aiosqlite.Connection) -> None:
            await db.execute("DELETE FROM watches WHERE source = ? AND account = ? AND id = ?", tuple(ref))

        await self._use("write", write)

    async def watched(self) -> list[Watched]:
        """What was being watched, oldest first."""

        async def read(db: aiosqlite.Connection) -> list[Watched]:
            async with db.execute("SELECT source, account, id, born FROM watches ORDER BY born") as cursor:
                return [
                    Watched(BatchRef(source, account, batch_id), datetime.fromtimestamp(born, UTC))
                    async for source, account, batch_id, born in cursor
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


async def _scalar(db: aiosqlite.Connection, query: str, *parameters: Any) -> int:
    async with db.execute(query, parameters) as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0
