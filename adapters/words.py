"""Status words of marketplaces, compared without case and surrounding space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from msgspec import Raw

from adapters import decoding
from adapters.model import ItemStatus, Status

_LONGEST: Final = 200
_REMEMBERED: Final = 256
"""Words of at most `_SHORT` characters, which come again and again."""
_SHORT: Final = 64
_NULL: Final = b"null"


def caseless(text: str) -> str:
    """Text without its case. Both Turkish i's meet the English one: KIRMIZI is kırmızı, and İstanbul is istanbul."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    return folded.replace("i\N{COMBINING DOT ABOVE}", "i").replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")


def fold(word: str) -> str:
    """The form in which words are compared, without surrounding space: BİTTİ, BITTI and bitti are one."""
    return _short_folded(word) if len(word) <= _SHORT else caseless(word.strip())


@lru_cache(maxsize=_REMEMBERED)
def _short_folded(word: str) -> str:
    return caseless(word.strip())


def word(piece: Raw | None) -> str | None:
    """The word in a status field, as the marketplace writes it; None where there is none.

    Something that is no text is kept as its JSON: it says something, if nothing that is known.
    """
    if not piece:
        return None
    written = bytes(piece)
    return _short_word(written) if len(written) <= _SHORT else _word(written)


def _word(written: bytes) -> str | None:
    if written == _NULL:
        return None
    found = decoding.value(written)
    said = found.strip() if isinstance(found, str) else written.decode()
    return said[:_LONGEST] or None


_short_word: Final = lru_cache(maxsize=_REMEMBERED)(_word)


def status(said: str | None, known: Mapping[str, Status]) -> Status:
    """The status behind a batch's word; UNKNOWN for another word and for none."""
    return Status.UNKNOWN if said is None else known.get(fold(said), Status.UNKNOWN)


def item_status(said: str | None, known: Mapping[str, ItemStatus]) -> ItemStatus:
    """The status behind an item's word; UNKNOWN for another word and for none."""
    return ItemStatus.UNKNOWN if said is None else known.get(fold(said), ItemStatus.UNKNOWN)
