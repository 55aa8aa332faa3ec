"""Global ids by the Relay server specification: opaque to clients, a REF inside."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import strawberry

from adapters.errors import InvalidRef
from adapters.registry import SOURCES


@strawberry.interface(description="Anything with a global id")
class Node:
    """The Relay interface."""

    id: strawberry.ID = strawberry.field(description="Global id, for `node(id:)` and for client caches")


class GlobalId(NamedTuple):
    """What a global id names: a source, an account and the marketplace's own id."""

    source: str
    account: str
    batch_id: str


def encode(ref: GlobalId) -> strawberry.ID:
    """The global id of a batch: the same on every gateway with these accounts."""
    text = f"{ref.source}@{ref.account}:{ref.batch_id}"
    return strawberry.ID(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))


def decode(global_id: str) -> GlobalId:
    """What a global id names. Raises `InvalidRef` for anything that `encode` never made."""
    try:
        padded = global_id.encode("ascii") + b"=" * (-len(global_id) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        source, rest = text.split("@", 1)
        account, batch_id = rest.split(":", 1)
        found = GlobalId(source, account, batch_id)
        if source in SOURCES and encode(found) == global_id:
            return found
    except (UnicodeError, binascii.Error, ValueError):
        pass
    raise InvalidRef("This is not a global id of this gateway: use the `id` field of a batch as it was given.")
