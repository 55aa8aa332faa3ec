"""What an id asks for: `partly-failed-stock-n250-l200-anything`."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from gateway.sandbox import standard

MOST_ITEMS: Final = 1_000
_LONGEST_NAME: Final = 3
"""Words in the name of a story."""
_ITEMS: Final = re.compile(r"n(\d{1,6})", re.ASCII)
_LATENCY: Final = re.compile(r"l(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wish:
    """A story's name, and what the rest of the id chose: kinds (sorted), items, seconds of latency."""

    story: str
    kinds: tuple[str, ...] = ()
    items: int | None = None
    latency: float | None = None


def read_wish(batch_id: str, stories: Container[str], kinds: Container[str]) -> Wish:
    """The wish that an id makes. The longest story that it begins with is played; an id without one lives as usual."""
    story, rest = _split(batch_id, stories)
    chosen: set[str] = set()
    items = latency = None
    for part in rest.split("-"):
        if part in kinds:
            chosen.add(part)
        elif count := _ITEMS.fullmatch(part):
            items = min(max(int(count[1]), 1), MOST_ITEMS)
        elif wait := _LATENCY.fullmatch(part):
            latency = int(wait[1]) / 1000
    return Wish(story, tuple(sorted(chosen)), items, latency)


def _split(batch_id: str, stories: Container[str]) -> tuple[str, str]:
    words = batch_id.split("-", _LONGEST_NAME)
    for count in range(len(words) - 1, 0, -1):
        name = "-".join(words[:count])
        if name in stories:
            return name, batch_id[len(name) + 1 :]
    return standard.USUAL, batch_id
