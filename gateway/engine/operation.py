"""An operation that was parsed, validated and limited, and the same with the variables of one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode

from gateway.engine.cost import Cost
from gateway.engine.references import References

NO_VALUES: Final = VariableValues({}, {})

_CHARACTER: Final = 80
"""Bytes that a document takes for each character of its text."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a document. Kept with its document and shared by all requests for it; compared by identity."""

    kind: str
    """`query`, `mutation` or `subscription`."""
    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    details: dict[str, FragmentDetails]
    """The fragments as the executor wants them."""
    cost: Cost
    references: References
    variables: tuple[str, ...]
    """Names of the variables that it declares."""
    memo: dict[str, object] = field(default_factory=dict[str, object])
    """Room for what is derived from this operation: it lives exactly as long as the operation does."""

    @property
    def weight(self) -> int:
        """Bytes of the document, which lives as long as anybody holds the operation."""
        location = self.node.loc
        return 0 if location is None else _CHARACTER * len(location.source.body)


class Prepared(msgspec.Struct, frozen=True, eq=False):
    """An operation with its variables coerced: ready to run, any number of times."""

    operation: Operation
    values: VariableValues
    given: Mapping[str, Any]
    """The variables as the client sent them."""
    extensions: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        """As the operation's."""
        return self.operation.kind

    def identity(self) -> tuple[Operation, bytes]:
        """Equal for two requests that ask the same, whatever else they sent along."""
        declared = {name: self.given[name] for name in self.operation.variables if name in self.given}
        return self.operation, _SORTED.encode(declared) if declared else b""


_SORTED: Final = msgspec.json.Encoder(order="sorted")
