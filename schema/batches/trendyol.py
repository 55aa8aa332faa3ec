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
from schema.own import shows
from schema.products import ProductAttribute
from schema.reading import read
from schema.scalars import JSON, raw_json


def _attributes(self: Any) -> list[ProductAttribute] | None:
    found = self.own.attributes
    if found is None:
        return None
    return [
        ProductAttribute(
            attribute_id=one.attribute_id,
            attribute_value_id=one.attribute_value_id,
            custom_attribute_value=one.custom_attribute_value,
        )
        for one in found
    ]


def _delivery_option(self: Any) -> JSON | None:
    return raw_json(self.own.delivery_option)


@strawberry.type(description="A product as it was submitted to Trendyol")
class TrendyolProduct:
    """`requestItem.product` of a create or update batch."""

    own: strawberry.Private[Any]
    barcode: str | None = shows("barcode")
    title: str | None = shows("title")
    product_main_id: str | None = shows("product_main_id")
    brand_id: strawberry.ID | None = shows("brand_id")
    category_id: strawberry.ID | None = shows("category_id")
    quantity: int | None = shows("quantity")
    stock_code: str | None = shows("stock_code")
    dimensional_weight: Decimal | None = shows("dimensional_weight")
    description: str | None = shows("description")
    currency_type: str | None = shows("currency_type")
    list_price: Decimal | None = shows("list_price")
    sale_price: Decimal | None = shows("sale_price")
    vat_rate: int | None = shows("vat_rate")
    images: list[str] | None = shows("images")

    attributes: list[ProductAttribute] | None = strawberry.field(resolver=_attributes)
    cargo_company_id: strawberry.ID | None = shows("cargo_company_id")
    shipment_address_id: strawberry.ID | None = shows("shipment_address_id")
    returning_address_id: strawberry.ID | None = shows("returning_address_id")
    delivery_duration: int | None = shows("delivery_duration")

    delivery_option: JSON | None = strawberry.field(resolver=_delivery_option)
    content_id: strawberry.ID | None = shows("content_id")


@strawberry.type(description="One item of a Trendyol batch")
class TrendyolItem(NormalizedBatchItem):
    """One item; which fields are set depends on the batch's request type."""

    own: strawberry.Private[Any]
    barcode: str | None = shows("barcode")
    quantity: int | None = shows("quantity")
    list_price: Decimal | None = shows("list_price")
    sale_price: Decimal | None = shows("sale_price")
    archived: bool | None = shows("archived")
    supplier_id: strawberry.ID | None = shows("supplier_id")
    update_request_date: datetime | None = shows("update_request_date")
    batch_request_log_id: str | None = shows("batch_request_log_id")

    @strawberry.field
    def product(self) -> TrendyolProduct | None:
        """The product, where the batch created or updated one."""
        product = self.own.product
        return None if product is None else TrendyolProduct(own=product)


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


def _item(item: model.Item) -> TrendyolItem:
    return TrendyolItem(**shared_of_item(item), own=item.own)  # type: ignore[arg-type]


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
