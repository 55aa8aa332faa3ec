"""Members of lists that last, encoded once: an answer that shows them again is put together of what is there.

A column holds the members of one owner as one place of an operation shows them, by their index. It goes with its owner,
or when there is no more room for it.
"""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any, Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode

PIECES: Final = 64 * 1024 * 1024
"""Bytes of encoded members."""

_COLUMN: Final = 1_000
"""Bytes of records around a column."""
_MEMBER: Final = 45
"""Bytes around a member."""
_PLACE: Final = 8
"""Bytes for an index, whether its member is there or not."""

Key = tuple[Hashable, ...]
_Mark = tuple[int, Key]


class Column:
    """Encoded members by index; None for those that nobody asked for yet."""

    __slots__ = ("pieces", "weight")

    def __init__(self) -> None:
        self.pieces: list[bytes | None] = []
        self.weight = _COLUMN

    def joined(self, indexes: Sequence[int]) -> msgspec.Raw | None:
        """The list of the members of these indexes, at least one; None where some are missing."""
        pieces: Any = self.pieces
        try:
            if isinstance(indexes, range) and indexes.step == 1:
                found = pieces[indexes.start : indexes.stop]
            else:
                found = [pieces[index] for index in indexes]
            return msgspec.Raw(b"[%b]" % b",".join(found)) if len(found) == len(indexes) else None
        except (IndexError, TypeError):
            return None

    def missing(self, indexes: Sequence[int]) -> list[int]:
        """Those of these indexes whose members are missing."""
        pieces = self.pieces
        return [index for index in indexes if index >= len(pieces) or pieces[index] is None]

    def fill(self, indexes: Sequence[int], members: Sequence[Any]) -> None:
        """Encode these members and keep them."""
        pieces = self.pieces
        room = max(indexes) + 1 - len(pieces)
        if room > 0:
            pieces.extend([None] * room)
            self.weight += room * _PLACE
        for index, member in zip(indexes, members, strict=True):
            encoded = pieces[index] = bytes(memoryview(_encode(member)))  # a copy without the encoder's spare room
            self.weight += len(encoded) + _MEMBER


class Columns:
    """The columns of all owners within `max_bytes`, least recently used out first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Mark, Column | None] = OrderedDict()
        self._weights: dict[_Mark, int] = {}
        self._owners: dict[int, tuple[weakref.ref[Any], set[_Mark]]] = {}
        self._places = itertools.count()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def place(self) -> int:
        """A number for a place of an operation, which no other place has."""
        return next(self._places)

    def of(self, owner: object, key: Key) -> Column | None:
        """The column of an owner and a key; None for the first time: most of what is asked once never comes again."""
        mark = id(owner), key
        if mark not in self._kept:
            if self._max_bytes:
                self._note(owner, mark)
            return None
        self._kept.move_to_end(mark)
        column = self._kept[mark]
        if column is None:
            column = self._kept[mark] = Column()
        return column

    def weigh(self, owner: object, key: Key, column: Column) -> None:
        """Count what a column has grown by, and make room for it."""
        mark = id(owner), key
        if self._kept.get(mark) is column:
            self.bytes += column.weight - self._weights[mark]
            self._weights[mark] = column.weight
            self._make_room()

    def _note(self, owner: object, mark: _Mark) -> None:
        known = self._owners.get(mark[0])
        if known is None:
            number = mark[0]
            known = self._owners[number] = weakref.ref(owner, lambda _: self._forget(number)), set()
        known[1].add(mark)
        self._kept[mark] = None
        self._weights[mark] = _COLUMN
        self.bytes += _COLUMN
        self._make_room()

    def _make_room(self) -> None:
        while self.bytes > self._max_bytes and self._kept:
            mark = next(iter(self._kept))
            self._drop(mark)
            _, marks = self._owners.get(mark[0], (None, None))
            if marks is not None:
                marks.discard(mark)
                if not marks:
                    del self._owners[mark[0]]

    def _forget(self, number: int) -> None:
        # the garbage collector may call this between any two lines
        _, marks = self._owners.pop(number, (None, ()))
        for mark in marks:
            self._drop(mark)

    def _drop(self, mark: _Mark) -> None:
        self._kept.pop(mark, None)
        self.bytes -= self._weights.pop(mark, 0)
