"""How many values an operation's answer may hold at most, known before anything is fetched.

A field costs one; a field whose arguments say how much is asked for (`first`, and the lists `refs` and `ids`)
multiplies what stands below it. An operation is walked once; what hangs on variables stays open and is filled in for
each request, again in time linear in the operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from graphql import GraphQLSchema
from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.type import get_named_type

from gateway.limits import in_spread_order

SIZED: Final = ("first", "refs", "ids")
"""Arguments that say how much is asked for: a number, or a list that is as long as what it asks for."""

_ENOUGH: Final = 10**9


class Part(NamedTuple):
    """What stands below a field that asks for as much as the value of `variable` says, or else for `factor`."""

    variable: str | None
    factor: int
    inner: Cost


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """A number, and parts that hang on variables. Parts are shared wherever their fragment is spread."""

    fixed: int = 0
    parts: tuple[Part, ...] = ()

    def of(self, values: Mapping[str, Any]) -> int:
        """The cost with these variables."""
        return self._of(values, {}) if self.parts else self.fixed

    def _of(self, values: Mapping[str, Any], known: dict[int, int]) -> int:
        if id(self) not in known:
            total = self.fixed
            for variable, factor, inner in self.parts:
                size = _size(values[variable]) if variable is not None and variable in values else factor
                total += size * inner._of(values, known)  # noqa: SLF001  # its own kind
            known[id(self)] = min(total, _ENOUGH)
        return known[id(self)]


def _size(value: object) -> int:
    if isinstance(value, list):
        return len(cast("list[object]", value))
    return max(0, value) if isinstance(value, int) else 1


class CostReader:
    """Reads the cost of the operations of one valid document."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._known: dict[str, Cost] = {}
        for name, _ in in_spread_order(fragments):
            self._known[name] = self._selections(
                fragments[name].selection_set, schema.type_map.get(fragments[name].type_condition.name.value)
            )

    def read(self, operation: OperationDefinitionNode) -> Cost:
        """The cost of one operation."""
        return self._selections(operation.selection_set, self._schema.get_root_type(operation.operation))

    def _selections(self, node: SelectionSetNode, parent: object) -> Cost:
        fixed, parts = 0, list[Part]()
        for selection in node.selections:
            part = self._selection(selection, parent)
            if part.variable is None and not part.inner.parts:
                fixed += part.factor * part.inner.fixed
            else:
                parts.append(part)
            fixed += isinstance(selection, FieldNode)
        return Cost(min(fixed, _ENOUGH), tuple(parts))

    def _selection(self, node: object, parent: object) -> Part:
        if isinstance(node, FragmentSpreadNode):
            return Part(None, 1, self._known.get(node.name.value, _NOTHING))
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner_type = parent if condition is None else self._schema.type_map.get(condition.name.value)
            return Part(None, 1, self._selections(node.selection_set, inner_type))
        field = cast("FieldNode", node)
        if field.selection_set is None:
            return _LEAF
        definition = cast("Mapping[str, Any]", getattr(parent, "fields", {})).get(field.name.value)
        below = None if definition is None else cast("object", get_named_type(definition.type))
        variable, factor = _asked(field, definition)
        return Part(variable, factor, self._selections(field.selection_set, below))


_NOTHING: Final = Cost()
_LEAF: Final = Part(None, 1, _NOTHING)


def _asked(node: FieldNode, definition: Any) -> tuple[str | None, int]:
    """The variable, if any, that says how much a field asks for, and the number where no variable does."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    arguments: Mapping[str, Any] = {} if definition is None else definition.args
    for name in SIZED:
        if name in arguments:
            value = given.get(name)
            if isinstance(value, VariableNode):
                # one that the client leaves out is as if the argument were left out
                return value.name.value, _default(arguments[name])
            return None, _default(arguments[name]) if value is None else _literal(value)
    return None, 1


def _default(argument: Any) -> int:
    # graphql-core keeps defaults in either of two places; Strawberry fills the older one
    return _size(argument.default_value if argument.default is None else argument.default.value)


def _literal(value: ValueNode) -> int:
    if isinstance(value, ListValueNode):
        return len(value.values)
    if isinstance(value, IntValueNode):
        return min(max(0, int(value.value)), _ENOUGH)
    return 0 if isinstance(value, NullValueNode) else 1
