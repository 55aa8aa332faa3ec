"""A schema of everything that Strawberry offers and ours does not use, with objects that break their promises.

Fields may hold anything: nulls where none are allowed, numbers out of range, exceptions, objects of classes that no
type knows. The same object answers the same any number of times.
"""

from __future__ import annotations

import asyncio
from enum import Enum, IntEnum
from random import Random
from typing import Annotated, Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

from adapters.errors import RateLimited
from tests.edge_schema import Item

Picky = NewType("Picky", object)


def serialize_picky(value: Any) -> Any:
    if value == 0:
        return None
    if value == 1:
        raise ValueError("not one")
    return {"picky": value}


PICKY: Any = strawberry.scalar(name="Picky", serialize=serialize_picky, parse_value=lambda value: value)


@strawberry.enum
class Mood(Enum):
    GOOD = strawberry.enum_value("good", name="FINE")
    BAD = "bad"


@strawberry.enum
class Level(IntEnum):
    LOW = 1
    HIGH = 2


@strawberry.input
class Where:
    mood: Mood | None = Mood.BAD
    names: list[str] | None = None
    level: Level = Level.LOW


@strawberry.input
class Wish:
    where: Where
    others: list[Where] = strawberry.field(default_factory=list)
    count: int | None = strawberry.UNSET


class Refused(BasePermission):
    message = "Not for you"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return len(info.path.as_list()) % 2 == 0


