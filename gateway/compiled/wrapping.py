"""What graphql-core's types wrap, without their types: graphql-core leaves those open."""

from __future__ import annotations

from typing import Any, cast

from graphql import type as types

_types = cast("Any", types)


def is_nullable(type_: Any) -> bool:
    """False for a type that allows no null."""
    return not _types.is_non_null_type(type_)


def bare(type_: Any) -> Any:
    """The type, null allowed."""
    return type_ if is_nullable(type_) else type_.of_type


def item_of(type_: Any) -> Any:
    """The type of the items, where the type is a list, perhaps one that allows no null; else None."""
    inner = bare(type_)
    return inner.of_type if _types.is_list_type(inner) else None


def is_leaf(type_: Any) -> bool:
    """True for scalars and enums, null allowed or not; not for lists of them."""
    return _types.is_leaf_type(bare(type_))


def is_lasting(type_: Any) -> bool:
    """True for enums and GraphQL's own scalars, null allowed or not: nothing can change their values."""
    inner = bare(type_)
    return _types.is_enum_type(inner) or _types.specified_scalar_types.get(inner.name) is inner


def is_enum(type_: Any) -> bool:
    """True for enums that allow null."""
    return _types.is_enum_type(type_)


def is_input_object(type_: Any) -> bool:
    """True for input objects that allow null."""
    return _types.is_input_object_type(type_)


def leads_to_objects(type_: Any) -> bool:
    """True where something must be selected below."""
    return _types.is_composite_type(named(type_))


def named(type_: Any) -> Any:
    """What stands inside all wrapping."""
    return _types.get_named_type(type_)
