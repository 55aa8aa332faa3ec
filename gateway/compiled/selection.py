"""From a selection to source: the functions that make answers out of objects and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from graphql.execution.collect_fields import FieldDetailsList
from graphql.type import GraphQLObjectType

from gateway.compiled.arguments import Arguments
from gateway.compiled.code import Code
from gateway.compiled.fields import Attribute, Method, access_of
from gateway.compiled.leaves import write_leaf
from gateway.compiled.objects import CAST, Objects
from gateway.compiled.unfit import Unfit, drop
from gateway.compiled.wrapping import bare, is_leaf, is_nullable, item_of
from gateway.engine.operation import NO_VALUES
from schema.lasting import Chosen


class Place(Protocol):
    """What the source of one operation needs to know of it."""

    def collect(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Mapping[str, FieldDetailsList]:
        """The fields selected on an object type, by response key. Raises `Unfit`."""
        ...

    def definition(self, type_: GraphQLObjectType, name: str) -> Any:
        """The definition of a field. Raises `Unfit` where there is none."""
        ...

    def objects(self, type_: Any, details: FieldDetailsList) -> Objects:
        """The functions for objects that a field leads to."""
        ...

    def arguments(self, definition: Any, field: Any, details: FieldDetailsList) -> Arguments:
        """The arguments of a field."""
        ...

    def number(self, arguments: Arguments) -> int:
        """Under which the arguments are found in what is bound for a run."""
        ...


def make_row(place: Place, type_: GraphQLObjectType, details: FieldDetailsList, *, of: type, is_loop: bool) -> Any:
    """The function for objects of one class at one place: for one of them, or for a list of them.

    The answer is a record whose fields are encoded under the response keys, in their order.
    """
    code = Code("items, bound" if is_loop else "item, bound")
    if is_loop:
        code.line("made = []")
        code.line("add = made.append")
        code.line("for item in items:")
        code.indent()
        code.line(f"if type(item) is not {code.name(of, 'expected')}: return None")
    if type_.is_type_of is not None:
        # what it was cast to counts, wherever a type is asked for its objects
        code.line(f"if getattr(item, {CAST!r}, None) is not None: raise {code.name(Unfit, 'unfit')}")
    fields = place.collect(type_, details)
    values = [_write_field(code, place, type_, chosen) for chosen in fields.values()]
    record = f"{code.name(_record(tuple(fields)), 'record')}({', '.join(values)})"
    code.line(f"add({record})" if is_loop else f"return {record}")
    if is_loop:
        code.indent(-1)
        code.line("return made")
    return code.build()


def make_projection(place: Place, type_: Any, details: FieldDetailsList) -> Callable[..., Any]:
    """The function for one value of any type, as a field answers it."""
    code = Code("value, bound")
    _write_value(code, place, type_, details, "value")
    code.line("return value")
    return code.build()


def _record(keys: tuple[str, ...]) -> type[msgspec.Struct]:
    names = {f"f{number}": key for number, key in enumerate(keys)}
    return msgspec.defstruct("Selected", [(name, object) for name in names], rename=names, gc=False, eq=False)


def _write_field(code: Code, place: Place, type_: GraphQLObjectType, details: FieldDetailsList) -> str:
    """Lines that leave the field's answer in a variable; the name of that variable."""
    name = details[0].node.name.value
    if name == "__typename":
        return code.name(type_.name, "typename")
    definition = place.definition(type_, name)
    access = access_of(definition)
    value = code.fresh()
    if isinstance(access, Attribute):
        code.line(f"{value} = item.{access.name}")
        _write_value(code, place, definition.type, details, value)
    elif isinstance(access, Method) and not access.is_async and access.info_name is None:
        answered = code.fresh()
        code.line(f"{answered} = {value} = {_call(code, place, definition, access, details)}")
        code.line("try:")
        code.indent()
        _write_value(code, place, definition.type, details, value)
        code.indent(-1)
        code.line("except Exception:")
        code.line(f"    {code.name(drop, 'drop')}({answered})")
        code.line("    raise")
    else:
        raise Unfit(name)
    return value


def _call(code: Code, place: Place, definition: Any, method: Method, details: FieldDetailsList) -> str:
    given = ["item"] if method.takes_self else []
    given += [f"{name}=item" for name in method.source_names]
    if definition.args:
        arguments = place.arguments(definition, method.field, details)
        if not arguments.is_shareable:
            raise Unfit(method.field.python_name)
        given.append(f"**{_given(code, place, arguments)}")
    return f"{code.name(method.function, 'method')}({', '.join(given)})"


def _given(code: Code, place: Place, arguments: Arguments) -> str:
    if arguments.variables:
        return f"bound[{place.number(arguments)}]"
    return code.name(arguments.of(NO_VALUES), "given")


def _write_value(code: Code, place: Place, type_: Any, details: FieldDetailsList, value: str) -> None:
    nullable = is_nullable(type_)
    if is_leaf(type_):
        write_leaf(code, bare(type_), value, nullable=nullable)
        return
    if nullable:
        code.line(f"if {value} is not None:")
        code.indent()
    item = item_of(type_)
    if item is not None:
        _write_list(code, place, item, details, value)
    else:
        objects, row = place.objects(bare(type_), details), code.fresh()
        code.line(f"{row} = {code.name(objects.rows, 'rows')}.get(type({value}), {code.name(objects.one, 'one')})")
        code.line(f"{value} = {row}({value}, bound)")
    if nullable:
        code.indent(-1)


def _write_list(code: Code, place: Place, item: Any, details: FieldDetailsList, value: str) -> None:
    refusal = f"if type({value}) is not list and type({value}) is not tuple: raise {code.name(Unfit, 'unfit')}"
    if not is_nullable(item) and not is_leaf(item) and item_of(item) is None:
        objects = place.objects(bare(item), details)
        code.line(f"if type({value}) is {code.name(Chosen, 'lasting')}:")
        code.line(f"    {value} = {code.name(objects.chosen, 'chosen')}({value}, bound)")
        code.line("else:")
        code.line(f"    {refusal}")
        code.line(f"    {value} = {code.name(objects.many, 'many')}({value}, bound)")
        return
    code.line(refusal)
    made, each = code.fresh(), code.fresh()
    code.line(f"{made} = []")
    code.line(f"for {each} in {value}:")
    code.indent()
    _write_value(code, place, item, details, each)
    code.line(f"{made}.append({each})")
    code.indent(-1)
    code.line(f"{value} = {made}")