class Shout(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return f"{next_(source, info, **kwargs)}!"


class OwnField(strawberry.types.field.StrawberryField):
    def get_result(self, source: Any, info: Any, args: Any, kwargs: Any) -> Any:
        return "its own way"


@strawberry.interface
class Thing:
    id: strawberry.ID
    label: str
    maybe: str | None
    number: int
    count: int | None
    share: float | None
    flag: bool
    mood: Mood
    level: Level | None
    picky: Picky | None
    tags: list[str]
    matrix: list[list[int | None]] | None
    twin: Thing | None
    things: list[Thing]
    fruits: list[Fruit | None] | None

    @strawberry.field
    def method(self, n: int = 1, mood: Mood | None = None) -> str | None:
        if n == 0:
            raise RateLimited("Wait", retry_after=1.0)
        if n == 7:
            raise ValueError("seven")
        return f"{n} {mood}"

    @strawberry.field
    def strict(self, level: Level) -> str:
        if level is Level.HIGH:
            raise GraphQLError("too high", extensions={"code": "BAD_USER_INPUT"})
        return repr(level)

    @strawberry.field
    def listed(self, names: list[str], where: Where | None = None) -> list[str]:
        names.append("seen")
        return [*names, repr(where)]

    @strawberry.field
    def where_am_i(self, info: strawberry.Info) -> str:
        return ".".join(map(str, info.path.as_list()))

    @strawberry.field
    def lazy(self, n: int = 2) -> list[int]:
        return iter(range(n))  # type: ignore[return-value]

    @strawberry.field(permission_classes=[Refused])
    def secret(self) -> str | None:
        return "secret"

    @strawberry.field(extensions=[Shout()])
    def loud(self) -> str:
        return self.label

    @strawberry.field
    async def later(self) -> Thing | None:
        await asyncio.sleep(0)
        return self.twin

    @strawberry.field
    async def later_strict(self) -> Thing:
        return self.twin  # type: ignore[return-value]

    @strawberry.field
    def promised(self) -> list[Thing | None]:
        return [self._soon(), self.twin, self._soon()]  # type: ignore[list-item]

    @strawberry.field
    def coroutine(self) -> Thing | None:
        return self._soon()  # type: ignore[return-value]

    async def _soon(self) -> Thing | None:
        return self.twin

    own: str = OwnField(python_name="own", default="x")  # type: ignore[assignment]


@strawberry.type
class Apple(Thing):
    red: bool | None = None


@strawberry.type
class Pear(Thing):
    weight: float = 1.0

    @strawberry.field
    def same(root: Pear) -> Pear:  # noqa: N805
        return root

    @strawberry.field
    def parented(parent: strawberry.Parent[Pear], by: int = 1) -> str:  # noqa: N805
        return f"{type(parent).__name__} {by}"

    @strawberry.field
    @staticmethod
    def of_nobody(n: int = 3) -> int:
        return n


@strawberry.type
class Stone:
    weight: int
    name: str | None = None

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        return isinstance(obj, Stone | dict)


@strawberry.type
class Twig:
    """A plain type without interfaces: any object with its attributes will do."""

    name: str | None
    twigs: list[Twig] | None = None


Fruit = Annotated[Apple | Pear | Stone | Twig, strawberry.union("Fruit")]


class Wild(Pear):
    """A class of no type, though its parent is one."""


class Duck:
    """An object of no class that the schema knows."""

    name = "duck"
    twigs = None


def grow(random: Random, depth: int = 2) -> Any:
    """A thing with its twins and things, some of them not what they should be."""
    odd = random.random() < 0.12
    kinds: list[Any] = [Apple, Apple, Pear, Pear, Wild] if odd else [Apple, Pear]
    below = [grow(random, depth - 1) for _ in range(random.choice((0, 1, 3, 5)))] if depth > 0 else []
    values: dict[str, Any] = {
        "id": strawberry.ID("x"),
        "label": "label",
        "maybe": random.choice((None, "ü")),
        "number": random.choice((1, 2**31 - 1)),
        "count": random.choice((None, 5, -(2**31))),
        "share": random.choice((None, 0.5, 2.0, 1e300)),
        "flag": random.choice((True, False)),
        "mood": random.choice(list(Mood)),
        "level": random.choice((None, *Level)),
        "picky": random.choice((None, 5)),
        "tags": random.choice(([], ["a", "b"], ("c",))),
        "matrix": random.choice((None, [[1, None], []])),
        "twin": random.choice((None, *below[:1])),
        "things": below,
        "fruits": random.choice((None, [*below, Stone(weight=1), None, Twig(name="t", twigs=[Twig(name=None)])])),
    }
    if odd:
        for name in random.sample(sorted(values), random.choice((1, 2, 3))):
            values[name] = random.choice(ODD)
    made = random.choice(kinds)(**values)
    return strawberry.cast(random.choice((Apple, Pear, Stone)), made) if random.random() < 0.03 else made


ODD: list[Any] = [
    None,
    0,
    1,
    True,
    2**31,
    2**40,
    1.5,
    float("nan"),
    float("inf"),
    "text",
    "12",
    "good",
    Mood.BAD,
    Level.HIGH,
    ValueError("a value that is an error"),
    RateLimited("as a value", retry_after=2.0),
    {"name": "a mapping", "weight": 2},
    {"a", "set"},
    [None],
    ["1", 2, None],
    [[1, 2**31]],
    object,
    Duck(),
    [Duck(), None],
    Item(name="of another type", price=0, weight=0.0),  # type: ignore[arg-type]
    strawberry.UNSET,
]


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, info: strawberry.Info, seed: int = 0) -> Thing | None:
        return grow(Random(seed))

    @strawberry.field
    async def soon(self, seed: int = 0) -> Thing:
        await asyncio.sleep(0)
        return grow(Random(seed))

    @strawberry.field
    async def at_once(self, seed: int = 0) -> Thing | None:
        return grow(Random(seed))

    @strawberry.field
    def apple(self, seed: int = 0) -> Apple | None:
        return grow(Random(seed))

    @strawberry.field
    async def fruits(self, seeds: list[int]) -> list[Fruit | None]:
        return [*(grow(Random(seed), 1) for seed in seeds), Stone(weight=3), None, Twig(name="q")]

    @strawberry.field
    def twigs(self) -> list[Twig]:
        return [Twig(name="a"), Duck(), Twig(name=None, twigs=[Twig(name="b")])]  # type: ignore[list-item]

    @strawberry.field
    def generated(self) -> list[Twig]:
        return (Twig(name=name) for name in "abc")  # type: ignore[return-value]

    @strawberry.field
    def wished(self, info: strawberry.Info, wish: Wish, mood: Mood = Mood.GOOD, also: list[Wish] | None = None) -> str:
        wish.others.append(Where())
        return f"{wish} {mood} {also} {sorted(info.variable_values)} {info.path.as_list()}"

    @strawberry.field
    async def broken(self, seed: int = 0) -> Thing | None:
        raise ValueError(f"secret {seed}")

    @strawberry.field
    def broken_hard(self) -> str:
        raise RateLimited("Wait", retry_after=1.0)

    @strawberry.field(permission_classes=[Refused])
    async def guarded(self, seed: int = 0) -> Thing | None:
        return grow(Random(seed))


def build_odd_schema() -> strawberry.Schema:
    scalars: dict[object, ScalarDefinition] = {Picky: PICKY}
    return strawberry.Schema(Query, types=[Apple, Pear, Stone, Twig], config=StrawberryConfig(scalar_map=scalars))


ODD_POOLS: dict[str, list[Any]] = {
    "*.seed": list(range(40)),
    "Query.fruits.seeds": [[1, 2, 3], [4], list(range(12)), []],
    "*.n": [0, 1, 2, 7],
}
