"""Which variables a part of a document uses, and which of them decide what is selected at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql.language import DirectiveNode, Node, SelectionSetNode, VariableNode, Visitor, visit

from gateway.compiled.unfit import Unfit

_DECIDING = frozenset({"skip", "include"})


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names[node.name.value] = None


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
