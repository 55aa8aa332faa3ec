"""WebSocket frames: read as the `websockets` package writes them, in whatever pieces they come."""

from __future__ import annotations

import os
import random
import time

import pytest
from websockets.frames import Frame, Opcode

from gateway.transports.rfc6455 import CLOSE, Frames, Violation, close_frame, frame, read_close, read_text

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536)


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode(opcode), payload, fin).serialize(mask=True)


def raw(first: int, second: int, rest: bytes = b"") -> bytes:
    return bytes((first, second)) + b"\0\0\0\0" + rest


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [1, 2])
def test_frames_of_every_length(opcode: int, size: int) -> None:
    payload = os.urandom(size)
    assert frame(opcode, payload) == Frame(Opcode(opcode), payload).serialize(mask=False)
    assert list(Frames(100_000).feed(masked(opcode, payload))) == [(opcode, payload)]


@pytest.mark.slow
def test_a_message_that_comes_byte_by_byte_takes_time_linear_in_its_length() -> None:
    sent = masked(1, b" " * 400_000)
    frames, began = Frames(400_000), time.process_time()
    found = [one for at in range(len(sent)) for one in frames.feed(sent[at : at + 1])]
    assert found == [(1, b" " * 400_000)]
    assert time.process_time() - began < 5  # some 0.3 s; copied with each byte it took 15


def test_any_cut_gives_the_same_messages() -> None:
    draw = random.Random(6455)
    sent = [(1, b"one"), (9, b"ping"), (2, os.urandom(300)), (1, os.urandom(70_000)), (10, b""), (8, b"\x03\xe8bye")]
    stream = b"".join(masked(*one) for one in sent)
    for _ in range(200):
        frames, at, found = Frames(100_000), 0, []
        while at < len(stream):
            size = draw.choice((1, 2, 3, 7, 100, 5_000, 80_000))
            found += frames.feed(stream[at : at + size])
            at += size
        assert found == sent
        assert (frames._held, frames._parts) == (None, None)


def test_messages_in_parts_with_control_frames_between() -> None:
    frames = Frames(10)
    data = masked(1, b"a", fin=False) + masked(0, b"", fin=False) + masked(9, b"p") + masked(0, b"bc")
    assert list(frames.feed(data)) == [(9, b"p"), (1, b"abc")]
    assert list(frames.feed(masked(2, b"x"))) == [(2, b"x")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"not masked"), 1002),
        (raw(0xC1, 0x80), 1002),
        (raw(0x83, 0x80), 1002),
        (raw(0x8B, 0x80), 1002),
        (raw(0x09, 0x80), 1002),
        (raw(0x89, 0xFE), 1002),
        (masked(0, b"goes on without a beginning"), 1002),
        (masked(1, b"a", fin=False) + masked(1, b"b"), 1002),
        (masked(1, b"x" * 101), 1009),
        (masked(1, b"x" * 60, fin=False) + masked(0, b"x" * 41), 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),
    ],
    ids=["mask", "bits", "opcode", "control", "whole", "long", "first", "begun", "size", "sizes", "huge"],
)
def test_what_breaks_the_protocol(data: bytes, code: int) -> None:
    with pytest.raises(Violation) as caught:
        list(Frames(100).feed(data))
    assert caught.value.code == code


def test_a_long_message_is_refused_before_it_arrives() -> None:
    with pytest.raises(Violation):
        list(Frames(100).feed(b"\x81\xfe\xff\xff"))


def test_many_empty_parts_hold_nothing() -> None:
    frames = Frames(100)
    assert list(frames.feed(masked(1, b"", fin=False) + masked(0, b"", fin=False) * 10_000)) == []
    assert frames._parts == b""
    assert frames._held is None


def test_text_is_utf8() -> None:
    assert read_text("şçğ".encode()) == "şçğ"
    with pytest.raises(Violation) as caught:
        read_text(b"\xff")
    assert caught.value.code == 1007


@pytest.mark.parametrize("code", [1000, 1001, 1007, 1012, 1014, 3000, 4999])
def test_close_frames(code: int) -> None:
    payload = close_frame(code, "ü" * 100)[2:]
    assert len(payload) <= 125
    assert read_close(payload) == (code, "ü" * 61)


@pytest.mark.parametrize("payload", [b"\x03", b"\0\0", *(code.to_bytes(2, "big") for code in (999, 1004, 1006, 5000))])
def test_close_frames_that_are_none(payload: bytes) -> None:
    with pytest.raises(Violation):
        read_close(payload)
    assert read_close(b"") == (1005, "")
    assert frame(CLOSE, b"") == b"\x88\x00"
