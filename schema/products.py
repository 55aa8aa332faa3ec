"""What products of several marketplaces have in common."""

from __future__ import annotations

import strawberry


@strawberry.type(description="One attribute of a product, by the marketplace's numbers or in the seller's words")
class ProductAttribute:
    """An attribute and its value."""

    attribute_id: strawberry.ID | None
    attribute_value_id: strawberry.ID | None
    custom_attribute_value: str | None
