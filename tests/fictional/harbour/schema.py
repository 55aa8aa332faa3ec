"""Harbour in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import strawberry

from adapters import model
from schema.batch import AccountArgument, Face, MaxAge, NormalizedBatch, Told, shared, told
from schema.context import Info
from schema.items import NormalizedBatchItem
from schema.items import shared as shared_of_item
from schema.reading import read


@strawberry.type(description="One crate of a Harbour price list")
class HarbourItem(NormalizedBatchItem):
    """One entry of `crates`."""

    price: Decimal | None


@strawberry.type(description="A price list of a Harbour merchant")
class HarbourBatch(NormalizedBatch):
    """The answer about a ship."""

    pier: str | None


def _item(item: model.Item) -> HarbourItem:
    own: Any = item.own
    return HarbourItem(**shared_of_item(item), price=own.price)  # type: ignore[arg-type]


def view(snapshot: model.Snapshot, facts: Told) -> HarbourBatch:
    """The API's object of a Harbour snapshot."""
    own: Any = snapshot.own
    return HarbourBatch(**shared(snapshot, facts, _item), pier=own.pier)


@strawberry.type
class HarbourQuery:
    """The typed door."""

    @strawberry.field(description="One Harbour batch: no fragments needed")
    async def harbour_batch(
        self, info: Info, id: str, account: AccountArgument = None, max_age: MaxAge = None
    ) -> HarbourBatch | None:
        """One Harbour batch."""
        reading = await read(info, "harbour", id, account, max_age)
        return view(reading.snapshot, told(reading))


FACE = Face("harbour", (HarbourBatch,), (HarbourItem,), HarbourQuery, view)
