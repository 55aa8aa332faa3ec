"""The headers that every answer carries, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.transports.responses import Header

_GUARDS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    # an answer that is opened by itself loads nothing, and no page frames it
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # answers are one client's own; those that may be kept say so themselves
    (b"cache-control", b"no-store"),
)
_TLS_ONLY: Final[Header] = (b"strict-transport-security", b"max-age=31536000")


def guarded(headers: Sequence[Header], more: Sequence[Header], *, is_tls: bool) -> list[Header]:
    """The headers of an answer with what they lack; `vary` is added to, the others stay as they are."""
    found = list(headers)
    names = {name for name, _ in headers}
    found += [header for header in _GUARDS if header[0] not in names]
    if is_tls and _TLS_ONLY[0] not in names:
        found.append(_TLS_ONLY)
    return [*found, *more]
