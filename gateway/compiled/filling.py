"""From arguments with marks to a function that fills the marks in and builds what Strawberry would build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional
from strawberry.types.lazy_type import LazyType

from gateway.compiled.code import Code
from gateway.compiled.converting import Converting
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
        self._converting = Converting(converter)

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
        if isinstance(value, Mark):
            return self._variable(value, type_)
        if isinstance(type_, StrawberryList):
            if type(value) is not list:
                raise Unfit
            return "[" + ", ".join(self.write(each, type_.of_type) for each in cast("list[Any]", value)) + "]"
        return self._leaf(value) if self._converting.is_leaf(type_) else self._input(value, type_)

    def _variable(self, mark: Mark, type_: Any) -> str:
        convert = self._converting.of(type_)
        text = f"variables[{self.code.name(mark.variable, 'variable')}]"
        return text if convert is None else f"{self.code.name(convert, 'convert')}({text})"

    def _leaf(self, value: Any) -> str:
        if not isinstance(value, _UNCHANGING):
            raise Unfit
        return self.code.name(value, "value")

    def _input(self, value: Any, type_: Any) -> str:
        empty, fields = self._converting.fields_of(type_)
        if type(value) is not dict:
            raise Unfit
        given = dict.fromkeys(empty, "None")
        for name, parameter, of in fields:
            if name in value:
                given[parameter] = self.write(value[name], of)
        made = ", ".join(f"{name}={text}" for name, text in given.items())
        return f"{self.code.name(type_, 'input')}({made})"
