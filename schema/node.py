"""Global ids by the Relay server specification: opaque to clients, a REF inside."""

from __future__ import annotations

from typing import NamedTuple

import strawberry

from adapters.errors import InvalidRef
from adapters.registry import SOURCES
from schema.opaque import seal, unseal


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
    return strawberry.ID(seal(f"{ref.source}@{ref.account}:{ref.batch_id}"))


def decode(global_id: str) -> GlobalId:
    """What a global id names. Raises `InvalidRef` for anything that `encode` never made."""
    source, _, rest = (unseal(global_id) or "").partition("@")
    account, colon, batch_id = rest.partition(":")
    if source in SOURCES and colon:
        return GlobalId(source, account, batch_id)
    raise InvalidRef("This is not a global id of this gateway: use the `id` field of a batch as it was given.")
