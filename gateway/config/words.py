"""Pydantic's findings as words for the person who wrote the file. Values are left out: they may be secrets."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo

from gateway.config.mistakes import Loc, suggest

_PLAIN: Final[Mapping[str, str]] = {
    "missing": "is missing: add it",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number without quotes",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number without quotes",
    "float_parsing": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_pattern_mismatch": "holds a sign that cannot stand there: docs/configuration.md shows what can",
    "list_type": 'must be a list: ["…", "…"]',
    "tuple_type": 'must be a list: ["…", "…"]',
    "dict_type": "must be a table",
    "dataclass_type": "must be a table: write the key in brackets on a line of its own, and its values below",
    "model_type": "must be a table: write the key in brackets on a line of its own, and its values below",
    "model_attributes_type": "must be a table: write the key in brackets on a line of its own, and its values below",
}

_BOUNDED: Final[Mapping[str, str]] = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} values",
    "too_long": "must have at most {max_length} values",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


def findings(error: ValidationError, model: type) -> Iterable[tuple[Loc, str]]:
    """Each place below `model` that is wrong, and the words about it."""
    for found in error.errors(include_url=False, include_input=False):
        loc = found["loc"]
        yield loc, _words(found["type"], found["msg"], found.get("ctx", {}), lambda loc=loc: siblings(model, loc))


def _words(kind: str, message: str, context: Mapping[str, Any], known: Callable[[], tuple[str, list[str]]]) -> str:
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        word, names = known()
        return f"unknown key: {suggest(word, names)}" if names else "unknown key: remove it"
    if kind == "string_too_short" and context.get("min_length") == 1:
        return "must not be empty"
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _BOUNDED:
        return _BOUNDED[kind].format_map(context)
    if kind == "value_error":
        return str(context.get("error", message))
    return message[:1].lower() + message[1:]


def siblings(model: type, loc: Loc) -> tuple[str, list[str]]:
    """The last key of a place, and the keys that are known there."""
    known: type | None = model
    for part in loc[:-1]:
        if known is None or not isinstance(part, str) or part not in fields(known):
            return str(loc[-1]), []
        known = section(fields(known)[part].annotation)
    return str(loc[-1]), list(fields(known)) if known else []


def section(annotation: Any) -> type | None:
    """The record behind an annotation (`Section`, `Section | None`), or None where it is a plain value."""
    candidates = get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else (annotation,)
    for candidate in candidates:
        kind: Any = candidate
        if isinstance(candidate, type) and (issubclass(kind, BaseModel) or is_pydantic_dataclass(kind)):
            return kind
    return None


def fields(record: type) -> Mapping[str, FieldInfo]:
    """The fields of a section's record."""
    if issubclass(record, BaseModel):
        return record.model_fields
    return cast("Any", record).__pydantic_fields__
