"""The server as the cluster uses it: scripts that are atomic and take the time from the server, a value, a channel."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

Value = str | bytes | int | float

TIME: Final = """
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
"""
"""Milliseconds on the server's clock. Tests put a clock of their own in its place."""


class ServerAway(Exception):
    """The server did not answer, or not as a server should. The text says how, without secrets."""


class ServerRefuses(ServerAway):
    """The server has answered, and does not do it: it lacks a right or room, or takes no writes."""


@dataclass(frozen=True, slots=True)
class Script:
    """A piece of Lua; `now()` is at hand in it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1((TIME + self.text).encode(), usedforsecurity=False).hexdigest()  # as EVALSHA names it
        object.__setattr__(self, "digest", digest)


class Server(Protocol):
    """What is asked of Redis or Valkey. Everything may raise `ServerAway`."""

    database: int
    """Its number: whoever shares the server's channels may be in another."""

    async def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        """What the script returns."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The value of a key."""
        ...

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell all who listen."""
        ...

    def listen(self, channel: str) -> AsyncGenerator[bytes | None]:
        """What is told from now on; the first is None, once it is heard. Ends in `ServerAway`."""
        ...

    async def renew(self) -> None:
        """Begin with new connections: those that stand may be of a server that is no more. Raises nothing."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
