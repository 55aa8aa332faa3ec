"""How many batches an operation names, and the limit on that."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import parse
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode

from gateway.engine.engine import Engine
from gateway.engine.references import read_references
from gateway.engine.request import OperationRequest, RequestError
from schema.root import build_schema

TWO = '[{source: TRENDYOL, id: "1"}, {source: TRENDYOL, id: "2"}]'
G = 'fragment G on Query { node(id: "a") { id } }'
CASES: list[tuple[str, dict[str, Any], int]] = [
    ("{ __typename marketplaces { name } }", {}, 0),
    (f"{{ batches(refs: {TWO}) {{ __typename }} }}", {}, 2),
    ("{ batches(refs: []) { __typename } }", {}, 0),
    (f"{{ a: batches(refs: {TWO}) {{ __typename }} b: batches(refs: {TWO}) {{ __typename }} }}", {}, 4),
    (f"{{ batches(refs: {TWO}) {{ __typename }} batches(refs: {TWO}) {{ error {{ code }} }} }}", {}, 2),
    ('{ node(id: "a") { id } nodes(ids: ["b", "c"]) { id } trendyolBatch(id: "d") { id } }', {}, 4),
    ("query ($r: [BatchRef!]!, $id: ID!) { batches(refs: $r) { __typename } node(id: $id) { id } }", {"r": [1] * 7}, 8),
    (
        f"{{ ...F ... {{ ...F }} }} fragment F on Query {{ ...G b: batches(refs: {TWO}) {{ __typename }} }} {G}",
        {},
        3,
    ),
]


@pytest.mark.parametrize(("text", "values", "number"), CASES, ids=[text[:40] for text, _, _ in CASES])
def test_what_is_named_is_counted(text: str, values: dict[str, Any], number: int) -> None:
    definitions = parse(text).definitions
    fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
    operation = next(d for d in definitions if isinstance(d, OperationDefinitionNode))
    assert read_references(operation, fragments).of(values) == number


def test_a_chain_of_fragments_longer_than_the_stack() -> None:
    chain = [f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(3_000)]
    definitions = parse(
        "{ ...F0 } " + " ".join(chain) + ' fragment F3000 on Query { node(id: "a") { id } }'
    ).definitions
    fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
    operation = next(d for d in definitions if isinstance(d, OperationDefinitionNode))
    assert read_references(operation, fragments).of({}) == 1


def test_all_fields_of_an_operation_count_together() -> None:
    engine = Engine(build_schema(), references=3)
    fields = [f"a{n}: batches(refs: {TWO}) {{ __typename }}" for n in range(2)]
    with pytest.raises(RequestError) as caught:
        engine.prepare(OperationRequest("{ " + " ".join(fields) + " }"))
    assert caught.value.errors[0]["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "3 batches at most" in caught.value.errors[0]["message"]
    single = fields[0] + ' node(id: "x") { id }'
    engine.prepare(OperationRequest("{ " + single + " }"))
