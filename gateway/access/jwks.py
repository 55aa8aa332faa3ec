"""The keys of an issuer of tokens: from its address or a file, read again when they age or a new one turns up.

A token with a key id that nobody knows would make anybody able to have the issuer asked: it is asked no more often than
every `COOLDOWN` seconds, whatever is sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import httpx
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from adapters.clock import Clock

_log: Final = logging.getLogger(__name__)

LIFETIME: Final = 300.0
"""Seconds after which keys are read again."""
COOLDOWN: Final = 30.0
LONGEST_TRUST: Final = 86_400.0
"""Seconds for which keys are used that could not be read again."""
_LARGEST: Final = 256 * 1024
_WAIT: Final = 5.0
_PUBLIC: Final = frozenset(("RSA", "EC", "OKP"))

Load = Callable[[], Awaitable[bytes]]
"""Raises `OSError`, `ValueError` or an `httpx.HTTPError`."""


class KeysUnavailable(Exception):
    """No keys could be read, or none for too long."""


class Keys:
    """Public keys by their ids."""

    def __init__(self, load: Load, clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._keys: Sequence[PyJWK] | None = None
        self._read_at = 0.0
        self._tried_at: float | None = None
        self._reading = asyncio.Lock()
        self._behind: asyncio.Task[None] | None = None
        self.generation = 0
        """Changes whenever keys were read."""

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key of that id; without an id the only key there is. Raises `KeysUnavailable`."""
        self.refresh_behind()
        found = self._match(key_id)
        if found is None:
            await self._read()
            found = self._match(key_id)
        if not self.are_trusted:
            raise KeysUnavailable
        return found

    @property
    def are_trusted(self) -> bool:
        """False where none could be read yet, or again for too long."""
        return self._keys is not None and self._age() <= LONGEST_TRUST

    def _age(self) -> float:
        return self._clock.monotonic() - self._read_at

    def _match(self, key_id: str | None) -> PyJWK | None:
        keys = self._keys or ()
        if key_id is None:
            return keys[0] if len(keys) == 1 else None
        return next((key for key in keys if key.key_id == key_id), None)

    def refresh_behind(self) -> None:
        """Have keys that have aged read again, and wait for nothing."""
        is_idle = self._behind is None or self._behind.done()
        if self._keys is not None and self._age() > LIFETIME and self._may_read() and is_idle:
            self._behind = asyncio.ensure_future(self._read())

    def _may_read(self) -> bool:
        return self._tried_at is None or self._clock.monotonic() - self._tried_at >= COOLDOWN

    async def _read(self) -> None:
        async with self._reading:
            if not self._may_read():
                return
            self._tried_at = self._clock.monotonic()
            try:
                async with asyncio.timeout(_WAIT):
                    keys = _usable(await self._load())
            except (OSError, ValueError, TypeError, TimeoutError, RecursionError, PyJWTError, httpx.HTTPError) as error:
                _log.warning("auth.keys_unreadable: %s", type(error).__name__)
                return
            self._keys, self._read_at = keys, self._clock.monotonic()
            self.generation += 1

    async def aclose(self) -> None:
        """Stop reading."""
        if self._behind is not None:
            self._behind.cancel()
            await asyncio.gather(self._behind, return_exceptions=True)


def _usable(body: bytes) -> list[PyJWK]:
    given = json.loads(body)
    if not isinstance(given, dict):
        raise TypeError("no key set")
    keys = PyJWKSet.from_dict(cast("dict[str, Any]", given)).keys
    found = [key for key in keys if key.key_type in _PUBLIC and key.public_key_use in {"sig", None}]
    if not found:
        raise ValueError("no key to check signatures with")
    return found


def loader(place: str, client: httpx.AsyncClient) -> Load:
    """How keys are read: from an address, from a file, or out of the setting itself."""
    if place.lstrip().startswith("{"):
        return lambda: _given(place)
    if place.startswith(("https://", "http://")):
        return lambda: _fetch(place, client)
    return lambda: asyncio.to_thread(_read_file, Path(place).expanduser())


async def _given(text: str) -> bytes:
    return text.encode()


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file.read(_LARGEST + 1))


async def _fetch(address: str, client: httpx.AsyncClient) -> bytes:
    body = b""
    async with client.stream("GET", address, headers={"accept": "application/json"}) as answer:
        answer.raise_for_status()
        if answer.is_redirect:
            raise ValueError("keys are read where they are said to be")
        async for chunk in answer.aiter_bytes():
            body = _bounded(body + chunk)
    return body


def _bounded(body: bytes) -> bytes:
    if len(body) > _LARGEST:
        raise ValueError("too large for a key set")
    return body
