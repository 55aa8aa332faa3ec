"""An answer as it comes in: status, headers, and a body that is at hand or still on its way."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import msgspec


class Incoming(msgspec.Struct, frozen=True, eq=False):
    """An answer whose head has come."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    """As they were sent, names in any case."""
    body: bytes | httpx.AsyncByteStream
    """Bytes where all of it had come with the head, else a stream that must be closed. Packed as it was sent."""
