"""Bodies that were written already."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_MOST_BYTES: Final = 128 * 1024 * 1024
_OVERHEAD: Final = 500
"""Bytes that an entry costs beside its body."""


class Shelf:
    """Keeps bodies, a bounded number of bytes: those used longest ago are dropped."""

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._most = most
        self._bytes = 0

    def get(self, key: Hashable) -> bytes | None:
        """The body of this key, if it is still there."""
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    def put(self, key: Hashable, body: bytes) -> bytes:
        """Keep a body that is not there, and return it."""
        self._bodies[key] = body
        self._bytes += len(body) + _OVERHEAD
        while self._bytes > self._most:
            self._bytes -= len(self._bodies.popitem(last=False)[1]) + _OVERHEAD
        return body

    def clear(self) -> None:
        """Drop all."""
        self._bodies.clear()
        self._bytes = 0
