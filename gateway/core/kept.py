"""States as bytes: what caches and stores hold. Data only, with a format version; an older format is refused.

Kept are the marketplace's answers, not our reading of them: a kept state is read again by the adapter, so a mended
adapter mends what was kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from adapters.base import Account, Answer
from adapters.clock import Clock
from adapters.errors import UpstreamError
from adapters.http import replay
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from gateway.core.state import State

FORMAT: Final = 1


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    format: int
    fetched_at: float
    version: str
    answers: tuple[tuple[int, bytes, dict[str, str]], ...]


def storage_key(account: Account, ref: BatchRef) -> str:
    """The key of a kept state: everything that tells it from another seller's, nothing secret.

    Lengths are part of it, so that no two different lists of parts give one key.
    """
    return f"{_start(account)}{len(ref.source)}:{ref.source}{len(ref.id)}:{ref.id}"


class StorageKeys:
    """The same keys, made faster: what all batches of an account have in common is made once."""

    __slots__ = ("_starts",)

    def __init__(self) -> None:
        self._starts: dict[str, tuple[Account, str]] = {}

    def of(self, account: Account, ref: BatchRef) -> str:
        """The key of a kept state."""
        known = self._starts.get(account.name)
        if known is None or known[0] is not account:
            known = self._starts[account.name] = account, _start(account)
        return f"{known[1]}{len(ref.source)}:{ref.source}{len(ref.id)}:{ref.id}"


def _start(account: Account) -> str:
    return f"v{FORMAT}:" + "".join(f"{len(part)}:{part}" for part in account.identity())


def pack(state: State) -> bytes:
    """The state as bytes."""
    answers = tuple((a.status, a.body, dict(a.headers)) for a in state.answers)
    return msgspec.msgpack.encode(_Envelope(FORMAT, state.fetched_at.timestamp(), state.version, answers))


def unpack(account: Account, ref: BatchRef, value: bytes, clock: Clock) -> State | None:
    """The state read again from its answers, or None where the bytes are of another format or not readable."""
    try:
        envelope = msgspec.msgpack.decode(value, type=_Envelope)
        if envelope.format != FORMAT:
            return None
        int(envelope.version, 16)
        answers = tuple(Answer(status, body, headers) for status, body, headers in envelope.answers)
        snapshot = replay(ADAPTERS[account.marketplace], account, ref, answers)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, UpstreamError):
        return None
    at = datetime.fromtimestamp(envelope.fetched_at, UTC)
    age = max(0.0, (clock.now() - at).total_seconds())
    checked = clock.monotonic() - age
    return State(ref, snapshot, answers, at, checked, envelope.version)
