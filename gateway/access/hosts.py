"""Which host a browser may call a gateway that lets in this machine alone.

A foreign page cannot read answers of 127.0.0.1, unless its own name is made to lead there (DNS rebinding): then its
requests look like the gateway's own. They still name the page's host, which is a name of the public DNS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

_NEVER_PUBLIC: Final = (".localhost", ".local", ".test", ".internal", ".invalid", ".example", ".home.arpa")
"""Endings that nobody can register (RFC 6761, RFC 6762, RFC 8375 and ICANN's reservation of .internal)."""


def is_local_name(headers: Mapping[bytes, bytes]) -> bool:
    """True where `Host` is an address, a name without a dot, or a name that no public server can have."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = _without_port(host).rstrip(".")
    if not name or "." not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(_NEVER_PUBLIC)
    return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return "" if "]" in host else host
    return host.partition(":")[0]
