"""How many batches an operation names, in all its fields together: each may be a call to a marketplace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from graphql.language import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    OperationDefinitionNode,
    VariableNode,
)

_NAMING: Final = ("refs", "ids", "ref", "id")
"""Arguments of the root's fields that name batches, one or a list of them."""


class References(NamedTuple):
    """What the fields of the root name: a number, and variables that hold the rest."""

    fields: int
    """Fields that name batches."""
    fixed: int
    variables: tuple[str, ...]

    def of(self, values: Mapping[str, Any]) -> int:
        """The number of batches with these variables."""
        return self.fixed + sum(_number(values.get(name)) for name in self.variables)


def _number(value: object) -> int:
    return len(cast("list[object]", value)) if isinstance(value, list) else 1


def read_references(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> References:
    """What an operation names. Fields that merge into one count once."""
    named = [
        argument.value
        for field in _root_fields(operation, fragments)
        for argument in field.arguments or ()
        if argument.name.value in _NAMING
    ]
    variables = tuple(value.name.value for value in named if isinstance(value, VariableNode))
    written = [value for value in named if not isinstance(value, VariableNode)]
    fixed = sum(len(value.values) if isinstance(value, ListValueNode) else 1 for value in written)
    return References(len(named), fixed, variables)


def _root_fields(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterable[FieldNode]:
    """One field for each key. Without recursion: a chain of fragments may be longer than Python's stack is deep."""
    found: dict[str, FieldNode] = {}
    walked: set[str] = set()
    waiting = [operation.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                found.setdefault(node.name.value if node.alias is None else node.alias.value, node)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in walked:
                walked.add(node.name.value)
                waiting.append(fragments[node.name.value].selection_set)
    return found.values()
