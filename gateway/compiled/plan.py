"""How one operation is answered: what every run of it has in common, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, cast

import strawberry
from graphql import GraphQLSchema
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from graphql.type import GraphQLObjectType

from gateway.compiled.arguments import Arguments
from gateway.compiled.bound import Bound
from gateway.compiled.columns import Columns
from gateway.compiled.objects import Objects, classes_of
from gateway.compiled.roots import Root, root_of
from gateway.compiled.selection import make_projection, make_row
from gateway.compiled.unfit import Unfit
from gateway.compiled.variables import variables_below
from gateway.compiled.wrapping import item_of, leads_to_objects, named
from gateway.engine.operation import Operation

Projection = Callable[[Any, Bound], Any]


_FIELD: Final = 1_000
"""Bytes that a field takes in a generated function."""
_PLAN: Final = 5
"""What a plan weighs without functions, in fields."""
_FUNCTION: Final = 4
"""What a generated function weighs, in fields."""
_LARGEST: Final = 10_000
"""Fields in the functions of one plan at most: what a document asks for beyond them is graphql-core's."""


class Only(NamedTuple):
    """The root field of an operation that has but one."""

    details: FieldDetailsList
    path: Path


class Plan:
    """One operation, for one setting of the variables that `@skip` and `@include` hang on.

    Functions are generated when the first value comes to their place, so a plan grows by what is really answered:
    four fragments on four marketplaces cost nothing for the three that never come.
    """

    def __init__(
        self, schema: strawberry.Schema, operation: Operation, settled: VariableValues, columns: Columns
    ) -> None:
        self._schema = schema
        self._core: Final[GraphQLSchema] = cast("Any", schema)._schema  # noqa: SLF001  # it has no public name
        self._operation = operation
        self._settled = settled
        self._columns = columns
        self._seen: list[FieldDetailsList] = []
        """Keeps alive whatever is known by its id."""
        self._collected: dict[tuple[int, int], CollectedFields] = {}
        self._objects: dict[int, Objects] = {}
        self._projections: dict[tuple[int, int], Projection | None] = {}
        self.size = 0
        """Fields in the functions that were generated so far."""
        self._bare: Final = _PLAN + operation.weight // _FIELD
        self.hanging: Final[list[Arguments]] = []
        """Arguments of nested fields that hang on variables, by number."""
        root = self._core.get_root_type(operation.node.operation)
        if root is None:
            raise Unfit(operation.kind)
        self.root: Final[GraphQLObjectType] = root
        self.fields: Final = self._checked(
            collect_fields(self._core, operation.details, settled, root, operation.node)
        ).grouped_field_set
        paths = [(details, Path(None, key, root.name)) for key, details in self.fields.items()]
        self.only: Final = Only(*paths[0]) if len(paths) == 1 else None
        self.roots: Final[dict[int, Root]] = {}
        for details in self.fields.values():
            found = root_of(schema, self._core, root, details)
            if found is not None:
                self.roots[id(details)] = found

    @property
    def weight(self) -> int:
        """What it takes, in fields, with the document: perhaps nobody else holds that any more."""
        return self._bare + self.size

    def subfields(self, type_: GraphQLObjectType, details: FieldDetailsList) -> CollectedFields:
        """What is selected on objects of a type below a field; the same object every time."""
        key = id(type_), id(details)
        collected = self._collected.get(key)
        if collected is None:
            self._seen.append(details)
            collected = self._collected[key] = self._checked(
                collect_subfields(
                    self._core, self._operation.details, self._settled, self._operation.node, type_, details
                )
            )
        return collected

    def projection(self, type_: Any, details: FieldDetailsList, field_type: Any) -> Projection | None:
        """The function that completes a value of a type at the place of a field; None for leaves.

        Types are those of the field itself and of the items of its lists.
        """
        key = id(type_), id(details)
        if key not in self._projections:
            self._seen.append(details)
            is_offered = any(type_ is each for each in _offered(field_type))
            self.size += _FUNCTION * is_offered
            is_known = is_offered and self.objects(named(field_type), details).is_known
            self._projections[key] = make_projection(self, type_, details) if is_known else None
        return self._projections[key]

    def collect(self, type_: GraphQLObjectType, details: FieldDetailsList) -> dict[str, FieldDetailsList]:
        """The fields selected on an object type, by response key."""
        return self.subfields(type_, details).grouped_field_set

    def definition(self, type_: GraphQLObjectType, name: str) -> Any:
        """The definition of a field. Raises `Unfit` where there is none."""
        definition = self._core.get_field(type_, name)
        if definition is None:
            raise Unfit(name)
        return definition

    def objects(self, type_: Any, details: FieldDetailsList) -> Objects:
        """The functions for the objects that a field leads to."""
        found = self._objects.get(id(details))
        if found is None:
            self._seen.append(details)

            def make(own: GraphQLObjectType, *, of: type, is_loop: bool) -> Callable[..., Any]:
                if self.size >= _LARGEST:
                    raise Unfit
                self.size += _FUNCTION + len(self.collect(own, details))
                return make_row(self, own, details, of=of, is_loop=is_loop)

            def below() -> Sequence[str]:
                return variables_below((each.node for each in details), self._operation.fragments)

            found = self._objects[id(details)] = Objects(classes_of(self._core, type_), make, self._columns, below)
        return found

    def arguments(self, definition: Any, field: Any, details: FieldDetailsList) -> Arguments:
        """The arguments of a field."""
        return Arguments(self._schema, definition, field, details[0].node)

    def number(self, arguments: Arguments) -> int:
        """Under which the arguments are found in what is bound for a run."""
        self.hanging.append(arguments)
        return len(self.hanging) - 1

    @staticmethod
    def _checked(collected: CollectedFields) -> CollectedFields:
        if collected.new_defer_usages:
            raise Unfit("@defer")
        return collected


def _offered(field_type: Any) -> list[Any]:
    """A field's type and the types of the items of its lists, where they are made of objects."""
    found: list[Any] = []
    open_type = field_type if leads_to_objects(field_type) else None
    while open_type is not None:
        found.append(open_type)
        open_type = item_of(open_type)
    return found
