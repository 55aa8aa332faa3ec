"""The arguments of one field in an operation, as its resolver takes them: read by graphql-core, made by Strawberry.

graphql-core reads a field's arguments once, with a mark in place of each variable, and what it reads becomes a
function that fills the marks in. Which variables are null, or not there, changes what is read: each such pattern is
read anew. What the function cannot do just so (and all that is wrong) is read for each run by both libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import FieldNode, VariableNode
from graphql.pyutils import Undefined
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from gateway.compiled.filling import Mark, make_filling
from gateway.compiled.unfit import Unfit
from gateway.compiled.variables import is_hiding_variables, variables_in
from gateway.compiled.wrapping import is_lasting, is_leaf

_PATTERNS: Final = 16
"""Patterns of null and absent variables for which a field keeps a function."""

Filling = Callable[[Mapping[str, Any]], dict[str, Any]]


class Arguments:
    """What one field node hands to its resolver, for any variables."""

    def __init__(self, schema: strawberry.Schema, definition: Any, field: StrawberryField, node: FieldNode) -> None:
        self._converter: Any = schema.schema_converter
        self._definition = definition
        self._field = field
        self._node = node
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        self.variables: Final = tuple(dict.fromkeys(name for value in given.values() for name in variables_in(value)))
        self.is_shareable: Final = all(
            is_leaf(argument.type) and (is_lasting(argument.type) or isinstance(given.get(name), VariableNode | None))
            for name, argument in definition.args.items()
        )
        """True where calls share the values anyhow, or no resolver could change them: one reading serves them all."""
        self._is_open: Final = not any(
            is_hiding_variables(value, definition.args[name].type) for name, value in given.items()
        )
        self._fillings: dict[tuple[object, ...], Filling | None] = {}

    def of(self, values: VariableValues, info: Any = None, *, hide_suggestions: bool = False) -> dict[str, Any]:
        """The keyword arguments. Raises what graphql-core and Strawberry raise."""
        coerced = values.coerced
        pattern = tuple([_kind(coerced.get(name, Undefined)) for name in self.variables])
        filling = self._fillings[pattern] if pattern in self._fillings else self._keep(pattern)
        if filling is not None:
            return filling(coerced)
        read = get_argument_values(self._definition, self._node, values, None, hide_suggestions)
        return self._convert(read, info)

    def _convert(self, read: dict[str, Any], info: Any) -> dict[str, Any]:
        converter = self._converter
        return convert_arguments(
            read, self._field.arguments, scalar_registry=converter.scalar_registry, config=converter.config, info=info
        )

    def _keep(self, pattern: tuple[object, ...]) -> Filling | None:
        if not self._is_open or len(self._fillings) >= _PATTERNS:
            return None
        filling = self._fillings[pattern] = self._filling(pattern)
        return filling

    def _filling(self, pattern: tuple[object, ...]) -> Filling | None:
        marks = {
            name: Mark(name) if kind is _PRESENT else kind
            for name, kind in zip(self.variables, pattern, strict=True)
            if kind is not Undefined
        }
        try:
            read = get_argument_values(self._definition, self._node, VariableValues({}, marks))
            return make_filling(read, self._field.arguments, self._converter)
        except (GraphQLError, Unfit):
            return None


_PRESENT: Final = object()


def _kind(value: object) -> object:
    return value if value is None or value is Undefined else _PRESENT
