"""Objects of one place in an operation: for each Python class that stands there, a function made for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Protocol, cast

from graphql.type import GraphQLObjectType, is_abstract_type, is_object_type
from strawberry.schema.schema_converter import GraphQLCoreConverter

from gateway.compiled.bound import Bound
from gateway.compiled.columns import Columns
from gateway.compiled.unfit import Unfit
from schema.lasting import Chosen

Row = Callable[[Any, Bound], Any]
"""Makes the answer of one object."""
Loop = Callable[[Any, Bound], "list[Any] | None"]
"""Makes the answers of a list of objects of one class; None where another class is among them."""


_class_of: Final = cast("Callable[[object], type]", type)


class MakeRow(Protocol):
    """Generates the function for objects of a type at one place: for one of them, or for a list."""

    def __call__(self, type_: GraphQLObjectType, /, *, of: type, is_loop: bool) -> Callable[..., Any]:
        """Raise `Unfit` where the place selects a field that only graphql-core can do."""
        ...


class Objects:
    """The functions of one place, each generated when its class is first seen there."""

    def __init__(
        self,
        types: Mapping[type, GraphQLObjectType],
        make: MakeRow,
        columns: Columns,
        variables: Callable[[], Sequence[str]],
    ) -> None:
        self._types = types
        self._make = make
        self._columns = columns
        self._variables = variables
        self.rows: Final[dict[type, Row]] = {}
        """Those for one object, as far as they are generated."""
        self._loops: dict[type, Loop] = {}

    @property
    def is_known(self) -> bool:
        """False where nothing is certain about the classes that stand here."""
        return bool(self._types)

    def one(self, value: Any, bound: Bound) -> Any:
        """The answer of one object."""
        of = _class_of(value)
        row = self.rows.get(of) or self._row(of)
        return row(value, bound)

    def many(self, values: Any, bound: Bound) -> list[Any]:
        """The answers of a list of objects, none of them null."""
        if not values:
            return []
        first = _class_of(values[0])
        loop = self._loops.get(first) or self._loop(first)
        made = loop(values, bound)
        return [self.one(value, bound) for value in values] if made is None else made

    def chosen(self, values: Chosen[Any], bound: Bound) -> Any:
        """The answers of a list of objects that last, none of them null."""
        place, variables = self._lasting
        setting = bound.setting(variables)
        if setting is None or not values.indexes:
            return self.many(list(values), bound)
        key = place, *setting
        column = self._columns.of(values.owner, key)
        if column is None:
            return self.many(list(values), bound)
        joined = column.joined(values.indexes)
        if joined is None:
            missing = column.missing(values.indexes)
            column.fill(missing, self.many([values.make(index) for index in missing], bound))
            joined = column.joined(values.indexes)
            self._columns.weigh(values.owner, key, column)
        return joined

    @cached_property
    def _lasting(self) -> tuple[int, Sequence[str]]:
        """The number of this place, and the variables that its answers hang on."""
        return self._columns.place(), self._variables()

    def _row(self, of: type) -> Row:
        row = self.rows[of] = self._made(of, is_loop=False)
        return row

    def _loop(self, of: type) -> Loop:
        loop = self._loops[of] = self._made(of, is_loop=True)
        return loop

    def _made(self, of: type, *, is_loop: bool) -> Callable[..., Any]:
        type_ = self._types.get(of)
        if type_ is None:
            # nothing is kept under a class that nobody knows: there may be many of them
            raise Unfit(of.__name__)
        try:
            return self._make(type_, of=of, is_loop=is_loop)
        except Unfit:
            return _refuse


def _refuse(_value: Any, _bound: Bound) -> Any:
    raise Unfit


CAST: Final = "__as_strawberry_type__"
"""Where `strawberry.cast` marks an object to be of a type that its class does not tell."""


def classes_of(schema: Any, type_: Any) -> dict[type, GraphQLObjectType]:
    """The classes that stand for a type, and for which object type each: only those of which that is certain.

    A class stands for the type that it defines. Types with a say of their own in the matter (`resolve_type`,
    `is_type_of`) and generic ones are left out.
    """
    if is_abstract_type(type_):
        definition = _definition(type_)
        if getattr(definition, "resolve_type", None) is not None:
            return {}
        possible = schema.get_possible_types(type_)
    else:
        possible = [type_] if is_object_type(type_) else []
    return {origin: found for found in possible if (origin := _origin(found)) is not None}


def _definition(type_: Any) -> Any:
    return type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def _origin(type_: Any) -> type | None:
    definition = _definition(type_)
    if definition is None or definition.is_type_of is not None or definition.concrete_of is not None:
        return None
    origin = cast("type[object]", definition.origin)
    is_own = vars(origin).get("__strawberry_definition__") is definition and definition.name == type_.name
    if definition.is_graphql_generic or not is_own:
        return None
    is_odd = issubclass(origin, Exception) or hasattr(origin, "__await__") or hasattr(origin, "__getattr__")
    return None if is_odd else origin
