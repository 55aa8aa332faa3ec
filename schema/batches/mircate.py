"""Mircate in the API."""

from __future__ import annotations

from typing import Any

import strawberry

from adapters import model
from schema.batch import AccountArgument, Face, MaxAge, NormalizedBatch, Told, shared, shown, told
from schema.context import Info
from schema.items import NormalizedBatchItem
from schema.items import shared as shared_of_item
from schema.reading import read
from schema.scalars import JSON, raw_json


@strawberry.type(description="One failed product of a Mircate batch: the others are not listed")
class MircateItem(NormalizedBatchItem):
    """One entry of `failedProducts`."""

    @strawberry.field(description="The failed product as the marketplace lists it")
    def product(self) -> JSON | None:
        """The entry, untouched."""
        return raw_json(self.item.payload)


@strawberry.type(description="A stock or price import of a Mircate merchant")
class MircateBatch(NormalizedBatch):
    """`checkBatchStatus`."""

    batch_status: str | None
    ratio: str | None = strawberry.field(
        description="As the marketplace writes it; `progress` is what could be read from it"
    )
    push_price_frequency: int | None
    bulk_operation_type: str | None
    own: strawberry.Private[object]

    @strawberry.field
    def failed_products(self) -> JSON | None:
        """`failedProducts`, untouched."""
        own: Any = self.own
        return raw_json(own.failed_products)


def _item(item: model.Item) -> MircateItem:
    return MircateItem(**shared_of_item(item))  # type: ignore[arg-type]


def view(snapshot: model.Snapshot, facts: Told) -> MircateBatch:
    """The API's object of a Mircate snapshot."""
    own: Any = snapshot.own
    return MircateBatch(
        **shared(snapshot, facts, _item),
        own=own,
        batch_status=own.batch_status,
        ratio=own.ratio,
        push_price_frequency=own.push_price_frequency,
        bulk_operation_type=own.bulk_operation_type,
    )


@strawberry.type
class MircateQuery:
    """The typed door."""

    @strawberry.field(description="One Mircate batch: no fragments needed")
    async def mircate_batch(
        self, info: Info, id: str, account: AccountArgument = None, max_age: MaxAge = None
    ) -> MircateBatch | None:
        """One Mircate batch."""
        reading = await read(info, "mircate", id, account, max_age)
        return shown(reading.snapshot, told(reading), view)


FACE = Face("mircate", (MircateBatch,), (MircateItem,), MircateQuery, view)
