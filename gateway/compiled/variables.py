"""Which variables a part of a document uses, and which of them decide what is selected at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql.language import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    Visitor,
    visit,
)

from gateway.compiled.unfit import Unfit
from gateway.compiled.wrapping import bare, is_leaf, item_of

_DECIDING = frozenset({"skip", "include"})


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names[node.name.value] = None


class _Below(_Variables):
    def __init__(self) -> None:
        super().__init__()
        self.spread: dict[str, None] = {}

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.spread[node.name.value] = None


class _Directives(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[DirectiveNode] = []

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self.found.append(node)


def variables_in(node: Node) -> tuple[str, ...]:
    """Names of the variables in a part of a document, in their order."""
    visitor = _Variables()
    visit(node, visitor)
    return tuple(visitor.names)


def is_hiding_variables(value: ValueNode, type_: Any) -> bool:
    """True where variables stand inside a scalar's literal: only the scalar knows what becomes of them."""
    if is_leaf(type_):
        return not isinstance(value, VariableNode) and bool(variables_in(value))
    item = item_of(type_)
    if item is not None:
        values = value.values if isinstance(value, ListValueNode) else (value,)
        return any(is_hiding_variables(each, item) for each in values)
    fields = value.fields if isinstance(value, ObjectValueNode) else ()
    return any(is_hiding_variables(each.value, bare(type_).fields[each.name.value].type) for each in fields)


def variables_below(fields: Iterable[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[str, ...]:
    """Names of all variables that the answer of a field may hang on below it, through any fragment."""
    visitor = _Below()
    for field in fields:
        if field.selection_set is not None:
            visit(field.selection_set, visitor)
    seen: set[str] = set()
    while unseen := [name for name in visitor.spread if name not in seen]:
        for name in unseen:
            seen.add(name)
            visit(fragments[name], visitor)
    return tuple(visitor.names)


def deciding_variables(selections: Iterable[SelectionSetNode]) -> tuple[str, ...]:
    """Names of the variables that `@skip` and `@include` hang on. Raises `Unfit` for any other directive."""
    names: dict[str, None] = {}
    for selection_set in selections:
        visitor = _Directives()
        visit(selection_set, visitor)
        for directive in visitor.found:
            if directive.name.value not in _DECIDING:
                raise Unfit(directive.name.value)
            names.update(dict.fromkeys(variables_in(directive)))
    return tuple(names)
