"""The schema: everything that clients see, put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import strawberry
from graphql import GraphQLSchema, Undefined, is_input_object_type, is_interface_type, is_object_type
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from schema.query import BatchQuery
from schema.registry import FACES
from schema.scalars import SCALARS
from schema.subscription import Subscription


def build_schema(*, suggestions: bool = True) -> strawberry.Schema:
    """The schema of all marketplaces in the registry. `suggestions`: errors may name similar fields."""
    schema = strawberry.Schema(
        query=merge_types("Query", (BatchQuery, *(face.query for face in FACES.values()))),
        subscription=Subscription,
        types=[member for face in FACES.values() for member in (*face.batches, *face.others)],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not suggestions),
    )
    core: GraphQLSchema = cast("Any", schema)._schema  # noqa: SLF001  # Strawberry has no public name for it
    for given in _inputs(core):
        if given.default_value is None:
            given.default_value = Undefined
    return schema


def _inputs(schema: GraphQLSchema) -> Iterator[Any]:
    """Every argument and input field: Python's `= None` means "may be left out", not a default that clients see."""
    for definition in schema.type_map.values():
        if is_input_object_type(definition):
            yield from definition.fields.values()
        elif is_object_type(definition) or is_interface_type(definition):
            for field in definition.fields.values():
                yield from field.args.values()
