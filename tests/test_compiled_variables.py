"""Variables are read as graphql-core reads them: the same values, and the same words where they cannot be read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, NewType, cast

import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from gateway.compiled.plans import Plans
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest, RequestError


@strawberry.enum
class Mood(Enum):
    GOOD = strawberry.enum_value("good", name="FINE")
    BAD = "bad"


@strawberry.input
class Where:
    mood: Mood | None = Mood.BAD
    names: list[str] | None = None
    number: int = 3
    day: date | None = strawberry.UNSET


@strawberry.input
class Wish:
    where: Where
    others: list[Where | None] = strawberry.field(default_factory=list)
    share: float | None = None


@strawberry.input
class Nest:
    inner: Nest | None = None
    name: str = "nest"


@strawberry.input(one_of=True)
class Either:
    one: str | None = strawberry.UNSET
    other: int | None = strawberry.UNSET


TYPES: dict[str, Any] = {
    "Int": int | None,
    "Float": float | None,
    "String": str | None,
    "ID": strawberry.ID | None,
    "Boolean": bool | None,
    "Mood": Mood | None,
    "Decimal": Decimal | None,
    "Where": Where | None,
    "Wish": Wish | None,
    "Nest": Nest | None,
    "Either": Either | None,
}


def taking(type_: Any) -> Any:
    def take(one: Any = None, many: Any = None) -> str:
        return repr((one, many))

    take.__annotations__ = {"one": type_, "many": list[type_] | None, "return": str}
    return strawberry.field(take)


Query = strawberry.type(type("Query", (), {f"take{name}": taking(type_) for name, type_ in TYPES.items()}))
SCHEMA = strawberry.Schema(Query)
PLANS = Plans(SCHEMA, after=0)
PLAIN, COMPILED = Engine(SCHEMA), Engine(SCHEMA, plans=PLANS)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), 2**53, 1.0, 0.5, float("nan"), float("inf")]),
    st.sampled_from(["", "a", "FINE", "BAD", "GOOD", "good", "12", "1.50", "2026-01-01", "ü"]),
)
anything = st.recursive(leaves, lambda each: st.lists(each, max_size=3), max_leaves=4)
wheres = st.fixed_dictionaries(
    {},
    optional={
        "mood": st.sampled_from([None, "FINE", "BAD", "good", 1]),
        "names": st.one_of(st.none(), st.lists(st.sampled_from(["a", "b", None]), max_size=2), st.just("a")),
        "number": st.sampled_from([0, 7, None, 1.0]),
        "day": st.sampled_from([None, "2026-01-01", "never"]),
        "else": st.just(1),
    },
)
wishes = st.fixed_dictionaries(
    {"where": wheres}, optional={"others": st.lists(st.one_of(wheres, st.none()), max_size=2), "share": leaves}
)
nests = st.recursive(
    st.just({}), lambda inner: st.fixed_dictionaries({}, optional={"inner": inner, "name": leaves}), max_leaves=3
)
eithers = st.fixed_dictionaries({}, optional={"one": st.sampled_from(["a", None]), "other": st.just(1)})
values = st.one_of(anything, wheres, wishes, nests, eithers, st.lists(st.one_of(wheres, wishes), max_size=2))
fitting = {"Where": wheres, "Wish": wishes, "Nest": nests, "Either": eithers}
DEFAULTS = {"Int": "1", "Float": "2", "String": '"d"', "Mood": "FINE", "Where": "{number: 1}", "ID": "5"}


@st.composite
def requests(draw: Any) -> OperationRequest:
    name = draw(st.sampled_from(sorted(TYPES)))
    is_list = draw(st.booleans())
    bang = draw(st.sampled_from(["", "!"]))
    type_ = f"[{name}]{bang}" if is_list else f"{name}{bang}"
    default = DEFAULTS.get(name) if draw(st.booleans()) else None
    text = (
        f"query($v: {type_}{f' = {default}' if default else ''}) {{ take{name}({'many' if is_list else 'one'}: $v) }}"
    )
    own = fitting.get(name, leaves)
    value = draw(st.one_of(own, st.lists(own, max_size=3) if is_list else own, values))
    return OperationRequest(text, draw(st.sampled_from([{"v": value}, {"v": value}, {"v": value, "w": 1}, {}])))


def read(engine: Engine, request: OperationRequest) -> Any:
    try:
        found = engine.prepare(request).values
    except RequestError as error:
        return error.errors
    # as text: not a number is not itself, and classes of values count
    return repr(found.coerced), {name: (str(s.signature.type), repr(s.value)) for name, s in found.sources.items()}


def answered(engine: Engine, request: OperationRequest) -> Any:
    try:
        return engine.run(engine.prepare(request), None)
    except RequestError:
        return None


def check(request: OperationRequest) -> None:
    assert read(COMPILED, request) == read(PLAIN, request)
    assert answered(COMPILED, request) == answered(PLAIN, request)


quick = settings(max_examples=400, derandomize=True, database=None, deadline=None)


@quick
@given(request=requests())
def test_any_value_of_any_type(request: OperationRequest) -> None:
    check(request)


@pytest.mark.slow
@settings(quick, max_examples=5000)
@given(request=requests())
def test_thousands_of_values(request: OperationRequest) -> None:
    check(request)


def test_good_values_are_not_left_to_graphql_core() -> None:
    text = """query($a: Wish!, $b: [Mood!], $c: Int = 5, $d: ID) {
        takeWish(one: $a) takeMood(many: $b) takeInt(one: $c) takeID(one: $d)
    }"""
    wish = {"where": {"names": ["a"], "day": "2026-01-01"}, "others": [None, {}]}
    operation = COMPILED.prepare(OperationRequest(text, {"a": wish})).operation
    found = PLANS.values(operation, {"a": wish, "b": ["FINE"]})
    assert found is not None
    assert found.coerced == {
        "a": {
            "where": {"mood": Mood.BAD, "names": ["a"], "number": 3, "day": date(2026, 1, 1)},
            "others": [None, {"mood": Mood.BAD, "names": None, "number": 3}],
            "share": None,
        },
        "b": [Mood.GOOD],
        "c": 5,
    }
    assert PLANS.values(operation, {"a": {}}) is None


def test_resolvers_are_given_lists_and_objects_of_their_own() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def spoil(self, wish: Wish, names: list[list[str]]) -> str:
            told = repr((wish, names))
            wish.where.number = 99
            wish.others.append(None)
            names[0].append("more")
            return told

    engine = Engine(strawberry.Schema(Query), plans=Plans(strawberry.Schema(Query), after=0))
    text = "query($wish: Wish!, $names: [[String!]!]!) { spoil(wish: $wish, names: $names) }"
    prepared = engine.prepare(OperationRequest(text, {"wish": {"where": {}, "others": [{}]}, "names": [["a"]]}))
    assert engine.run(prepared, None) == engine.run(prepared, None)
    assert b"99" not in bytes(cast("bytes", engine.run(prepared, None)))


Tags = NewType("Tags", object)


@strawberry.input
class Labels:
    tags: list[Tags]


@strawberry.type
class Shelf:
    @strawberry.field
    def told(self, tags: Tags, more: Tags | None = None) -> str:
        cast("list[Any]", tags).append("seen")
        return repr((tags, more))


@strawberry.type
class Shelves:
    @strawberry.field
    def shelves(self) -> list[Shelf]:
        return [Shelf(), Shelf()]

    @strawberry.field
    def joined(self, tags: Tags | None = None, labels: Labels | None = None) -> str:
        return repr((tags, labels))


def read_tags(value: Any) -> Any:
    """Text for a list, and a list for text: neither is what was given."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).split(",")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("query($a: String) { joined(tags: [$a, 2]) }", b"('5,2', None)"),
        ("query($a: String) { joined(labels: {tags: [[$a], [2]]}) }", b"(None, Labels(tags=['5', '2']))"),
        ('query { shelves { told(tags: "a,b") } }', b"(['a', 'b', 'seen'], None)"),
        ("query($b: Tags!) { shelves { told(tags: $b) } }", b"(['c', 'seen'], None)"),
    ],
)
def test_what_a_scalar_makes_of_its_literal_is_the_scalars_own(text: str, expected: bytes) -> None:
    scalar = strawberry.scalar(name="Tags", serialize=str, parse_value=read_tags)
    schema = strawberry.Schema(Shelves, config=StrawberryConfig(scalar_map={Tags: scalar}))
    compiled, plain = Engine(schema, plans=Plans(schema, after=0)), Engine(schema)
    variables = {name: value for name, value in (("a", "5"), ("b", "c")) if f"${name}" in text}
    answers = [
        engine.run(engine.prepare(OperationRequest(text, variables)), None)
        for engine in (compiled, plain, compiled, plain)
    ]
    assert len(set(answers)) == 1
    assert expected in cast("bytes", answers[0])
