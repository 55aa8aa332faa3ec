"""Who asks: what a request shows of itself, and what is made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from gateway.engine.request import error_of


class Credentials(msgspec.Struct, frozen=True, gc=False):
    """What a client shows: headers (lower-case names), query string, and over WebSocket `connection_init`'s payload."""

    headers: Mapping[bytes, bytes]
    query_string: bytes = b""
    payload: Mapping[str, Any] | None = None
    peer: str | None = None
    """The address that the connection comes from."""


class Client(Protocol):
    """Somebody who was let in."""

    @property
    def name(self) -> str:
        """Whose share of the ceilings is used."""
        ...

    @property
    def expires_at(self) -> float | None:
        """Unix time from which the client's streams end; None where they need not."""
        ...


@dataclass(frozen=True, slots=True)
class Anonymous:
    """The client of a gateway that asks nobody who they are."""

    name: str = "anonymous"
    expires_at: float | None = None


class Unauthorized(Exception):  # it is the client's state, and the word of every protocol for it
    """The client is not let in. Over HTTP it is told `status`, over WebSocket the socket is closed with `close_code`.

    4403 is a code after which the usual clients try again with fresh credentials.
    """

    def __init__(
        self,
        message: str = "Show a valid token.",
        *,
        code: str = "UNAUTHENTICATED",
        status: int = 401,
        close_code: int = 4403,
        challenge: str = "Bearer",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.close_code = close_code
        self.challenge = challenge
        """For `WWW-Authenticate`, which a 401 needs."""
        self.retry_after = retry_after
        """Seconds."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the answer over HTTP says besides."""
        if self.status == 401:
            return ((b"www-authenticate", self.challenge.encode()),)
        return () if self.retry_after is None else ((b"retry-after", b"%d" % self.retry_after),)


Authenticate = Callable[[Credentials], Awaitable[Client]]
"""Raises `Unauthorized`."""

TOO_FAST = error_of("RATE_LIMITED", "You start operations faster than you may: wait a second.", retryAfter=1)
OVERLOADED = error_of("OVERLOADED", "The gateway answers as many queries as it can: try again.")
TOO_MANY = error_of("TOO_MANY_REQUESTS", "As many of your queries wait for an answer as may: try again.", retryAfter=1)
Admit = Callable[[str], Awaitable[bool]]
"""Whether the client of that name may start one more operation now."""

_ANONYMOUS = Anonymous()


async def anyone(credentials: Credentials) -> Client:  # noqa: ARG001  # the signature of `Authenticate`
    """Let everybody in, without asking."""
    return _ANONYMOUS
