"""What products of several marketplaces have in common."""

from __future__ import annotations

from typing import Any

import strawberry


@strawberry.type(description="One attribute of a product, by the marketplace's numbers or in the seller's words")
class ProductAttribute:
    """An attribute and its value."""

    attribute_id: strawberry.ID | None
    attribute_value_id: strawberry.ID | None
    custom_attribute_value: str | None


def attributes_of(product: Any) -> list[ProductAttribute] | None:
    """The attributes of a marketplace's product; None where it lists none."""
    if product.attributes is None:
        return None
    return [
        ProductAttribute(
            attribute_id=a.attribute_id,
            attribute_value_id=a.attribute_value_id,
            custom_attribute_value=a.custom_attribute_value,
        )
        for a in product.attributes
    ]
