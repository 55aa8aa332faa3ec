"""Answers that are no state of a batch: which error they stand for, in words that tell a person what to do."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from adapters import decoding
from adapters.base import Answer
from adapters.errors import (
    Forbidden,
    InvalidAnswer,
    NotFound,
    RateLimited,
    Rejected,
    Unauthenticated,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)

_LONGEST: Final = 500
"""Characters of the marketplace's words that an error carries on."""
_READ: Final = 20_000
"""Bytes of a refusal that are looked at."""
_TITLE: Final = re.compile(r"<title[^>]*>([^<]{1,300})", re.IGNORECASE)
_SPACES: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_SPEAKING: Final = (
    "message",
    "error_description",
    "errorMessage",
    "detail",
    "error",
    "title",
    "reason",
    "description",
    "failureReasons",
)
_NAMING: Final = ("key", "code", "errorCode", "exception", "type")
_NESTED: Final = ("errors", "body", "validation_errors")


class Advice(NamedTuple):
    """A kind of error and what to tell about it; `{status}` stands for the HTTP status."""

    kind: type[UpstreamError]
    words: str


_NO_CODES: Final[Mapping[str, Advice]] = MappingProxyType({})
_NO_STATUS: Final[Mapping[int, Advice]] = MappingProxyType({})


def refusal_of(
    answer: Answer,
    marketplace: str,
    by_code: Mapping[str, Advice] = _NO_CODES,
    by_status: Mapping[int, Advice] = _NO_STATUS,
) -> UpstreamError | None:
    """The error of an HTTP status as every marketplace means it; None for a success.

    `by_code` (in upper case) and `by_status` hold what one marketplace means otherwise or more exactly; a code says
    more than a status. `retry_after` is left to the funnel, which has a clock.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    if by_code:
        told = codes(answer.body)
        for code, advice in by_code.items():
            if code in told:
                return refuse(answer, marketplace, advice)
    return refuse(answer, marketplace, by_status.get(status) or _BY_STATUS.get(status) or _by_class(status))


def refuse(answer: Answer, marketplace: str, advice: Advice) -> UpstreamError:
    """The error of an answer, with words for a person and the marketplace's own."""
    return advice.kind(
        f"{marketplace} {advice.words.format(status=_named(answer.status))}",
        source_message=own_words(answer.body),
        status=answer.status,
    )


_BY_STATUS: Final[Mapping[int, Advice]] = MappingProxyType(
    {
        401: Advice(
            Unauthenticated, "refused the account's credentials ({status}): check its keys in the configuration"
        ),
        403: Advice(
            Forbidden,
            "refused this account or this machine's address ({status}): check what the key may do, and whether the "
            "address is on the marketplace's list",
        ),
        404: Advice(
            NotFound,
            "does not know this batch ({status}): check the id, the kind of batch and the account; a batch that was "
            "just submitted may need a moment",
        ),
        408: Advice(UpstreamTimeout, "gave up waiting for the request ({status}): it is asked again"),
        410: Advice(NotFound, "has removed this batch ({status})"),
        425: Advice(Unavailable, "asked to come back later ({status})"),
        429: Advice(RateLimited, "throttles this account ({status}): it is asked again more slowly"),
    }
)


def _by_class(status: int) -> Advice:
    if 500 <= status < 600:
        return Advice(
            Unavailable, "fails at the moment ({status}): it is asked again; look at its status page if it lasts"
        )
    if 400 <= status < 500:
        return Advice(Rejected, "called the request wrong ({status}): check the id, the account and its base_url")
    if 300 <= status < 400:
        return Advice(
            InvalidAnswer,
            "answered with a redirect ({status}), which is not followed because it would carry the credentials "
            "elsewhere: check base_url (scheme, host and path)",
        )
    return Advice(InvalidAnswer, "answered with a status that has no meaning here ({status}): check base_url")


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def own_words(body: bytes) -> str | None:
    """The marketplace's own words in an answer, at most 500 characters, without markup; None where it sent none."""
    piece = body[:_READ]
    found = decoding.value(piece)
    spoken = list(dict.fromkeys(words for words in _spoken(found) if words))
    words = "; ".join(spoken) if spoken else _words_of_text(piece.decode(errors="replace"))
    return _bounded(words) or None


def _spoken(found: object, depth: int = 0) -> Iterator[str]:
    """Texts of an error in reading order: keys and messages of an object, and of the objects in it."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, list) and depth < 4:
        for part in cast("list[object]", found):
            yield from _spoken(part, depth + 1)
    elif isinstance(found, dict) and depth < 4:
        fields = cast("dict[str, object]", found)
        named = [word for key in _NAMING if isinstance(word := fields.get(key), str) and word]
        said = [word for key in _SPEAKING if isinstance(word := fields.get(key), str) and word]
        yield ": ".join(dict.fromkeys([*named[:1], *said[:1]]))
        for key in (*_NESTED, *_SPEAKING):
            if key in _NESTED or not isinstance(fields.get(key), str):
                yield from _spoken(fields.get(key), depth + 1)


def _words_of_text(text: str) -> str:
    if not text.lstrip().startswith("<"):
        return text
    title = _TITLE.search(text)
    return f"an HTML page: {html.unescape(title[1])}" if title else "an HTML page"


def _bounded(words: str) -> str:
    words = _SPACES.sub(" ", words).strip()
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def codes(body: bytes) -> frozenset[str]:
    """Words of an error body, in upper case, for a look-up of the codes that a marketplace documents."""
    piece = body[:_READ]
    found = decoding.value(piece)
    if found is None and not piece.lstrip().startswith((b"<", b"{", b"[")):  # some errors are plain text
        found = piece.decode(errors="replace")
    return frozenset(word.upper() for words in _spoken(found) for word in _words_in(words))


def _words_in(words: str) -> Iterable[str]:
    return re.findall(r"[\w.]+", words)
