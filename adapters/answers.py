"""The door of every adapter: an answer is opened, and turned away where it is not about the batch that was asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import quote

from msgspec import Raw

from adapters import decoding, fields
from adapters.base import Answer
from adapters.decoding import Opened
from adapters.errors import InvalidAnswer
from adapters.refusals import own_words
from adapters.words import caseless

_LONGEST_ID: Final = 300
_SAFE: Final = re.compile(r"[0-9A-Za-z_~-][0-9A-Za-z_.~-]*")
"""Nothing in it needs quoting."""
_OF_ERRORS: Final = ("errors", "error", "exception", "message", "errorMessage", "errorCode", "code")
_NOTHING: Final = frozenset({b"", b"null", b"false", b'""', b"[]", b"{}"})


def open_answer(answer: Answer, marketplace: str) -> Opened:
    """The members of an answer's JSON object. Raises `InvalidAnswer` for anything else."""
    try:
        return decoding.split(answer.body)
    except decoding.NotAnObject:
        words = "JSON that is not an object"
    except decoding.UNREADABLE:
        words = "something that is not JSON"
    raise InvalidAnswer(
        f"{marketplace} answered with {words}: check base_url; if it is right, a firewall, a proxy or a maintenance "
        "page answered in its place",
        source_message=own_words(answer.body),
        status=answer.status,
    )


def check_shape(opened: Opened, known: Collection[str], marketplace: str) -> None:
    """Raise `InvalidAnswer` for an object that has none of the marketplace's keys."""
    if not any(key in opened.members for key in known):
        raise InvalidAnswer(
            f"{marketplace} answered with JSON that is no batch of its kind: check base_url and the kind of batch",
            source_message=own_words(opened.body),
        )


def tells_error(members: Mapping[str, Raw]) -> bool:
    """True for an object that speaks as errors do: a status word in it may be the call's, not the batch's."""
    return any(bytes(members.get(key, b"")) not in _NOTHING for key in _OF_ERRORS)


def check_echo(asked: str, echoed: Raw | None, marketplace: str) -> None:
    """Raise `InvalidAnswer` for an answer that names another batch than the one asked."""
    named = fields.identity(echoed) if echoed else None
    if named is not None and named != asked and caseless(named) != caseless(asked.strip()):
        raise InvalidAnswer(
            f"{marketplace} answered about another batch: its answer is not used; it is asked again",
            source_message=f"the answer is about {named[:_LONGEST_ID]!r}",
        )


def segment(part: str) -> str:
    """An id as one segment of a path: it can neither leave its place nor end it."""
    if _SAFE.fullmatch(part):
        return part
    encoded = quote(part, safe="")
    return encoded.replace(".", "%2E") if encoded in {".", ".."} else encoded
