"""Signs of life of many sockets, with one timer for all of them."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

_INTERVAL: Final = 20
"""Seconds between two pings to a socket, and the time that it has for a sign of life."""


class Beating(Protocol):
    """A socket that is asked for signs of life."""

    turn: int
    """`Pulse`'s own."""

    def ask_for_life(self) -> None:
        """Called every `_INTERVAL` seconds."""
        ...


class Pulse:
    """Asks a part of the sockets each second, so that each has its turn in the interval."""

    def __init__(self) -> None:
        self._turns: list[set[Beating]] = [set() for _ in range(_INTERVAL)]
        self._next = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: Beating) -> None:
        """Ask this one, too."""
        socket.turn = self._next
        self._next = (self._next + 1) % _INTERVAL
        self._turns[socket.turn].add(socket)
        self._count += 1
        if self._timer is None:
            self._wait(0)

    def remove(self, socket: Beating) -> None:
        """Don't ask it any more; nothing happens where it is not asked."""
        if socket.turn >= 0:
            self._turns[socket.turn].discard(socket)
            self._count -= 1
            socket.turn = -1

    def _wait(self, turn: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(1.0, self._ask, turn)

    def _ask(self, turn: int) -> None:
        for socket in list(self._turns[turn]):
            socket.ask_for_life()
        if self._count:
            self._wait((turn + 1) % _INTERVAL)
        else:
            self._timer = None
