"""WebSocket frames by RFC 6455, the server's side, without extensions.

Compression stays off: it costs 40 KB for each socket, and an update is smaller than a packet anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_CONTINUATION: Final = 0x0
_OPCODES: Final = frozenset((_CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_LAST: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_SHORT: Final = 125
"""Bytes of the longest frame whose length needs no bytes of its own; control frames are never longer."""
_CODES: Final = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
"""What may stand in a close frame, beside the applications' own 3000 to 4999."""

Frame = tuple[int, bytes]
"""Opcode and payload: a whole message, or a control frame."""


class Violation(Exception):
    """The client breaks the protocol: the socket is to be closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole frame as a server sends it."""
    size = len(payload)
    if size <= _SHORT:
        return bytes((_LAST | opcode, size)) + payload
    if size < 65_536:
        return b"%c\x7e%b%b" % (_LAST | opcode, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (_LAST | opcode, size.to_bytes(8, "big"), payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """The frame that begins the end. A reason has room for 123 bytes."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123].decode(errors="ignore").encode())


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; 1005 where it has none. Raises `Violation`."""
    if not payload:
        return 1005, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or (code not in _CODES and not 3000 <= code < 5000):
        raise Violation(1002, "No such close code")
    return code, read_text(payload[2:])


class Frames:
    """Reads what a client sends. Holds next to nothing while nothing is on its way.

    `limit` is the longest message in bytes; a longer one is refused at its head, before it arrives.
    """

    __slots__ = ("_held", "_kind", "_limit", "_parts")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: bytearray | None = None
        """The beginning of a frame."""
        self._parts: bytearray | None = None
        """The beginning of a message in several frames, and `_kind` its opcode."""
        self._kind = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Messages and control frames, in their order. Raises `Violation`, after which nothing more is to be fed."""
        source: bytes | bytearray = data
        if self._held is not None:
            self._held += data
            source = self._held
        at = 0
        while (head := self._head(source, at)) is not None:
            first, start, end = head
            if end > len(source):
                break
            payload = _unmasked(bytes(source[start:end]), bytes(source[start - 4 : start]))
            at = end
            found = self._take(first & 0x0F, payload, is_last=bool(first & _LAST))
            if found is not None:
                yield found
        if at or source is data:  # a frame that comes byte by byte is not copied with each of them
            left = source[at:]
            self._held = bytearray(left) if left else None

    def _head(self, source: bytes | bytearray, at: int) -> tuple[int, int, int] | None:
        """The first byte of the frame that begins there, and where its payload begins and ends."""
        if len(source) - at < 2:
            return None
        first, second = source[at], source[at + 1]
        if first & _RESERVED or first & 0x0F not in _OPCODES:
            raise Violation(1002, "No such frame")
        if not second & _MASKED:
            raise Violation(1002, "Frames of a client are masked")
        size = second & 0x7F
        if first & CLOSE and (size > _SHORT or not first & _LAST):
            raise Violation(1002, "Control frames are short and whole")
        start = at + 2
        if size > _SHORT:
            start += 2 if size == 126 else 8
            if len(source) < start:
                return None
            size = int.from_bytes(source[at + 2 : start], "big")
        if size + len(self._parts or b"") > self._limit and not first & CLOSE:
            raise Violation(1009, f"Messages of more than {self._limit} bytes are not read")
        start += 4
        return None if len(source) < start else (first, start, start + size)

    def _take(self, opcode: int, payload: bytes, *, is_last: bool) -> Frame | None:
        """A message, where this frame is its end."""
        if opcode & CLOSE:
            return opcode, payload
        if (opcode == _CONTINUATION) is (self._parts is None):
            raise Violation(1002, "A message begins once, and then goes on")
        if opcode != _CONTINUATION:
            self._kind = opcode
            if is_last:
                return opcode, payload
            self._parts = bytearray()
        parts = self._parts
        assert parts is not None  # noqa: S101  # begun above, or before
        parts += payload
        if not is_last:
            return None
        self._parts = None
        return self._kind, bytes(parts)


def read_text(data: bytes) -> str:
    """The text of a message. Raises `Violation`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Violation(1007, "Text is UTF-8") from None


def _unmasked(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
