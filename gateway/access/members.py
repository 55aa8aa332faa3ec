"""Who was let in, and what they may see."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from gateway.core.accounts import EVERYTHING, Scope

EVERY_ACCOUNT: Final = "*"


@dataclass(frozen=True, slots=True)
class Member:
    """A client for as long as its connection or request lasts. Equal members may do and see the same."""

    name: str
    """Unique among all that are let in: shares of the ceilings are counted by it."""
    scope: Scope
    expires_at: float | None = None
    """Unix time from which its streams end."""
    proof: str = ""
    """What it was let in by: a digest, never the token itself."""
    reads_metrics: bool = False
    """Whether it may read /metrics, whatever its accounts."""


def scope_of(accounts: list[str] | tuple[str, ...]) -> Scope:
    """The scope of a list of account names, in which `*` stands for all of them. No name sees nothing."""
    return EVERYTHING if EVERY_ACCOUNT in accounts else Scope(frozenset(accounts))


LOCAL: Final = Member("anonymous", EVERYTHING)
"""Everybody, on a gateway that only this machine reaches."""


def stranger(address: str | None) -> Member:
    """Somebody on a gateway that asks nobody who they are: told apart by address, so that all find room."""
    return Member(f"anonymous@{network_of(address)}", EVERYTHING)


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; one of IPv4 is that too where a socket for both kinds tells it as `::ffff:192.0.2.1`.

    Raises `ValueError`.
    """
    given = ipaddress.ip_address(text)
    return given if given.version == 4 else given.ipv4_mapped or given


def network_of(address: str | None) -> str:
    """Whom an address stands for, as far as shares and counts are concerned."""
    try:
        given = plain_address(address or "")
    except ValueError:
        return "unknown"
    # whoever has one address of IPv6 has the 2^64 beside it too
    return str(ipaddress.ip_network((given, 64), strict=False)) if given.version == 6 else str(given)
