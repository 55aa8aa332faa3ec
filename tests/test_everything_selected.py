"""Every field of every type, asked of every recorded answer: nothing in the schema fails on what marketplaces send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_abstract_type, is_leaf_type
from graphql import build_schema as parse_sdl

from adapters.http import Funnel
from gateway.core.assembly import CoreSettings, open_core
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest
from gateway.limits import DocumentLimits
from schema.context import Context
from schema.root import build_schema
from tests.exchange import Recorded, account, recorded
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()
SDL: GraphQLSchema = parse_sdl(SCHEMA.as_str())
ENGINE = Engine(
    SCHEMA, DocumentLimits(depth=100, fields=100_000, tokens=1_000_000, length=10_000_000, aliases=100_000, cost=10**9)
)
DEEPEST = 7


def fields_of(definition: GraphQLObjectType, depth: int) -> str:
    """A selection of all fields, each under an alias of its own type, down to a depth."""
    chosen: list[str] = ["__typename"]
    for name, field in definition.fields.items():
        named = get_named_type(field.type)
        alias = f"{definition.name}_{name}"
        if is_leaf_type(named):
            chosen.append(f"{alias}: {name}")
        elif depth > 0:
            chosen.append(f"{alias}: {name} {{ {selection(named, depth - 1)} }}")
    return " ".join(chosen)


def selection(named: Any, depth: int) -> str:
    if is_abstract_type(named):
        members = SDL.get_possible_types(named)
        return "__typename " + " ".join(f"... on {m.name} {{ {fields_of(m, depth)} }}" for m in members)
    return fields_of(named, depth)


DOCUMENT = f"query($ref: BatchRef!) {{ batch(ref: $ref) {{ {selection(SDL.type_map['Batch'], DEEPEST)} }} }}"


def replaying(file: Recorded) -> httpx.MockTransport:
    answers: Iterator[Any] = iter(file.answers)

    def handle(_request: httpx.Request) -> httpx.Response:
        found = next(answers)
        return httpx.Response(found.status, headers=dict(found.headers), content=found.body)

    return httpx.MockTransport(handle)


async def ask(file: Recorded) -> dict[str, Any]:
    clock = VirtualClock()
    shop = account(file.marketplace, **file.account)

    def funnel(given: Any, clock: Any, limits: Any, _: Any) -> Funnel:
        return Funnel(given, clock=clock, upstream=limits, transport_factory=lambda _: replaying(file))

    async with open_core(CoreSettings(accounts=(shop,)), clock, funnel) as core:
        ref = {"source": file.source.upper().replace("-", "_"), "id": file.id}
        prepared = ENGINE.prepare(OperationRequest(DOCUMENT, {"ref": ref}, None, None))
        task = asyncio.ensure_future(ENGINE.execute(prepared, Context(core.batches, core.watches)))
        for _ in range(100):
            await clock.settle(10)
            if task.done():
                return json.loads(task.result())
            await clock.advance(1.0)
        raise AssertionError("never answered")


@pytest.mark.parametrize("file", recorded(), ids=lambda file: file.name)
async def test_every_field_of_every_recorded_answer(file: Recorded) -> None:
    answer = await ask(file)
    errors = answer.get("errors", [])
    if "error" in file.expect:
        assert answer["data"]["batch"] is None
        assert len(errors) == 1
        assert errors[0]["extensions"]["code"] != "INTERNAL"
        return
    # the only field that asks on: an operation's own batch, which the recording does not hold
    assert all(error["path"][-1].endswith("_batch") for error in errors), errors
    assert answer["data"]["batch"]["__typename"]
