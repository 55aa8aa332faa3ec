"""Where a client may show its token: a header, `connection_init`, or for EventSource a ticket in the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from gateway.transports.clients import Credentials

_LONGEST: Final = 16_384
"""Characters: servers take headers of about this size, and no token is longer."""


def token_of(shown: Credentials) -> str | None:
    """The token that a client shows. What `connection_init` brings counts before the handshake's headers."""
    return _of_payload(shown.payload or {}) or _of_header(shown.headers)


def ticket_of(shown: Credentials) -> str | None:
    """The ticket in the address of an HTTP request; a socket has better ways."""
    if shown.payload is not None or b"ticket=" not in shown.query_string:
        return None
    found = parse_qs(shown.query_string.decode("latin-1")).get("ticket", ())
    return found[0] if len(found) == 1 else None


def _of_header(headers: Mapping[bytes, bytes]) -> str | None:
    return _bearer(headers.get(b"authorization", b"").decode("latin-1"))


def _of_payload(payload: Mapping[str, Any]) -> str | None:
    by_name = {name.lower(): value for name, value in payload.items() if isinstance(value, str)}
    return _bearer(by_name.get("authorization", "")) or _checked(by_name.get("token", ""))


def _bearer(value: str) -> str | None:
    scheme, _, token = value.strip().partition(" ")
    return _checked(token) if scheme.lower() == "bearer" else None


def _checked(token: str) -> str | None:
    token = token.strip()
    return token if token and len(token) <= _LONGEST else None
