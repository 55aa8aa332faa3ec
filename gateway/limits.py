"""What one GraphQL document may be: limits with names, checked in time linear in the document.

Every fragment is walked once and its numbers are added up wherever it is spread, so that a few hundred bytes of
fragments that spread each other twice cost no more than their length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

_ENOUGH = 10**9
"""Sums stop here: doubling fragments would make numbers of hundreds of digits."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How large a document may be. A query for 40 batches with every field of every marketplace fits."""

    length: int = 65_536
    """Characters of the document's text."""
    tokens: int = 5_000
    depth: int = 20
    """Fields within fields; introspection is bounded by a rule of its own."""
    aliases: int = 250
    """Counted wherever a fragment is spread, as are fields."""
    fields: int = 5_000
    directives: int = 100
    cost: int = 250_000
    """Values that an answer may hold at most: fields times the references and items asked for."""
    comparisons: int = 25_000
    """Work spent on finding out whether fields of one name agree: the one validation rule that is not linear."""
    errors: int = 20
    """Validation errors returned at once."""
    introspection: bool = True
    suggestions: bool = True
    """Whether errors say "Did you mean …", which tells names of the schema."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a document crosses, with the code and the words for the client."""

    code: str
    message: str


@dataclass(slots=True)
class Size:
    """What was counted in one definition, without (`spreads`) and then with the fragments that it spreads."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    spreads: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Names of fragments and how deep they are spread."""

    def add(self, other: Size, depth: int) -> None:
        """Count a fragment in, spread `depth` fields deep."""
        self.depth = max(self.depth, depth + other.depth)
        self.aliases = min(_ENOUGH, self.aliases + other.aliases)
        self.fields = min(_ENOUGH, self.fields + other.fields)


def exceeded(document: DocumentNode, limits: DocumentLimits) -> Excess | None:
    """The first limit that the document crosses, or None. Needs no valid document."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    sizes = _fragment_sizes(fragments)
    if count_directives(document) > limits.directives:
        return Excess("TOO_MANY_DIRECTIVES", f"The document has more than {limits.directives} directives.")
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            size = _measure(definition.selection_set)
            _resolve(size, sizes)
            if (excess := _compare(size, limits)) is not None:
                return excess
    return None


def _compare(size: Size, limits: DocumentLimits) -> Excess | None:
    if size.depth > limits.depth:
        return Excess("TOO_DEEP", f"The operation nests its fields deeper than {limits.depth} levels.")
    if size.aliases > limits.aliases:
        return Excess("TOO_MANY_ALIASES", f"The operation has more than {limits.aliases} aliases.")
    if size.fields > limits.fields:
        return Excess("TOO_MANY_FIELDS", f"The operation has more than {limits.fields} fields.")
    return None


def in_spread_order(fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[tuple[str, Size]]:
    """Fragments by name, each after those that it spreads, and what was counted in it without them."""
    own = {name: _measure(fragment.selection_set) for name, fragment in fragments.items()}
    for name in _spread_order({name: [spread for spread, _ in size.spreads] for name, size in own.items()}):
        yield name, own[name]


def _spread_order(spreads: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Names of fragments, each after those that it spreads; a cycle is cut where it closes.

    Walks without recursion, because a chain of fragments may be longer than Python's stack is deep.
    """
    done: set[str] = set()
    for root in spreads:
        path = [] if root in done else [(root, iter(spreads[root]))]
        entered = {root}
        while path:
            name, inner = path[-1]
            below = next((s for s in inner if s in spreads and s not in done and s not in entered), None)
            if below is not None:
                entered.add(below)
                path.append((below, iter(spreads[below])))
                continue
            path.pop()
            done.add(name)
            yield name


def _fragment_sizes(fragments: Mapping[str, FragmentDefinitionNode]) -> dict[str, Size]:
    sizes: dict[str, Size] = {}
    for name, size in in_spread_order(fragments):
        _resolve(size, sizes)
        sizes[name] = size
    return sizes


def _resolve(size: Size, sizes: Mapping[str, Size]) -> None:
    for name, depth in size.spreads:
        if name in sizes:
            size.add(sizes[name], depth)


def _measure(selections: SelectionSetNode) -> Size:
    """Count what stands in one definition itself."""
    size = Size()
    open_sets = [(selections, 0, True)]
    while open_sets:
        node, depth, is_deep = open_sets.pop()
        for selection in node.selections:
            if isinstance(selection, FragmentSpreadNode):
                size.spreads.append((selection.name.value, depth))
            elif isinstance(selection, InlineFragmentNode):
                open_sets.append((selection.selection_set, depth, is_deep))
            elif isinstance(selection, FieldNode):
                size.fields += 1
                size.aliases += selection.alias is not None
                counts = is_deep and not selection.name.value.startswith("__")
                size.depth = max(size.depth, depth + counts)
                if selection.selection_set is not None:
                    open_sets.append((selection.selection_set, depth + counts, counts))
    return size


def count_directives(document: DocumentNode) -> int:
    """How many directives stand in the document, wherever they stand."""
    count = 0
    nodes: list[object] = list(document.definitions)
    while nodes:
        node = nodes.pop()
        count += len(getattr(node, "directives", None) or ())
        nodes.extend(getattr(node, "variable_definitions", None) or ())
        if (inner := getattr(node, "selection_set", None)) is not None:
            nodes.extend(inner.selections)
    return count
