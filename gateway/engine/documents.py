"""Documents by their text: parsed, limited and validated once, kept within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import GraphQLError, GraphQLSchema, GraphQLSyntaxError, parse, validate
from graphql.execution.collect_fields import FragmentDetails
from graphql.language import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode
from graphql.validation import (
    ASTValidationRule,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    specified_rules,
)

from gateway.engine.cost import CostReader
from gateway.engine.errors import format_refusals
from gateway.engine.operation import NO_VALUES, Operation, Prepared
from gateway.engine.references import read_references
from gateway.engine.request import RequestError, error_of
from gateway.limits import DocumentLimits, exceeded

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNKNOWN: Final = "OPERATION_RESOLUTION_FAILURE"


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """How much of what was prepared is kept. A document takes some 80 bytes for each character of its text."""

    documents: int = 1_000
    characters: int = 800_000


class Document:
    """A valid document: its operations by name, each prepared as if it had no variables."""

    __slots__ = ("_by_name", "_only")

    def __init__(self, operations: Sequence[Operation]) -> None:
        bare = [Prepared(operation, NO_VALUES, {}) for operation in operations]
        self._by_name = {p.operation.node.name.value: p for p in bare if p.operation.node.name is not None}
        self._only = bare[0] if len(bare) == 1 else None

    def operation(self, name: str | None) -> Prepared:
        """The operation of that name, or the only one. Raises `RequestError`."""
        found = self._by_name.get(name) if name else self._only
        if found is None:
            raise RequestError.of(
                OPERATION_UNKNOWN,
                "The document has no operation of that name."
                if name
                else "The document has several operations, or none: name the one to run in `operationName`.",
            )
        return found


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a text is no document that can be run. No exception: one that is kept keeps the request that met it."""

    errors: tuple[dict[str, Any], ...]


class Documents:
    """Every text is worked on once: what it failed with is remembered like what it became."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, bounds: CacheBounds) -> None:
        self._schema = schema
        self._limits = limits
        self._bounds = bounds
        self._rules = _rules(limits)
        self._kept: OrderedDict[str, Document | _Failure] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Document:
        """The document of that text. Raises `RequestError` where it cannot be run."""
        found = self._kept.get(text)
        if found is None:
            if len(text) > self._limits.length:
                raise RequestError.of("TOO_LONG", f"The document is longer than {self._limits.length} characters.")
            found = self._keep(text, self._prepare(text))
        else:
            self._kept.move_to_end(text)
        if isinstance(found, _Failure):
            raise RequestError(found.errors)
        return found

    def _keep(self, text: str, document: Document | _Failure) -> Document | _Failure:
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > self._bounds.documents or self._characters > self._bounds.characters:
            dropped, _ = self._kept.popitem(last=False)
            self._characters -= len(dropped)
        return document

    def _prepare(self, text: str) -> Document | _Failure:
        try:
            node = self._parse(text)
        except RequestError as error:
            return _Failure(error.errors)
        if (excess := exceeded(node, self._limits)) is not None:
            return _Failure((error_of(excess.code, excess.message),))
        errors = validate(
            self._schema, node, self._rules, self._limits.errors, hide_suggestions=not self._limits.suggestions
        )
        if errors:
            # graphql-core adds one that says that it has stopped
            return _Failure(tuple(format_refusals(errors[: self._limits.errors], VALIDATION_FAILED)))
        return Document(self._operations(node))

    def _parse(self, text: str) -> DocumentNode:
        most = self._limits.tokens
        try:
            return parse(text, max_lexical_tokens=most, max_comments=most)
        except GraphQLSyntaxError as error:
            # the parser has no class of its own for its limits; these are its words
            if error.message.endswith(("tokens. Parsing aborted.", "comments. Parsing aborted.")):
                raise RequestError.of("TOO_MANY_TOKENS", f"The document has more than {most} tokens.") from None
            raise RequestError(format_refusals([error], PARSE_FAILED)) from None
        except GraphQLError as error:
            raise RequestError(format_refusals([error], PARSE_FAILED)) from None

    def _operations(self, node: DocumentNode) -> list[Operation]:
        fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
        details = {name: FragmentDetails(fragment) for name, fragment in fragments.items()}
        costs = CostReader(self._schema, fragments)
        return [
            Operation(
                kind=definition.operation.value,
                node=definition,
                fragments=fragments,
                details=details,
                cost=costs.read(definition),
                references=read_references(definition, fragments),
                variables=tuple(v.variable.name.value for v in definition.variable_definitions or ()),
            )
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        ]


def _rules(limits: DocumentLimits) -> list[type[ASTValidationRule]]:
    class Overlap(OverlappingFieldsCanBeMergedRule):
        """The same rule with less patience: its own budget is worth a second of a processor's time."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            rule_context = cast("Any", self).rule_context
            rule_context.remaining_complexity_budget = limits.comparisons

    rules = [Overlap if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
    return rules if limits.introspection else [*rules, NoSchemaIntrospectionCustomRule]
