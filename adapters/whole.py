"""An answer that came whole, in one piece, and with nothing special about it: most answers do, and need no parser.

What is taken here is read as aiohttp's parser reads it, and everything else is left to that.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from adapters.incoming import Incoming

_LONGEST: Final = 8_000
"""Bytes of a head: aiohttp reads lines of as many."""
_MOST: Final = 100
"""Headers: aiohttp reads some more."""
_PLAIN: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [\t -~]*)?(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*)*"
)
_BARE: Final = frozenset((b"204", b"304"))
"""Statuses of answers without a body, whatever their headers say."""
_DIGITS: Final = re.compile(rb"[0-9]{1,9}")
_TELLING: Final = {
    written: name
    for name in (b"content-length", b"connection", b"proxy-connection", b"transfer-encoding", b"upgrade")
    for written in (name, name.title())
}
"""Headers that say how the answer is to be read, as they are mostly written."""
_INITIALS: Final = frozenset(b"cCpPtTuU")
_PERSISTENCE: Final = (b"connection", b"proxy-connection")


class Whole(msgspec.Struct, frozen=True):
    """An answer, and whether it is the last one on its connection."""

    answer: Incoming
    is_last: bool


def read_whole(data: bytes) -> Whole | None:
    """The final answer to a GET that these bytes are, no more and no less; None where that is for a parser to tell."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or len(head) > _LONGEST:
        return None
    found = _PLAIN.fullmatch(head)
    if found is None or found[1] in _BARE:
        return None
    _, *lines = head.split(b"\r\n")
    if len(lines) > _MOST:
        return None
    headers: list[tuple[bytes, bytes]] = []
    length: bytes | None = None
    is_last = False
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.strip(b" \t")
        headers.append((name, value))
        kind = _TELLING.get(name)
        if kind is None:
            kind = _TELLING.get(name.lower()) if name[0] in _INITIALS else None
            if kind is None:
                continue
        if kind == b"content-length" and length is None and _DIGITS.fullmatch(value):
            length = value
        elif kind in _PERSISTENCE and value.lower() in {b"close", b"keep-alive"}:
            is_last = is_last or value.lower() == b"close"
        else:
            return None
    if length is None or int(length) != len(body):
        return None
    return Whole(Incoming(int(found[1]), headers, body), is_last)
