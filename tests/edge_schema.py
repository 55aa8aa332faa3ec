"""A small Strawberry schema for the tests of engine and transports: fields that answer, wait, fail and stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated

import msgspec
import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from adapters.errors import RateLimited, UnknownAccount
from adapters.model import BatchRef
from gateway.core.subscription import Subscription as Notices
from gateway.core.updates import Update
from schema.watching import Beginning, Watching

REFS = (BatchRef("trendyol", "shop", "1"),)

JSON = strawberry.scalar(name="JSON", serialize=lambda value: value, parse_value=lambda value: value)


class AnyJSON:
    """Stands for the scalar in annotations."""


@dataclass
class World:
    """What resolvers of this schema touch, and what tests look at: live generators, calls, and a gate to wait at."""

    live: int = 0
    """Generators of subscriptions that run now."""
    started: int = 0
    waiting: int = 0
    cancelled: int = 0
    resolved: int = 0
    """How often the field `value` of a shared update was resolved."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    slow_close: float = 0.0
    """Seconds that a generator takes to end."""
    notices: list[Notices] = field(default_factory=list)

    def tell(self, number: int, *, is_final: bool = False) -> None:
        """One update for all subscribers of `notices`."""
        update = Update(REFS[0], None, None, str(number), None, is_final, number)
        for stream in self.notices.copy():
            stream.put(update)


@dataclass(frozen=True)
class EdgeContext:
    """The context of one operation."""

    world: World
    client: object = None


Info = strawberry.Info[EdgeContext, None]


@strawberry.enum
class Color(Enum):
    RED = "red"


@strawberry.input
class Ref:
    id: str
    color: Color = Color.RED


@strawberry.type
class Item:
    name: str
    price: Decimal
    weight: float

    @strawberry.field
    def payload(self) -> AnyJSON:
        return msgspec.Raw(b'{"raw":\n[1,2.50]}')  # type: ignore[return-value]


@strawberry.type
class Page:
    nodes: list[Item]


@strawberry.type
class Batch:
    id: str

    @strawberry.field
    def items(self, first: int = 50) -> Page:
        return Page(nodes=[Item(name=f"item {n}", price=Decimal("1.50"), weight=2.0) for n in range(first)])

    @strawberry.field
    def self(self) -> Batch:
        return self


@strawberry.type
class Tick:
    number: int
    share_key: strawberry.Private[str | None] = None

    @strawberry.field
    def value(self, info: Info) -> str:
        info.context.world.resolved += 1
        return f"tick {self.number}"

    @strawberry.field
    async def slow_value(self, info: Info) -> str:
        info.context.world.resolved += 1
        await asyncio.sleep(0.01)
        return f"slow tick {self.number}"

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("secret dsn")


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    async def later(self, seconds: float = 0.01) -> str:
        await asyncio.sleep(seconds)
        return "later"

    @strawberry.field
    async def gated(self, info: Info) -> str:
        world = info.context.world
        world.waiting += 1
        try:
            await world.gate.wait()
        except asyncio.CancelledError:
            world.cancelled += 1
            raise
        finally:
            world.waiting -= 1
        return "open"

    @strawberry.field
    def batch(self, ref: Ref) -> Batch | None:
        return Batch(id=ref.id)

    @strawberry.field
    def batches(self, refs: list[Ref]) -> list[Batch | None]:
        return [Batch(id=ref.id) for ref in refs]

    @strawberry.field
    def limited(self) -> str | None:
        raise RateLimited("Wait a little.", source_message="Too many requests", retry_after=2.5)

    @strawberry.field
    def refused(self) -> str | None:
        raise GraphQLError("That cursor is none.", extensions={"code": "BAD_USER_INPUT", "cursor": "x"})

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("secret dsn")

    @strawberry.field
    def broken_hard(self) -> str:
        raise ValueError("secret dsn")

    @strawberry.field
    def unencodable(self) -> AnyJSON | None:
        return object()  # type: ignore[return-value]

    @strawberry.field
    def big(self, size: int) -> str:
        return "x" * size


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> str:
        return "touched"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, info: Info, count: int = 3, delay: float = 0.0, size: int = 0) -> AsyncGenerator[str, None]:
        world = info.context.world
        world.live += 1
        world.started += 1
        try:
            for number in range(count):
                if delay:
                    await asyncio.sleep(delay)
                yield f"tick {number}" + "x" * size
        finally:
            if world.slow_close:
                await asyncio.sleep(world.slow_close)
            world.live -= 1

    @strawberry.subscription
    async def endless(self, info: Info) -> AsyncGenerator[str, None]:
        world = info.context.world
        world.live += 1
        world.started += 1
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            if world.slow_close:
                await asyncio.sleep(world.slow_close)
            world.live -= 1

    @strawberry.subscription
    async def silent(self, info: Info) -> AsyncGenerator[str, None]:
        info.context.world.live += 1
        try:
            await info.context.world.gate.wait()
            yield "at last"
        finally:
            info.context.world.live -= 1

    @strawberry.subscription
    async def fails_first(self) -> AsyncGenerator[str, None]:
        raise UnknownAccount("No such account.")
        yield ""

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[str, None]:
        yield "one"
        raise ValueError("secret dsn")

    @strawberry.subscription
    async def updates(
        self, count: Annotated[int, strawberry.argument()] = 2, shared: bool = True
    ) -> AsyncGenerator[Tick, None]:
        for number in range(count):
            yield Tick(number=number, share_key=f"k{number}" if shared else None)

    @strawberry.subscription
    async def notices(self, info: Info) -> AsyncIterator[Tick]:
        """What the world's notices tell, as batches do: for who awaits it, and for who is called."""
        notices = info.context.world.notices
        stream = Notices(REFS, notices.remove)
        notices.append(stream)

        async def begin() -> Beginning[Tick]:
            return [Tick(number=0, share_key="first")], stream

        return Watching(begin, _tick)


def _tick(update: Update) -> Tick:
    if update.number < 0:
        raise ValueError("secret dsn")
    return Tick(number=update.number)


def edge_schema() -> strawberry.Schema:
    """The schema."""
    config = StrawberryConfig(scalar_map={AnyJSON: JSON})
    return strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, config=config)
