"""The schema: everything that clients see, put together."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from schema.query import BatchQuery
from schema.registry import FACES
from schema.scalars import SCALARS
from schema.subscription import Subscription


def build_schema(*, suggestions: bool = True) -> strawberry.Schema:
    """The schema of all marketplaces in the registry. `suggestions`: errors may name similar fields."""
    return strawberry.Schema(
        query=merge_types("Query", (BatchQuery, *(face.query for face in FACES.values()))),
        subscription=Subscription,
        types=[member for face in FACES.values() for member in (*face.batches, *face.others)],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not suggestions),
    )
