"""What load balancers ask: whether the process lives, and whether it may be sent traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.transports.responses import Send

_HEADERS: Final = ((b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"))


async def answer_health(send: Send, *, is_good: bool) -> None:
    """200 or 503, with a word."""
    await answer_plain(send, 200 if is_good else 503, b"ok\n" if is_good else b"not ready\n")


async def answer_readiness(send: Send, is_ready: bool, facts: Mapping[str, str]) -> None:  # noqa: FBT001
    """As `answer_health`, and below the word what a person may want to know."""
    lines = ["ok" if is_ready else "not ready", *(f"{name}: {value}" for name, value in facts.items())]
    await answer_plain(send, 200 if is_ready else 503, "".join(f"{line}\n" for line in lines).encode())


async def answer_plain(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """A short answer in plain text."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS, length, *headers]})
    await send({"type": "http.response.body", "body": body})
