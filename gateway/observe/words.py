"""Status words that no adapter knows: seen here first, before a seller asks why a batch reads UNKNOWN."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from adapters.model import ItemStatus, Snapshot, Status

_MOST: Final = 20
"""Different words of one marketplace that get a label of their own."""
_HARMLESS: Final = re.compile(r"[\w .-]{1,40}")
OTHER: Final = "(other)"


class Word(NamedTuple):
    """A word that is not known, and where it stood: on the `batch`, or on an `item` of it."""

    level: str
    word: str


def unknown_words(snapshot: Snapshot) -> Iterator[Word]:
    """Each unknown word of a reading, once."""
    if snapshot.status is Status.UNKNOWN and snapshot.source_status:
        yield Word("batch", snapshot.source_status)
    unknown = ItemStatus.UNKNOWN
    for said in {head.source_status for head in snapshot.items.heads if head.status is unknown}:
        if said:
            yield Word("item", said)


class Labels:
    """Words as labels: the first few of each marketplace by their name, if that is harmless; the rest as one."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def of(self, marketplace: str, word: str) -> tuple[str, bool]:
        """The label, and whether it is a new one."""
        label = word.strip().casefold()
        known = self._known.setdefault(marketplace, set())
        if label not in known and (len(known - {OTHER}) >= _MOST or not _HARMLESS.fullmatch(label)):
            label = OTHER
        is_new = label not in known
        known.add(label)
        return label, is_new
