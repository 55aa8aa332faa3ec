"""idefix in the API."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from adapters import model
from adapters.errors import InvalidRef
from adapters.registry import MARKETPLACE_OF
from schema.batch import AccountArgument, Face, MaxAge, NormalizedBatch, Told, shared, shown, told
from schema.context import Info
from schema.enums import BatchSource
from schema.items import NormalizedBatchItem
from schema.items import shared as shared_of_item
from schema.products import ProductAttribute, attributes_of
from schema.reading import read


@strawberry.type(description="The catalogue product that idefix matched the submitted barcode with")
class IdefixMatchedProduct:
    """`matchedProduct` of a fast listing item."""

    barcode: str | None
    name: str | None
    brand: str | None
    category: str | None
    images: list[str] | None
    attributes: list[ProductAttribute] | None


@strawberry.type(description="One item of an idefix batch")
class IdefixItem(NormalizedBatchItem):
    """One item of any of the three sources."""

    own: strawberry.Private[object]
    barcode: str | None
    price: Decimal | None = strawberry.field(description="As idefix sends it: whether lira or kuruş is not documented")
    compare_price: Decimal | None
    inventory_quantity: int | None
    vendor_stock_code: str | None
    product_id: strawberry.ID | None
    pool_state: str | None
    status_date_created_at: datetime | None
    product_main_id: str | None
    brand_id: strawberry.ID | None
    category_id: strawberry.ID | None
    description: str | None
    weight: Decimal | None
    vat_rate: int | None
    delivery_duration: int | None
    delivery_type: str | None
    maximum_purchasable_quantity: int | None
    reference: str | None
    need_auto_match: bool | None = strawberry.field(
        description="True where idefix reports the item completed and still changes nothing until it was matched"
    )
    add_type: str | None

    @strawberry.field
    def matched_product(self) -> IdefixMatchedProduct | None:
        """The matched product, where there is one."""
        own: Any = self.own
        product = own.matched_product
        if product is None:
            return None
        return IdefixMatchedProduct(
            barcode=product.barcode,
            name=product.name,
            brand=product.brand,
            category=product.category,
            images=product.images,
            attributes=attributes_of(product),
        )


_OWN = tuple(name for name in IdefixItem.__annotations__ if name != "own")


@strawberry.type(description="A batch of idefix products: fast listing, product create, or stock and price")
class IdefixBatch(NormalizedBatch):
    """One answer of any of the three status endpoints."""

    last_updated_at: datetime | None


def _item(item: model.Item) -> IdefixItem:
    own: Any = item.own
    return IdefixItem(**shared_of_item(item), own=own, **{name: getattr(own, name) for name in _OWN})  # type: ignore[arg-type]


def view(snapshot: model.Snapshot, facts: Told) -> IdefixBatch:
    """The API's object of an idefix snapshot."""
    own: Any = snapshot.own
    return IdefixBatch(**shared(snapshot, facts, _item), last_updated_at=own.last_updated_at)


_DEFAULT = BatchSource("idefix-fast-listing")
SourceArgument = Annotated[
    BatchSource, strawberry.argument(description="One of the three idefix sources, else INVALID_REF")
]


@strawberry.type
class IdefixQuery:
    """The typed door."""

    @strawberry.field(description="`source` is one of the three idefix sources, else INVALID_REF")
    async def idefix_batch(
        self,
        info: Info,
        id: str,
        source: SourceArgument = _DEFAULT,
        account: AccountArgument = None,
        max_age: MaxAge = None,
    ) -> IdefixBatch | None:
        """One idefix batch."""
        name = str(source.value)
        if MARKETPLACE_OF[name] != "idefix":
            raise InvalidRef("`source` is not one of idefix's: use `batch` for other marketplaces.")
        reading = await read(info, name, id, account, max_age)
        return shown(reading.snapshot, told(reading), view)


FACE = Face("idefix", (IdefixBatch,), (IdefixItem,), IdefixQuery, view)
