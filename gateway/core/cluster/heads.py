"""A shared state is a head, which scripts compare as text, and the packed state behind it.

rank · version · read · fence: one digit, then three numbers of twelve hexadecimal digits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from adapters.model import Snapshot

LENGTH: Final = 37


class Head(NamedTuple):
    """What decides which of two states is to be believed."""

    rank: int
    version: str
    read: int
    """When it was read or confirmed last: milliseconds of the server's clock."""
    fence: int
    """The newest fencing token under which it was written."""


def rank(snapshot: Snapshot) -> int:
    """How far a batch has come: nothing replaces a state of a higher rank."""
    if snapshot.is_terminal:
        return 3 if snapshot.is_settled else 2
    return 1 if snapshot.is_confirmed else 0


def number(value: int) -> str:
    """A number as scripts compare it."""
    return f"{max(0, value):012x}"


def read_head(value: bytes) -> Head | None:
    """The head of a shared state, or None where it is none of this format."""
    try:
        text = value[:LENGTH].decode("ascii")
        if len(text) != LENGTH:
            return None
        return Head(int(text[0]), text[1:13], int(text[13:25], 16), int(text[25:37], 16))
    except ValueError:
        return None
