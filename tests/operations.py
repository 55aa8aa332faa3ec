"""Random valid operations of a schema, with their variables: everything that a selection may be made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from graphql import GraphQLSchema
from graphql.type import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_union_type,
)

Pools = Mapping[str, Sequence[Any]]
"""Values worth sending, as JSON: by `Type.field.argument`, by `*.argument`, or by the name of a type."""

SCALARS: dict[str, list[Any]] = {
    "Int": [0, 1, 2, 3, 7, 50, -1, 1000, 1001],
    "Float": [0.0, 1.5, 2, -3.25],
    "String": ["", "a", "ü", "none"],
    "ID": ["", "a", 12],
    "Boolean": [True, False],
}


class Operations:
    """Draws one document after another, none with a field called like one of `without`."""

    def __init__(
        self, schema: GraphQLSchema, pools: Pools, random: Random, without: frozenset[str] = frozenset()
    ) -> None:
        self._schema = schema
        self._pools = pools
        self._random = random
        self._without = without

    def draw(self, kind: str = "query", fields: int = 24) -> tuple[str, dict[str, Any]]:
        """A document of one operation of at most about `fields` fields, and variables for it."""
        return _Drawing(self._schema, self._pools, self._random, fields, self._without).operation(kind)


class _Drawing:
    def __init__(
        self, schema: GraphQLSchema, pools: Pools, random: Random, fields: int, without: frozenset[str]
    ) -> None:
        self.without = without
        self.schema = schema
        self.pools = pools
        self.random = random
        self.left = fields
        self.variables: dict[str, tuple[str, str | None]] = {}
        self.values: dict[str, Any] = {}
        self.fragments: list[tuple[str, Any, str]] = []
        self.meanings: dict[str, tuple[str, str, str]] = {}
        self.arguments: dict[str, list[str]] = {}

    def operation(self, kind: str) -> tuple[str, dict[str, Any]]:
        root = self.schema.subscription_type if kind == "subscription" else self.schema.query_type
        assert root is not None
        only_one = kind == "subscription"
        body = self.field(root, next(iter(root.fields)), 0, bare=True) if only_one else self.selection(root, 0)
        declared = ", ".join(
            f"${name}: {type_}" + (f" = {default}" if default is not None else "")
            for name, (type_, default) in self.variables.items()
        )
        head = f"{kind} {self.chance(0.3, 'Named', '') if not declared else 'Named'}"
        text = f"{head}{f'({declared})' if declared else ''} " + (f"{{ {body} }}" if only_one else body)
        for name, on, fragment in self.fragments:
            text += f"\nfragment {name} on {on.name} {fragment}"
        return text, self.values

    def chance(self, share: float, yes: Any = True, no: Any = False) -> Any:
        return yes if self.random.random() < share else no

    # selections

    def selection(self, parent: Any, depth: int) -> str:
        parts: list[str] = []
        for _ in range(self.random.choice((1, 2, 3, 3, 4, 5))):
            if self.left <= 0 and parts:
                break
            parts.append(self.part(parent, depth))
        return "{ " + " ".join(parts) + " }"

    def part(self, parent: Any, depth: int) -> str:
        if is_union_type(parent) or (depth > 0 and self.chance(0.3 if is_abstract_type(parent) else 0.12)):
            return self.chance(0.1, "__typename", None) or self.fragment(parent, depth)
        if self.chance(0.08):
            self.left -= 1
            return f"{self.alias('__typename', '', 'String!')}{self.directives()}"
        names = [name for name in parent.fields if name not in self.without]
        if depth > 4 or self.left <= 0:
            names = [n for n in names if is_leaf_type(get_named_type(parent.fields[n].type))] or ["__typename"]
        name = self.random.choice(names)
        if name != "__typename" and is_leaf_type(get_named_type(parent.fields[name].type)):
            # a second throw: what leads deeper is worth more than one leaf more
            name = self.random.choice(names)
        return "__typename" if name == "__typename" else self.field(parent, name, depth)

    def field(
        self, parent: GraphQLObjectType | GraphQLInterfaceType, name: str, depth: int, *, bare: bool = False
    ) -> str:
        self.left -= 1
        definition = parent.fields[name]
        arguments = self.given(f"{parent.name}.{name}", definition.args)
        shown = self.alias(name, arguments, str(definition.type))
        named = get_named_type(definition.type)
        below = f" {self.selection(named, depth + 1)}" if is_composite_type(named) else ""
        return f"{shown}{arguments}{'' if bare else self.directives()}{below}"

    def alias(self, name: str, arguments: str, type_: str) -> str:
        """The field under a key that means the same wherever it stands, so that all its uses can be merged."""
        meaning = (name, arguments, type_)
        keys = [key for key, known in self.meanings.items() if known == meaning]
        if keys and self.chance(0.7):
            key = self.random.choice(keys)
        elif self.meanings.get(name, meaning) == meaning and self.chance(0.75):
            key = name
        else:
            key = self.random.choice(("a", "class", "_x", "self")) + str(len(self.meanings))
            others = [
                other for other in ("id", "items", "key", "label", "node", "status") if other not in self.meanings
            ]
            if others and self.chance(0.3):
                # what other fields are called
                key = self.random.choice(others)
        self.meanings[key] = meaning
        return name if key == name else f"{key}: {name}"

    def fragment(self, parent: Any, depth: int) -> str:
        known = [f for f in self.fragments if self.overlaps(parent, f[1])]
        if known and self.chance(0.3):
            return f"...{self.random.choice(known)[0]}{self.directives()}"
        if not is_union_type(parent) and self.chance(0.15):
            return f"...{self.directives()} {self.selection(parent, depth)}"
        on = self.random.choice([t for t in self.schema.type_map.values() if self.overlaps(parent, t)])
        if self.chance(0.35):
            body = self.selection(on, depth)
            name = f"F{len(self.fragments)}"
            self.fragments.append((name, on, body))
            return f"...{name}{self.directives()}"
        return f"... on {on.name}{self.directives()} {self.selection(on, depth)}"

    def overlaps(self, one: Any, other: Any) -> bool:
        if not is_composite_type(other) or other.name.startswith("__"):
            return False
        possible = [set(self.schema.get_possible_types(t)) if is_abstract_type(t) else {t} for t in (one, other)]
        return bool(possible[0] & possible[1])

    def directives(self) -> str:
        text = ""
        for name in ("include", "skip"):
            if self.chance(0.07):
                text += f" @{name}(if: {self.value(self.schema.type_map['Boolean'], 'if', required=True)})"
        return text

    # arguments

    def given(self, place: str, definitions: Mapping[str, Any]) -> str:
        known = self.arguments.setdefault(place, [])
        if known and self.chance(0.5):
            return self.random.choice(known)
        parts: list[str] = []
        for name, definition in definitions.items():
            if is_required_argument(definition) or self.chance(0.4):
                required = is_non_null_type(definition.type)
                bare = definition.type.of_type if required else definition.type
                text = self.value(
                    bare, f"{place}.{name}", required=required, has_default=not is_required_argument(definition)
                )
                parts.append(f"{name}: {text}")
        text = f"({', '.join(parts)})" if parts else ""
        known.append(text)
        return text

    def value(self, type_: Any, place: str, *, required: bool, has_default: bool = False) -> str:
        """A literal or a variable. `has_default`: a nullable variable with a default of its own may stand there too."""
        if self.chance(0.4):
            return self.variable(type_, place, required=required, has_default=has_default)
        if not required and self.chance(0.1):
            return "null"
        if is_input_object_type(type_) and type_.name not in self.pools:
            return self.object(type_, place)
        return self.literal(type_, self.example(type_, place))

    def object(self, type_: Any, place: str) -> str:
        parts: list[str] = []
        for name, field in type_.fields.items():
            required = is_non_null_type(field.type)
            if is_required_argument(field) or self.chance(0.5):
                bare = field.type.of_type if required else field.type
                parts.append(f"{name}: {self.value(bare, f'{place}.{name}', required=required)}")
        return "{" + ", ".join(parts) + "}"

    def variable(self, type_: Any, place: str, *, required: bool, has_default: bool) -> str:
        wanted = f"{type_}!" if required else f"{type_}"
        known = [name for name, (declared, _) in self.variables.items() if declared == wanted]
        if known and self.chance(0.5):
            return "$" + self.random.choice(known)
        name = f"v{len(self.variables)}"
        example = self.example(type_, place)
        if required and has_default and self.chance(0.5):
            # a nullable variable in a place that is not: its null is an error that only a run can find
            self.variables[name] = (str(type_), self.literal(type_, example))
            self.values.update(self.random.choice(({}, {name: None}, {name: self.example(type_, place)})))
        elif required:
            self.variables[name] = (wanted, None)
            self.values[name] = example
        else:
            self.variables[name] = (wanted, self.chance(0.2, self.literal(type_, example), None))
            self.values.update(self.random.choice(({}, {name: None}, {name: example}, {name: example})))
        return f"${name}"

    def example(self, type_: Any, place: str) -> Any:
        """A value as JSON."""
        if is_non_null_type(type_):
            return self.example(type_.of_type, place)
        pool = self.pools.get(place) or self.pools.get("*." + place.rpartition(".")[2]) or self.pools.get(str(type_))
        if pool:
            return self.random.choice(pool)
        if is_list_type(type_):
            return [self.example(type_.of_type, place) for _ in range(self.random.choice((0, 1, 2, 3)))]
        if is_enum_type(type_):
            return self.random.choice(list(type_.values))
        if is_input_object_type(type_):
            return {
                name: self.example(field.type, f"{place}.{name}")
                for name, field in type_.fields.items()
                if is_required_argument(field) or self.chance(0.5)
            }
        return self.random.choice(SCALARS[type_.name])

    def literal(self, type_: Any, value: Any) -> str:
        if is_non_null_type(type_):
            return self.literal(type_.of_type, value)
        if value is None:
            return "null"
        if is_list_type(type_):
            return "[" + ", ".join(self.literal(type_.of_type, each) for each in value) + "]"
        if is_input_object_type(type_):
            fields: Any = type_.fields
            return "{" + ", ".join(f"{k}: {self.literal(fields[k].type, v)}" for k, v in value.items()) + "}"
        return value if is_enum_type(type_) else json.dumps(value, ensure_ascii=False)
