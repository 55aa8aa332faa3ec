"""Requests that are broken on their way, byte by byte: each is answered, or its connection closed, and no other's."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.edge import Edge
from tests.live_server import serve

HEAD = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
BODY = json.dumps({"query": "{ hello }"}).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)
UPGRADE = b"host: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
KEY = b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with serve(Edge()) as address:
        yield address


def answers(address: tuple[str, int], *parts: bytes) -> list[int]:
    """The statuses of all that comes until the connection is closed."""
    with socket.create_connection(address, timeout=60) as connection:
        answer = b""
        with suppress(OSError):
            for part in parts:
                connection.sendall(part)
            while part := connection.recv(65_536):
                answer += part
    assert b"Traceback" not in answer
    return [int(found[:3]) for found in answer.split(b"HTTP/1.1 ")[1:]]


BROKEN = {
    "two lengths": (HEAD + LENGTH + b"content-length: 4\r\n\r\n" + BODY, [400]),
    "a length and chunks": (HEAD + LENGTH + b"transfer-encoding: chunked\r\n\r\n" + BODY, [400]),
    "a signed length": (HEAD + b"content-length: +18\r\n\r\n" + BODY, [400]),
    "a negative length": (HEAD + b"content-length: -1\r\n\r\n" + BODY, [400]),
    "an endless length": (HEAD + b"content-length: %d\r\n\r\n" % 10**30 + BODY, [400]),
    "a huge length": (HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % (10**18 - 1) + BODY, [413]),
    "a broken chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\n" + BODY, [400]),
    "another coding": (HEAD + b"transfer-encoding: gzip\r\n\r\n" + BODY, [400]),
    "lines without CR": ((HEAD + LENGTH + b"\r\n").replace(b"\r", b"") + BODY, [400]),
    "a space in a name": (HEAD + b"a b: c\r\n\r\n", [400]),
    "a NUL in a value": (HEAD + b"a: b\x00c\r\n\r\n", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "a socket by POST": (b"POST /graphql HTTP/1.1\r\n" + UPGRADE + KEY + b"\r\n", [405]),
    "a socket without a key": (b"GET /graphql HTTP/1.1\r\n" + UPGRADE + b"sec-websocket-version: 13\r\n\r\n", [400]),
    "a socket of old": (b"GET /graphql HTTP/1.1\r\n" + UPGRADE + KEY.replace(b"13", b"8") + b"\r\n", [400]),
    "nonsense behind a request": (HEAD + LENGTH + b"\r\n" + BODY + b"\x00\x01\x02\r\n\r\n", []),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_requests(address: tuple[str, int], name: str) -> None:
    sent, expected = BROKEN[name]
    found = answers(address, sent)
    assert found == expected or (not expected and found in ([], [200], [200, 400]))
    # byte by byte it is the same
    with socket.create_connection(address, timeout=60) as beside:
        beside.sendall(HEAD + LENGTH)
        assert answers(address, sent[:60], sent[60:]) in (found, expected, [200, 400], [200], [])
        beside.sendall(b"connection: close\r\n\r\n" + BODY)
        assert beside.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_requests_in_a_row_are_answered_in_their_order(address: tuple[str, int]) -> None:
    one = HEAD + LENGTH + b"\r\n" + BODY
    wrong = HEAD.replace(b"application/json", b"text/plain") + LENGTH + b"\r\n" + BODY
    last = HEAD + b"connection: close\r\n" + LENGTH + b"\r\n" + BODY
    assert answers(address, one + wrong + one + wrong + last) == [200, 415, 200, 415, 200]
    row = one + wrong + last
    assert answers(address, *(row[at : at + 50] for at in range(0, len(row), 50))) == [200, 415, 200]


def test_an_answer_under_way_is_not_mixed_with_an_error(address: tuple[str, int]) -> None:
    """What follows a question that still waits is nonsense: the client hears no 400 that would pass for its answer."""
    body = json.dumps({"query": "{ later }"}).encode()
    asked = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    assert answers(address, asked, b"\x00\x01 nonsense\r\n\r\n") in ([], [200], [200, 400])
