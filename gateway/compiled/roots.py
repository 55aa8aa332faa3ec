"""Root fields: their resolvers called as Strawberry calls them, without the steps that are the same every time."""

from __future__ import annotations

from typing import Any, NamedTuple

import strawberry
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import VariableValues
from graphql.language import FieldNode
from graphql.type import GraphQLObjectType

from gateway.compiled.arguments import Arguments
from gateway.compiled.fields import Method, access_of


class Root(NamedTuple):
    """One root field of an operation."""

    definition: Any
    nodes: list[FieldNode]
    method: Method
    arguments: Arguments
    info_class: Any

    def resolve(self, source: Any, info: Any, values: VariableValues, *, hide_suggestions: bool) -> Any:
        """What the resolver answers, perhaps to be awaited."""
        method = self.method
        own_info = self.info_class(_raw_info=info, _field=method.field)
        given = self.arguments.of(values, own_info, hide_suggestions=hide_suggestions)
        for name in method.source_names:
            given[name] = source
        if method.info_name is not None:
            given[method.info_name] = own_info
        return method.function(source, **given) if method.takes_self else method.function(**given)


def root_of(schema: strawberry.Schema, core: Any, type_: GraphQLObjectType, details: FieldDetailsList) -> Root | None:
    """A root field; None where only graphql-core knows how to resolve it."""
    node = details[0].node
    definition = core.get_field(type_, node.name.value)
    access = None if definition is None else access_of(definition)
    if not isinstance(access, Method):
        return None
    return Root(
        definition=definition,
        nodes=[each.node for each in details],
        method=access,
        arguments=Arguments(schema, definition, access.field, node),
        info_class=schema.config.info_class,
    )
