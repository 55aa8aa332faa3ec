"""Answers that are shared: encoded once, sent again while asking again would show the very same.

An answer belongs to an operation with its variables and to what a client may see. It is sent again only where every
reading that went into it is still the one that the same question would be shown, fresh by the same rules and at once.
Answers with errors, with states that are not fresh, or with anything but readings of batches are never shared.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, NamedTuple

from gateway.compiled.makings import Makings
from gateway.compiled.notes import Notes, Shown, noting, token_of
from gateway.core.batches import Batches
from gateway.engine.operation import Operation, Prepared
from schema.context import Context

Asked = tuple[Operation, bytes]
"""What `Prepared.identity` says."""
_Key = tuple[Operation, bytes, Hashable]
Make = Callable[[Prepared, Any], "bytes | Awaitable[bytes]"]

_ENTRY: Final = 800
"""Bytes of records around an answer."""
_READING: Final = 250
"""Bytes of the note of one reading."""
_ASKED: Final = 20_000
"""Questions that are remembered as asked once."""


class _Answer(NamedTuple):
    encoded: bytes
    shown: tuple[Shown, ...]


class SharedAnswers:
    """Keeps answers within `max_bytes`, least recently used out first.

    `share` says what a context may see: contexts that give equal values may be sent the same answer. An answer is kept
    when the same is asked for a second time, `at_once` for the first: most of what is asked once is never asked again.
    """

    def __init__(
        self, share: Callable[[Any], Hashable], max_bytes: int = 64 * 1024 * 1024, *, at_once: bool = False
    ) -> None:
        self._share = share
        self._max_bytes = max_bytes
        self._at_once = at_once
        self._asked: set[int] = set()
        self._makings = Makings()
        self._kept: OrderedDict[_Key, _Answer] = OrderedDict()
        self._operations: Counter[Operation] = Counter()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def run(self, prepared: Prepared, context: Context, make: Make) -> bytes | Awaitable[bytes]:
        """The answer that is kept, or what `make` answers."""
        asked = prepared.identity()
        key = (*asked, self._share(context))
        if key in self._kept and (found := self.at_hand(asked, context)) is not None:
            return found
        if (made_elsewhere := self._makings.of(key)) is not None:
            return self._join(made_elsewhere, asked, prepared, context, make)
        return self._make(key, prepared, context, make)

    async def _join(
        self, made_elsewhere: asyncio.Event, asked: Asked, prepared: Prepared, context: Context, make: Make
    ) -> bytes:
        await made_elsewhere.wait()
        if (found := self.at_hand(asked, context)) is not None:
            return found
        made = self._make((*asked, self._share(context)), prepared, context, make)
        return made if isinstance(made, bytes) else await made

    def _make(self, key: _Key, prepared: Prepared, context: Context, make: Make) -> bytes | Awaitable[bytes]:
        self._drop(key)
        self.misses += 1
        if not self._is_wanted(key):
            return make(prepared, context)
        notes = Notes()
        made = make(prepared, noting(context, notes))
        if isinstance(made, bytes):
            return self._keep(key, notes, made, context.batches)
        return self._makings.lead(key, notes, made, lambda made: self._keep(key, notes, made, context.batches))

    def at_hand(self, asked: Asked, context: Context) -> bytes | None:
        """The answer that is kept, where it may be sent."""
        key = (*asked, self._share(context))
        kept = self._kept.get(key)
        if kept is None or not _is_current(kept, context.batches):
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        return kept.encoded

    def holds(self, asked: Asked, context: Context) -> bool:
        """True where an answer is kept, whether it may be sent now or not."""
        return (*asked, self._share(context)) in self._kept

    def _keep(self, key: _Key, notes: Notes, encoded: bytes, batches: Batches) -> bytes:
        answer = _Answer(encoded, tuple(notes.shown if len(notes.shown) == 1 else dict.fromkeys(notes.shown)))
        # an answer is an object, `{"data":{…}}`; one with errors ends with their list, `{"data":…,"errors":[…]}`
        is_good = notes.is_shareable and answer.shown and encoded.endswith(b"}}")
        if is_good and self._has_room(key, answer) and _may_last(answer, batches):
            self._drop(key)
            self._kept[key] = answer
            self._operations[key[0]] += 1
            self.bytes += _weight(key, answer) + (key[0].weight if self._operations[key[0]] == 1 else 0)
            while self.bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))
        return encoded

    def _is_wanted(self, key: _Key) -> bool:
        # two keys of one hash do no harm: an answer is kept that was asked for once only
        mark = hash(key)
        if self._at_once or mark in self._asked:
            return True
        if len(self._asked) >= _ASKED:
            self._asked.clear()
        self._asked.add(mark)
        return False

    def _has_room(self, key: _Key, answer: _Answer) -> bool:
        """False for an answer that would cost many others their place."""
        weight = _weight(key, answer)
        return weight * 4 <= self._max_bytes and weight + key[0].weight <= self._max_bytes

    def _drop(self, key: _Key) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is None:
            return
        self.bytes -= _weight(key, dropped)
        self._operations[key[0]] -= 1
        if not self._operations[key[0]]:
            del self._operations[key[0]]
            self.bytes -= key[0].weight


def _is_current(answer: _Answer, batches: Batches) -> bool:
    return all(shown.is_current(batches) for shown in answer.shown)


def _may_last(answer: _Answer, batches: Batches) -> bool:
    """False where it is over already: the next question would find that out, and nobody asks for batches here."""
    for ref, max_age, token, fetched_at in answer.shown:
        state = batches.at_hand(ref)
        if max_age == 0 or state is None or state.fetched_at != fetched_at or token_of(state.snapshot) is not token:
            return False
    return True


def _weight(key: _Key, answer: _Answer) -> int:
    return _ENTRY + len(key[1]) + len(answer.encoded) + _READING * len(answer.shown)
