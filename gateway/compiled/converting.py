"""Values of variables as Strawberry would hand them to a resolver: for each type a function, made once for a field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, Final

from strawberry.relay.types import GlobalID
from strawberry.schema.compat import is_scalar
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

from gateway.compiled.unfit import Unfit

Convert = Callable[[Any], Any]


class Converting:
    """Makes functions that do what Strawberry's `convert_argument` does, and raises `Unfit` where they would not.

    Every call of such a function makes its own lists and objects.
    """

    def __init__(self, converter: Any) -> None:
        self._config: Final = converter.config
        self._scalars: Final = converter.scalar_registry
        self._open: set[type] = set()

    def of(self, type_: Any) -> Convert | None:
        """The function for coerced values of a Strawberry type; None where they stay what they are."""
        if isinstance(type_, StrawberryMaybe):
            raise Unfit
        if isinstance(type_, StrawberryOptional):
            return self.of(type_.of_type)
        if isinstance(type_, LazyType):
            return self.of(type_.resolve_type())
        if isinstance(type_, StrawberryList):
            return _listed(self.of(type_.of_type))
        return None if self.is_leaf(type_) else self._object(type_)

    def is_leaf(self, type_: Any) -> bool:
        """True for scalars and enums. Raises `Unfit` for those that Strawberry changes."""
        if type_ is GlobalID:
            raise Unfit
        is_enum = isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_)
        return is_enum or is_scalar(type_, self._scalars)

    def fields_of(self, type_: Any) -> tuple[tuple[str, ...], list[tuple[str, str, Any]]]:
        """Of an input class: fields that are None where nothing else is given; all, as (name, parameter, type)."""
        if not has_object_definition(type_):
            raise Unfit
        definition: Any = type_.__strawberry_definition__
        if definition.from_input is not None or not definition.is_input:
            raise Unfit
        empty = [f for f in definition.fields if f.default_value is MISSING and f.default_factory is MISSING]
        named = [
            (self._config.name_converter.from_field(f), f.python_name, f.resolve_type(type_definition=definition))
            for f in definition.fields
        ]
        return tuple(f.python_name for f in empty), named

    def _object(self, type_: Any) -> Convert:
        if type_ in self._open:
            raise Unfit
        self._open.add(type_)
        empty, named = self.fields_of(type_)
        fields = [(name, parameter, self.of(of)) for name, parameter, of in named]
        self._open.remove(type_)

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            given: dict[str, Any] = dict.fromkeys(empty)
            for name, parameter, inner in fields:
                if name in value:
                    given[parameter] = value[name] if inner is None else inner(value[name])
            return type_(**given)

        return convert


def _listed(item: Convert | None) -> Convert:
    def convert(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        return list(value) if item is None else [item(each) for each in value]

    return convert
