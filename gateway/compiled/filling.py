"""From arguments with marks to a function that fills the marks in and builds what Strawberry would build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from strawberry.relay.types import GlobalID
from strawberry.schema.compat import is_scalar
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType

from gateway.compiled.code import Code
from gateway.compiled.unfit import Unfit


class Mark(NamedTuple):
    """Stands for the value of a variable."""

    variable: str


_UNCHANGING: Final = (str, int, float, type(None), Enum, Decimal, datetime, date, time, UUID)


def make_filling(
    read: Mapping[str, Any], arguments: Sequence[StrawberryArgument], converter: Any
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The function from variables to keyword arguments. Raises `Unfit` for what it cannot promise to do the same."""
    filling = _Filling(converter)
    given = {
        argument.python_name: filling.write(read[name], argument.type)
        for argument in arguments
        if (name := converter.config.name_converter.from_argument(argument)) in read
    }
    code = filling.code
    code.line("return {" + ", ".join(f"{code.name(name, 'key')}: {text}" for name, text in given.items()) + "}")
    return code.build()


class _Filling:
    """Writes the expressions of one function."""

    def __init__(self, converter: Any) -> None:
        self.code = Code("variables")
        self._converter = converter

    def write(self, value: Any, type_: Any) -> str:
        """The expression for one value of a Strawberry type, as its `convert_argument` treats it."""
        if isinstance(type_, StrawberryMaybe):
            raise Unfit
        if isinstance(type_, StrawberryOptional):
            return self.write(value, type_.of_type)
        if value is None:
            return "None"
        if isinstance(type_, LazyType):
            return self.write(value, type_.resolve_type())
        if isinstance(value, Mark) and not self._is_leaf(type_):
            raise Unfit
        if isinstance(type_, StrawberryList):
            if type(value) is not list:
                raise Unfit
            return "[" + ", ".join(self.write(each, type_.of_type) for each in cast("list[Any]", value)) + "]"
        return self._leaf(value) if self._is_leaf(type_) else self._input(value, type_)

    def _is_leaf(self, type_: Any) -> bool:
        if type_ is GlobalID:
            raise Unfit
        is_enum = isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_)
        return is_enum or is_scalar(type_, self._converter.scalar_registry)

    def _leaf(self, value: Any) -> str:
        if isinstance(value, Mark):
            return f"variables[{self.code.name(value.variable, 'variable')}]"
        if not isinstance(value, _UNCHANGING):
            raise Unfit
        return self.code.name(value, "value")

    def _input(self, value: Any, type_: Any) -> str:
        if not has_object_definition(type_) or type(value) is not dict:
            raise Unfit
        definition: Any = type_.__strawberry_definition__
        if definition.from_input is not None or not definition.is_input:
            raise Unfit
        given = {
            field.python_name: "None"
            for field in definition.fields
            if field.default_value is MISSING and field.default_factory is MISSING
        }
        for field in definition.fields:
            name = self._converter.config.name_converter.from_field(field)
            if name in value:
                given[field.python_name] = self.write(value[name], field.resolve_type(type_definition=definition))
        made = ", ".join(f"{name}={text}" for name, text in given.items())
        return f"{self.code.name(type_, 'input')}({made})"
