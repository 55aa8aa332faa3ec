"""Variables read as graphql-core reads them, where they are as they should be: the way of almost every request.

A value that graphql-core would refuse, or would have to mend, raises `Unfit`: it is read by graphql-core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, cast

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLSchema, GraphQLString
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.pyutils import Undefined
from graphql.type import GraphQLInputObjectType, is_required_input_field
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from graphql.utilities.coerce_input_value import coerce_default_value

from gateway.compiled.unfit import Unfit
from gateway.compiled.wrapping import is_enum, is_input_object, is_nullable, item_of
from gateway.engine.operation import Operation

Reader = Callable[[Any], Any]


class Coercion:
    """Reads the variables of one operation."""

    def __init__(self, schema: GraphQLSchema, operation: Operation, readers: Readers) -> None:
        self._variables: list[tuple[str, VariableValueSource, Any, Reader]] = []
        for node in operation.node.variable_definitions or ():
            signature: Any = get_variable_signature(schema, node)
            default = coerce_default_value(signature) if node.default_value else Undefined
            if not isinstance(default, _UNCHANGING):
                # each run is to have its own
                raise Unfit(signature.name)
            reader = readers.of(signature.type)
            if default is Undefined and not is_nullable(signature.type):
                default = _REQUIRED
            self._variables.append((signature.name, VariableValueSource(signature), default, reader))

    def read(self, given: Mapping[str, Any]) -> VariableValues:
        """The values. Raises `Unfit`, or whatever a scalar raises."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, source, default, reader in self._variables:
            value = given.get(name, Undefined)
            if value is not Undefined:
                sources[name] = VariableValueSource(source.signature, value)
                coerced[name] = reader(value)
                continue
            sources[name] = source
            if default is _REQUIRED:
                raise Unfit(name)
            if default is not Undefined:
                coerced[name] = default
        return VariableValues(sources, coerced)


_REQUIRED: Final = object()
_UNCHANGING: Final = (str, int, float, type(None), Enum, type(Undefined))


class Readers:
    """A reader for each input type, made when it is first wanted."""

    def __init__(self) -> None:
        self._known: dict[int, Reader] = {}
        self._open: set[int] = set()

    def of(self, type_: Any) -> Reader:
        """The reader of values of a type. Raises `Unfit` for types that lead back to themselves."""
        if is_nullable(type_):
            return _or_null(self._bare(type_))
        return self._bare(type_.of_type)

    def _bare(self, type_: Any) -> Reader:
        if id(type_) in self._open:
            # graphql-core bounds how deep their values may go
            raise Unfit
        if id(type_) not in self._known:
            self._open.add(id(type_))
            try:
                self._known[id(type_)] = self._make(type_)
            finally:
                self._open.remove(id(type_))
        return self._known[id(type_)]

    def _make(self, type_: Any) -> Reader:
        item = item_of(type_)
        if item is not None:
            return _list_of(self.of(item))
        if is_input_object(type_):
            return self._object(type_)
        exact = _EXACT.get(type_)
        if exact is not None:
            return exact
        return _enum(type_) if is_enum(type_) else _scalar(type_)

    def _object(self, type_: Any) -> Reader:
        if type_.is_one_of or type_.out_type is not GraphQLInputObjectType.out_type:
            raise Unfit
        fields = [
            (
                name,
                field.out_name or name,
                _REQUIRED if is_required_input_field(field) else coerce_default_value(field),
                self.of(field.type),
            )
            for name, field in type_.fields.items()
        ]
        names = frozenset(type_.fields)

        def read(value: Any) -> Any:
            if type(value) is not dict or not value.keys() <= names:
                raise Unfit
            made: dict[str, Any] = {}
            for name, out_name, default, reader in fields:
                if name in value:
                    made[out_name] = reader(value[name])
                elif default is _REQUIRED:
                    raise Unfit
                elif default is not Undefined:
                    made[out_name] = default
            return made

        return read


def _or_null(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _list_of(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not list:
            raise Unfit
        return [reader(each) for each in cast("list[Any]", value)]

    return read


def _enum(type_: Any) -> Reader:
    members = {name: type_.coerce_input_value(name) for name in type_.values}

    def read(value: Any) -> Any:
        if type(value) is not str or value not in members:
            raise Unfit
        return members[value]

    return read


def _scalar(type_: Any) -> Reader:
    coerce = type_.coerce_input_value

    def read(value: Any) -> Any:
        coerced = Undefined if value is None else coerce(value)
        if coerced is Undefined:
            raise Unfit
        return coerced

    return read


def _exactly(kind: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise Unfit
        return value

    return read


def _int(value: Any) -> Any:
    if type(value) is not int or not GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT:
        raise Unfit
    return value


def _float(value: Any) -> Any:
    if type(value) is not float or value - value != 0.0:
        raise Unfit
    return value


_EXACT: Final[dict[Any, Reader]] = {
    GraphQLString: _exactly(str),
    GraphQLID: _exactly(str),
    GraphQLBoolean: _exactly(bool),
    GraphQLInt: _int,
    GraphQLFloat: _float,
}
"""Scalars whose values stay what they are. These very objects only: a namesake may differ."""
