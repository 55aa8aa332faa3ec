"""Trendyol in the API."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from adapters import model
from schema.batch import AccountArgument, Face, MaxAge, NormalizedBatch, Told, shared, shown, told
from schema.context import Info
from schema.items import NormalizedBatchItem
from schema.items import shared as shared_of_item
from schema.products import ProductAttribute, attributes_of
from schema.reading import read
from schema.scalars import JSON, raw_json


@strawberry.type(description="A product as it was submitted to Trendyol")
class TrendyolProduct:
    """`requestItem.product` of a create or update batch."""

    barcode: str | None
    title: str | None
    product_main_id: str | None
    brand_id: strawberry.ID | None
    category_id: strawberry.ID | None
    quantity: int | None
    stock_code: str | None
    dimensional_weight: Decimal | None
    description: str | None
    currency_type: str | None
    list_price: Decimal | None
    sale_price: Decimal | None
    vat_rate: int | None
    images: list[str] | None
    attributes: list[ProductAttribute] | None
    cargo_company_id: strawberry.ID | None
    shipment_address_id: strawberry.ID | None
    returning_address_id: strawberry.ID | None
    delivery_duration: int | None
    delivery_option: JSON | None
    content_id: strawberry.ID | None


@strawberry.type(description="One item of a Trendyol batch")
class TrendyolItem(NormalizedBatchItem):
    """One item; which fields are set depends on the batch's request type."""

    own: strawberry.Private[object]
    barcode: str | None
    quantity: int | None
    list_price: Decimal | None
    sale_price: Decimal | None
    archived: bool | None
    supplier_id: strawberry.ID | None
    update_request_date: datetime | None
    batch_request_log_id: str | None

    @strawberry.field
    def product(self) -> TrendyolProduct | None:
        """The product, where the batch created or updated one."""
        own: Any = self.own
        product = own.product
        if product is None:
            return None
        return TrendyolProduct(
            **{name: getattr(product, name) for name in _PLAIN},
            delivery_option=raw_json(product.delivery_option),
            attributes=attributes_of(product),
        )


@strawberry.type(description="A batch of Trendyol products: create, update, price and stock, archive or delete")
class TrendyolBatch(NormalizedBatch):
    """`getBatchRequestResult`."""

    batch_request_type: str | None
    source_type: str | None
    notes: str | None
    store_front_code: str | None
    object_key: str | None
    declared_item_count: int | None = strawberry.field(
        description="As declared, beside the counted `itemCount` and `failedCount`"
    )
    declared_failed_item_count: int | None


_PLAIN = tuple(set(TrendyolProduct.__annotations__) - {"attributes", "delivery_option"})


def _item(item: model.Item) -> TrendyolItem:
    own: Any = item.own
    return TrendyolItem(
        **shared_of_item(item),  # type: ignore[arg-type]
        own=own,
        barcode=own.barcode,
        quantity=own.quantity,
        list_price=own.list_price,
        sale_price=own.sale_price,
        archived=own.archived,
        supplier_id=own.supplier_id,
        update_request_date=own.update_request_date,
        batch_request_log_id=own.batch_request_log_id,
    )


def view(snapshot: model.Snapshot, facts: Told) -> TrendyolBatch:
    """The API's object of a Trendyol snapshot."""
    own: Any = snapshot.own
    return TrendyolBatch(
        **shared(snapshot, facts, _item),
        batch_request_type=own.batch_request_type,
        source_type=own.source_type,
        notes=own.notes,
        store_front_code=own.store_front_code,
        object_key=own.object_key,
        declared_item_count=own.declared_item_count,
        declared_failed_item_count=own.declared_failed_item_count,
    )


@strawberry.type
class TrendyolQuery:
    """The typed door."""

    @strawberry.field(description="One Trendyol batch: no fragments needed")
    async def trendyol_batch(
        self, info: Info, id: str, account: AccountArgument = None, max_age: MaxAge = None
    ) -> TrendyolBatch | None:
        """One Trendyol batch."""
        reading = await read(info, "trendyol", id, account, max_age)
        return shown(reading.snapshot, told(reading), view)


FACE = Face("trendyol", (TrendyolBatch,), (TrendyolItem,), TrendyolQuery, view)
