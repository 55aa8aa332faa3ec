"""The keeper that replicas share: states go to the server, and what another replica has read comes from there."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from msgspec.structs import replace

from adapters.base import Account
from adapters.clock import Clock
from adapters.model import BatchRef
from gateway.core.cluster.believing import CONFIRM, PEEK, PUT, RANKS, RESTORE
from gateway.core.cluster.heads import LENGTH, Head, number, rank, read_head
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.server import ServerAway
from gateway.core.kept import pack, unpack
from gateway.core.state import State
from gateway.core.states import weight

_MOST_OWED: Final = 10_000
"""States read while the server was lost that are still given to it afterwards, the newest …"""
_MOST_BYTES_OWED: Final = 128 * 1024 * 1024
"""… and what they take at most in memory, about."""
_AT_ONCE: Final = 20
_LOOKED_UP: Final = 100
"""States in one call to the server."""

Fence = Callable[[BatchRef], int | None]
"""The fencing token under which this replica asks for a batch, where it does."""


class SharedKeeper:
    """A `Keeper` on the server. While that is lost, states are owed to it."""

    is_shared = True

    def __init__(
        self, link: Link, keys: Keys, clock: Clock, fence: Fence, message: Callable[[BatchRef], bytes]
    ) -> None:
        self._link = link
        self._keys = keys
        self._clock = clock
        self._fence = fence
        self._message = message
        self._owed: OrderedDict[BatchRef, tuple[Account, State, float]] = OrderedDict()
        self._owed_bytes = 0

    def may_hold(self, key: str) -> bool:  # noqa: ARG002 - others write
        """Return True: another replica may have read any batch."""
        return True

    async def get(self, account: Account, ref: BatchRef) -> State | None:
        """The shared state, read again, or None: also where the server cannot be asked."""
        try:
            value = await self._link.get(self._keys.state(account, ref))
        except ServerAway:
            return None
        return self._read(account, ref, value) if value is not None else None

    async def newer(self, account: Account, state: State) -> State | None:
        """What other replicas have read or confirmed since `state`."""
        try:
            value = await self._link.run(PEEK, [self._keys.state(account, state.ref)], state.version)
        except ServerAway:
            return None
        if value is None or (head := read_head(value)) is None:
            return None
        if head.version != state.version:
            return self._read(account, state.ref, value)
        checked = self._link.from_server(head.read)
        if checked <= state.checked:
            return None
        return replace(state, checked=checked, fetched_at=_date(head))

    async def put(self, account: Account, state: State, lifetime: float) -> State:
        """Give a state to all; the one to believe comes back."""
        try:
            keys = [self._keys.state(account, state.ref), self._keys.news]
            good, told = await self._link.run(PUT, keys, *self._put(state, lifetime))
        except ServerAway:
            self._owe(account, state, lifetime)
            return state
        self._paid(state)
        if good:
            return replace(state, version=told.decode())
        return self._read(account, state.ref, told) or state

    async def confirm(self, account: Account, state: State, lifetime: float) -> State:
        """Tell that a state was read again; the one to believe comes back."""
        values = (state.version, number(self._link.to_server(state.checked, is_late=True)), self._token(state.ref))
        try:
            answer = await self._link.run(
                CONFIRM, [self._keys.state(account, state.ref)], *values, int(lifetime * 1000)
            )
        except ServerAway:
            return state
        if answer[0] == 2:
            return await self.put(account, state, lifetime)
        return state if answer[0] == 1 else self._read(account, state.ref, answer[1]) or state

    async def dropped(self, account: Account, state: State, lifetime: float) -> None:
        """Nothing: the server has it, or is owed it."""

    async def settle(self) -> None:
        """Give the server what it is owed, a few states at a time."""
        before = len(self._owed) + 1
        while self._link.is_up and 0 < len(self._owed) < before:
            before = len(self._owed)
            await asyncio.gather(*(self.put(*one) for one in list(islice(self._owed.values(), _AT_ONCE))))

    async def restore(self, kept: Sequence[tuple[Account, State, float]]) -> None:
        """Give the server again what it has forgotten of these, of which it was given all. Raises `ServerAway`."""
        for start in range(0, len(kept), _LOOKED_UP):
            some = kept[start : start + _LOOKED_UP]
            keys = [self._keys.state(account, state.ref) for account, state, _ in some]
            ranks = await self._link.run(RANKS, keys, len(keys))
            for key, known, one in zip(keys, ranks, some, strict=True):
                if not known:
                    _, state, lifetime = one
                    await self._link.run(RESTORE, [key], self._head(state) + pack(state), int(lifetime * 1000))
                elif int(known) < rank(one[1].snapshot):
                    await self.put(*one)

    def owes(self, ref: BatchRef) -> bool:
        """True where the newest state of a batch has not reached the server yet."""
        return ref in self._owed

    async def aclose(self) -> None:
        """Nothing: the link is closed by whoever opened it."""

    def _owe(self, account: Account, state: State, lifetime: float) -> None:
        self._forgive(state.ref)
        self._owed[state.ref] = (account, state, lifetime)
        self._owed_bytes += weight(state)
        while len(self._owed) > 1 and (len(self._owed) > _MOST_OWED or self._owed_bytes > _MOST_BYTES_OWED):
            self._forgive(next(iter(self._owed)))

    def _forgive(self, ref: BatchRef) -> None:
        owed = self._owed.pop(ref, None)
        if owed is not None:
            self._owed_bytes -= weight(owed[1])

    def _paid(self, state: State) -> None:
        owed = self._owed.get(state.ref)
        if owed is not None and owed[1].checked <= state.checked:
            self._forgive(state.ref)

    def _put(self, state: State, lifetime: float) -> tuple[Any, ...]:
        asked = state.asked if state.asked is not None else state.checked
        return (
            rank(state.snapshot),
            state.version,
            state.follows,
            number(self._link.to_server(asked, is_late=False)),
            number(self._link.to_server(state.checked, is_late=True)),
            self._token(state.ref),
            int(lifetime * 1000),
            pack(state),
            self._message(state.ref),
        )

    def _head(self, state: State) -> bytes:
        read = self._link.to_server(state.checked, is_late=True)
        return f"{rank(state.snapshot)}{state.version}{number(read)}{number(0)}".encode()

    def _token(self, ref: BatchRef) -> str:
        fence = self._fence(ref)
        return number(fence) if fence is not None else ""

    def _read(self, account: Account, ref: BatchRef, value: bytes) -> State | None:
        head = read_head(value)
        state = unpack(account, ref, value[LENGTH:], self._clock) if head is not None else None
        if head is None or state is None:
            return None
        return replace(state, version=head.version, checked=self._link.from_server(head.read), fetched_at=_date(head))


def _date(head: Head) -> datetime:
    return datetime.fromtimestamp(head.read / 1000, UTC)
