"""The head of each item: what a snapshot needs of it at once. Everything else is left in its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw

from adapters.decoding import UNREADABLE
from adapters.failures import NO_EXPLANATIONS, failures
from adapters.model import ItemHead, ItemStatus, Text
from adapters.words import item_status, word


class Told(msgspec.Struct, rename="camel"):
    """What Trendyol's and idefix's items tell under the same two names."""

    status: Raw = Raw(b"")
    failure_reasons: Raw = Raw(b"")


_EMPTY: Final = b"[]"
_NOTHING: Final = Told()
_TOLD: Final = msgspec.json.Decoder(Told)


def told_by(piece: Raw) -> Told:
    """The head of one item; an item that is no object tells nothing."""
    try:
        return _TOLD.decode(piece)
    except UNREADABLE:
        return _NOTHING


def read_heads(
    items: Iterable[tuple[Told, object]],
    known: Mapping[str, ItemStatus],
    explanations: Mapping[str, Text] = NO_EXPLANATIONS,
) -> tuple[ItemHead, ...]:
    """Heads of items, each told beside what its details are read from later."""
    seen: dict[bytes, tuple[ItemStatus, str | None]] = {}
    heads: list[ItemHead] = []
    for told, raw in items:
        key = bytes(told.status)
        verdict = seen.get(key)
        if verdict is None:
            said = word(told.status)
            verdict = seen[key] = item_status(said, known), said
        reasons = told.failure_reasons
        heads.append(ItemHead(*verdict, failures(reasons, explanations) if bytes(reasons) != _EMPTY else (), raw))
    return tuple(heads)
