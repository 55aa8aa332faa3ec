"""Clients made of bare sockets: they vanish, stop reading, or say nothing, as no library's client would."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct

Address = tuple[str, int]

ACCEPTS = {"sse": "text/event-stream", "multipart": "multipart/mixed;subscriptionSpec=1.0"}


class Clients:
    """Connections to one server; all are closed at the end."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._open: list[socket.socket] = []

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *exc: object) -> None:
        for connection in self._open:
            connection.close()

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        """A bare connection; with a small buffer it soon stops taking what is sent."""
        connection = socket.socket()
        self._open.append(connection)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(60)
        connection.connect(self._address)
        return connection

    def post(self, query: str, accept: str = "application/json", receive_buffer: int | None = None) -> socket.socket:
        """A connection over which a request was sent; nothing is read."""
        connection = self.connect(receive_buffer)
        body = json.dumps({"query": query}).encode()
        head = f"POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nAccept: {accept}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return connection

    def websocket(self, receive_buffer: int | None = None) -> socket.socket:
        """A socket that was let in."""
        connection = self.connect(receive_buffer)
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /graphql HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        read_until(connection, b"\r\n\r\n")
        send_frame(connection, {"type": "connection_init"})
        read_until(connection, b"connection_ack")
        return connection

    def stream(self, kind: str, query: str, receive_buffer: int | None = None) -> socket.socket:
        """A subscription over `ws`, `sse` or `multipart`."""
        if kind != "ws":
            return self.post(query, ACCEPTS[kind], receive_buffer)
        connection = self.websocket(receive_buffer)
        subscribe(connection, query)
        return connection


def subscribe(connection: socket.socket, query: str, operation_id: str = "1") -> None:
    """Start an operation on a WebSocket."""
    send_frame(connection, {"id": operation_id, "type": "subscribe", "payload": {"query": query}})


def send_frame(connection: socket.socket, message: object) -> None:
    """Send a message as one masked text frame."""
    payload = json.dumps(message).encode()
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    mask = os.urandom(4)
    connection.sendall(b"\x81" + length + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload)))


def read_until(connection: socket.socket, text: bytes) -> bytes:
    """Read until `text` has come; fails at the end of the connection."""
    found = b""
    while text not in found:
        more = connection.recv(4096)
        assert more, f"the connection ended after {found[-200:]!r}"
        found += more
    return found


def read_all(connection: socket.socket) -> bytes:
    """Read to the end of the connection."""
    found = b""
    while more := connection.recv(65_536):
        found += more
    return found


def is_open(connection: socket.socket) -> bool:
    """Whether the other side still holds the connection. Asks by sending."""
    try:
        for _ in range(2):
            connection.send(b"\x8a\x80\x00\x00\x00\x00")  # an unasked pong frame; for HTTP just bytes
    except OSError:
        return False
    return True


def vanish(connection: socket.socket) -> None:
    """Go without a word: the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
