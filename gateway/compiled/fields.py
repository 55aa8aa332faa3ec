"""How a field gets its value, where Strawberry's own way is known: anything else is left to graphql-core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from keyword import iskeyword
from typing import Any, Final

import strawberry
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

_MADE: Final = f"{GraphQLCoreConverter.__name__}.from_resolver.<locals>."
_BASIC: Final = _MADE + "_get_basic_result"
_SYNC: Final = _MADE + "_resolver"
_ASYNC: Final = _MADE + "_async_resolver"


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value is an attribute of the object."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """The value is what a function answers."""

    field: StrawberryField
    function: Callable[..., Any]
    takes_self: bool
    source_names: tuple[str, ...]
    """Keywords under which it wants the object."""
    info_name: str | None
    """The keyword under which it wants Strawberry's info."""
    is_async: bool


def access_of(definition: Any) -> Attribute | Method | None:
    """How the field of a graphql-core field definition gets its value; None where that is not known for sure.

    A field with extensions or permissions, of a class of its own, or whose resolver did not come out of Strawberry's
    converter as expected is none of ours.
    """
    field: Any = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    made = getattr(definition.resolve, "__qualname__", "")
    if not _is_ordinary(field):
        return None
    if field.base_resolver is None:
        return _attribute(field) if made == _BASIC else None
    return _method(field, field.base_resolver) if made in {_SYNC, _ASYNC} else None


def is_plain(schema: strawberry.Schema) -> bool:
    """False where the schema catches exceptions of resolvers: its fields do more than their resolvers."""
    converter: Any = schema.schema_converter
    return not converter._exception_handler_specs  # noqa: SLF001  # Strawberry has no public name for it


def _is_ordinary(field: Any) -> bool:
    return type(field) is StrawberryField and not field.extensions


def _attribute(field: StrawberryField) -> Attribute | None:
    name = field.python_name
    if field.default_resolver is not getattr or not name.isidentifier() or iskeyword(name):
        return None
    return Attribute(name)


def _method(field: StrawberryField, resolver: Any) -> Method | None:
    function: Any = resolver.wrapped_func
    if type(resolver) is not StrawberryResolver or not callable(function):
        return None
    named: tuple[Parameter | None, ...] = (resolver.root_parameter, resolver.parent_parameter)
    info: Parameter | None = resolver.info_parameter
    return Method(
        field=field,
        function=function,
        takes_self=resolver.self_parameter is not None,
        source_names=tuple(dict.fromkeys(parameter.name for parameter in named if parameter is not None)),
        info_name=info.name if info is not None else None,
        is_async=field.is_async,
    )
