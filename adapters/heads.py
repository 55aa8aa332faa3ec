"""The head of each item: what a snapshot needs of it at once. Everything else is left in its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from adapters.decoding import UNREADABLE
from adapters.failures import NO_EXPLANATIONS, failures
from adapters.model import ItemHead, ItemStatus, Text
from adapters.words import item_status, word


class _Told(msgspec.Struct, rename="camel"):
    status: Raw = Raw(b"")
    failure_reasons: Raw = Raw(b"")


_NOTHING: Final = _Told()
_TOLD: Final = msgspec.json.Decoder(_Told)


def read_heads(
    pieces: Sequence[Raw], known: Mapping[str, ItemStatus], explanations: Mapping[str, Text] = NO_EXPLANATIONS
) -> tuple[ItemHead, ...]:
    """Heads of items that tell `status` and `failureReasons`; an item that is no object is UNKNOWN."""
    seen: dict[bytes, tuple[ItemStatus, str | None]] = {}
    return tuple(_head(piece, known, explanations, seen) for piece in pieces)


def _head(
    piece: Raw,
    known: Mapping[str, ItemStatus],
    explanations: Mapping[str, Text],
    seen: dict[bytes, tuple[ItemStatus, str | None]],
) -> ItemHead:
    try:
        told = _TOLD.decode(piece)
    except UNREADABLE:
        told = _NOTHING
    key = bytes(told.status)
    verdict = seen.get(key)
    if verdict is None:
        said = word(told.status)
        verdict = seen[key] = item_status(said, known), said
    return ItemHead(*verdict, failures(told.failure_reasons, explanations), bytes(piece))
