"""The SDL that clients see is kept as a file and does not drift."""

from __future__ import annotations

from pathlib import Path

from graphql import build_schema as parse_sdl
from graphql import is_input_object_type, is_interface_type, is_object_type

from schema.root import build_schema

KEPT = Path(__file__).parent.parent / "schema" / "schema.graphql"


def test_the_kept_sdl_is_the_schema() -> None:
    """After a wanted change: `batch-gateway schema > schema/schema.graphql`."""
    assert KEPT.read_text(encoding="utf-8").strip() == build_schema().as_str().strip()


def test_every_type_of_ours_is_described() -> None:
    undescribed = [
        name
        for name, definition in parse_sdl(KEPT.read_text(encoding="utf-8")).type_map.items()
        if not name.startswith("__")
        and name not in {"Query", "Subscription", "BatchItemEdge", "String", "Int", "Float", "Boolean", "ID"}
        and not definition.description
    ]
    assert undescribed == []


def test_every_member_of_the_union_has_the_shared_fields() -> None:
    schema = parse_sdl(KEPT.read_text(encoding="utf-8"))
    union = schema.type_map["Batch"]
    shared = schema.type_map["NormalizedBatch"]
    assert is_interface_type(shared)
    for member in union.types:  # type: ignore[attr-defined]
        assert is_object_type(member)
        assert shared in member.interfaces
        assert set(shared.fields) <= set(member.fields)
    assert is_input_object_type(schema.type_map["BatchRef"])
