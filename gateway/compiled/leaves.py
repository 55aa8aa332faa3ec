"""Leaf values: what is right as it stands is checked in place, all else goes through graphql-core's own coercion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum, Flag
from types import MappingProxyType
from typing import Any, Final

import msgspec
from graphql import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLString
from graphql.pyutils import Undefined
from strawberry.execution.is_awaitable import optimized_is_awaitable

from gateway.compiled.code import Code
from gateway.compiled.unfit import Unfit

_SMALL: Final = 2**30 - 1
"""CPython compares integers up to here without a call; larger ones take the long way."""

_DOUBTS: Final[Mapping[object, str]] = MappingProxyType(
    {
        GraphQLString: "type({0}) is not str",
        GraphQLID: "type({0}) is not str",
        GraphQLInt: f"type({{0}}) is not int or not {-_SMALL} <= {{0}} <= {_SMALL}",
        GraphQLFloat: "type({0}) is not float or {0} - {0} != 0.0",  # not for infinities and NaN
        GraphQLBoolean: "{0} is not True and {0} is not False",
    }
)
"""What keeps a value from being its own coercion, by the scalar. These very objects only: a namesake may differ."""


_PLAIN: Final[frozenset[type]] = frozenset({str, int, float, bool, datetime, Decimal, msgspec.Raw})
"""Classes of values that are neither null nor errors, nor to be awaited."""


def write_leaf(code: Code, leaf: Any, value: str, *, nullable: bool) -> None:
    """Lines that make the variable `value` what graphql-core would answer for it, or raise."""
    convert = f"{value} = {code.name(coercion(leaf), 'leaf')}({value})"
    members = _named_members(leaf)
    doubt = _DOUBTS.get(leaf)
    if members is not None:
        code.line(f"if type({value}) is {code.name(members, 'enum')}: {value} = {value}._name_")
        code.line(f"elif {value} is not None: {convert}" if nullable else f"else: {convert}")
    elif doubt is not None:
        held = f"({doubt.format(value)}) and {value} is not None" if nullable else doubt.format(value)
        code.line(f"if {held}: {convert}")
    else:
        _write_coercion(code, leaf, value)
        code.line(f"elif {value} is not None: {convert}" if nullable else f"else: {convert}")


def _write_coercion(code: Code, leaf: Any, value: str) -> None:
    """Coerce a value of a common class without a step between."""
    undefined = code.name(Undefined, "undefined")
    code.line(f"if type({value}) in {code.name(_PLAIN, 'plain')}:")
    code.line(f"    {value} = {code.name(leaf.coerce_output_value, 'coerce')}({value})")
    code.line(f"    if {value} is None or {value} is {undefined}: raise {code.name(Unfit, 'unfit')}")


def coercion(leaf: Any) -> Callable[[Any], Any]:
    """The leaf type's coercion of one value that is not null; raises for whatever is an error or must be awaited."""
    coerce = leaf.coerce_output_value

    def convert(value: Any) -> Any:
        if value is None or isinstance(value, Exception) or optimized_is_awaitable(value):
            raise Unfit
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Unfit
        return coerced

    return convert


def _named_members(leaf: Any) -> type[Enum] | None:
    """The Python enum behind a leaf type, where its members answer under their own names."""
    wrapped = getattr(leaf, "wrapped_cls", None)
    if not isinstance(wrapped, type) or not issubclass(wrapped, Enum) or issubclass(wrapped, Flag):
        return None
    try:
        return wrapped if all(leaf.coerce_output_value(member) == member.name for member in wrapped) else None
    except ValueError:  # a member that the schema does not show
        return None
