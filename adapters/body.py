"""Reading an answer's body, counted while it comes in: neither a long one nor a compressed bomb is ever held."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

ACCEPTED: Final = "gzip"
"""What we ask for, and all that we unpack. (`x-gzip` is its old name.)"""
_STEP: Final = 256 * 1024
"""Bytes that are unpacked at a time before others get their turn."""
_MEMBERS: Final = 64
"""Pieces that one answer may be packed in: servers send one, proxies a few."""
_GZIP: Final = zlib.MAX_WBITS | 16


class UnreadableBody(Exception):
    """The body cannot be taken; the text says why, in the words of a sentence that goes on from "the answer"."""


async def read_body(chunks: AsyncIterable[bytes], encoding: str, declared: str | None, most: int) -> bytes:
    """The whole body, unpacked, at most `most` bytes. Raises `UnreadableBody`.

    `encoding` and `declared` are the answer's Content-Encoding and Content-Length.
    """
    if declared is not None and declared.isascii() and declared.isdigit() and int(declared[:20]) > most:
        raise _too_long(most)
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return await _plain(chunks, most)
    if coding in ("gzip", "x-gzip"):
        return await _unpacked(chunks, most)
    raise UnreadableBody("is packed in a way that was not asked for")


async def whole_body(body: bytes, encoding: str, most: int) -> bytes:
    """The same of a body that is at hand."""
    return await read_body(_at_once(body), encoding, None, most)


def bounded(body: bytes, most: int) -> bytes:
    """A body that is at hand and not packed. Raises `UnreadableBody` where it is too long."""
    if len(body) > most:
        raise _too_long(most)
    return body


async def _at_once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _plain(chunks: AsyncIterable[bytes], most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _too_long(most)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _unpacked(chunks: AsyncIterable[bytes], most: int) -> bytes:
    gzip = _Gzip(most)
    taken = 0
    async for chunk in chunks:
        taken += len(chunk)
        if taken > most:
            raise _too_long(most)
        gzip.feed(chunk)
        while gzip.step():  # noqa: ASYNC110 - there is nothing to wait for: others get their turn
            await asyncio.sleep(0)
    return gzip.finish()


class _Gzip:
    """Unpacks step by step. Members may follow one another (RFC 1952, 2.2)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._parts: list[bytes] = []
        self._waiting = b""
        self._inflater = zlib.decompressobj(_GZIP)
        self._members = 1

    def feed(self, chunk: bytes) -> None:
        self._waiting += chunk

    def step(self) -> bool:
        """Unpack up to one step; False when there is nothing left to do for now."""
        if not self._waiting:
            return False
        if self._inflater.eof:
            self._next_member()
        try:
            part = self._inflater.decompress(self._waiting, _STEP)
        except zlib.error:
            raise UnreadableBody("is not the gzip that it says it is") from None
        self._waiting = self._inflater.unconsumed_tail or self._inflater.unused_data
        self._size += len(part)
        if self._size > self._most:
            raise _too_long(self._most)
        self._parts.append(part)
        return bool(self._waiting)

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MEMBERS:
            raise UnreadableBody("is packed in more pieces than an answer has")
        self._inflater = zlib.decompressobj(_GZIP)

    def finish(self) -> bytes:
        if self._parts and not self._inflater.eof:
            raise UnreadableBody("was cut off")
        return b"".join(self._parts)


def _too_long(most: int) -> UnreadableBody:
    return UnreadableBody(f"is longer than {most:,} bytes (upstream.max_body)")
