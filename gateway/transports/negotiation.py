"""Which media type answers a request: `Accept` with q-values, and the content type of what was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple


class Media(Enum):
    """What the gateway can answer with, in the order that it prefers where the client has no opinion."""

    JSON = "application/json"
    RESPONSE = "application/graphql-response+json"
    EVENTS = "text/event-stream"
    MULTIPART = "multipart/mixed"

    def __init__(self, name: str) -> None:
        self.streams: Final = name in {"text/event-stream", "multipart/mixed"}
        """True where more than one result fits in."""
        self.header: Final = (b"content-type", f"{name}; charset=utf-8".encode())
        """The content type of a plain answer."""


_PREFERENCE: Final = {media: place for place, media in enumerate(Media)}

_NAMES: Final = frozenset(
    ("*/*", *(name for media in Media for name in (media.value, f"{media.value.partition('/')[0]}/*")))
)
"""What a range is called that takes one of them; all else in a header, which may be long, is passed over."""

_LONGEST: Final = 1_000
"""Headers beyond this many bytes are not worth remembering."""

_QUOTED: Final = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
"""A quote without its end reaches to the header's: to try again behind each mark would take time squared."""
_RANGE: Final = re.compile(rf"(?:[^,\"]|{_QUOTED})+")
_PARAMETER: Final = re.compile(rf";\s*([^\s=;]+)\s*=\s*({_QUOTED}|[^;]*)")


class _Range(NamedTuple):
    type: str
    parameters: dict[str, str]
    quality: float
    place: int


def acceptable(accept: bytes | None) -> tuple[Media, ...]:
    """The media types that a client takes, the dearest first. No header, or an empty one, takes everything."""
    if not accept or not accept.strip():
        return tuple(Media)
    return _ranked(accept) if len(accept) <= _LONGEST else _ranked.__wrapped__(accept)


@lru_cache(maxsize=256)
def _ranked(accept: bytes) -> tuple[Media, ...]:
    texts = dict.fromkeys(_RANGE.findall(accept.decode("latin-1")))
    ranges = [_range(text, place) for place, text in enumerate(texts) if _name(text) in _NAMES]
    found: list[tuple[float, int, int, Media]] = []
    for media in Media:
        # the most specific range speaks for a media type; of equals the first
        best = max(ranges, key=lambda r: (_specificity(r, media), -r.place), default=None)
        if best is not None and _specificity(best, media) > 0 and best.quality > 0:
            found.append((-best.quality, best.place, _PREFERENCE[media], media))
    return tuple(media for *_, media in sorted(found, key=lambda entry: entry[:3]))


def _name(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _range(text: str, place: int) -> _Range:
    rest = text.partition(";")[2]
    parameters = {key.lower(): _unquoted(value.strip()) for key, value in _PARAMETER.findall(";" + rest)}
    return _Range(_name(text), parameters, _quality(parameters.pop("q", "1")), place)


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _specificity(accepted: _Range, media: Media) -> int:
    """0 where the range does not take the media type; a subscription's multipart has to be asked for by its name."""
    if accepted.type == media.value:
        if media is Media.MULTIPART and accepted.parameters.get("subscriptionspec") != "1.0":
            return 0
        charset = accepted.parameters.get("charset", "utf-8").lower()
        return 3 if charset in {"utf-8", "utf8", "*"} else 0
    if accepted.type == media.value.partition("/")[0] + "/*":
        return 2
    return 1 if accepted.type == "*/*" else 0


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') and value.endswith('"') else value


def plain(accepted: Sequence[Media]) -> Media:
    """The media type of an answer that is no stream, whatever the client would rather have."""
    return next((media for media in accepted if not media.streams), Media.JSON)


def for_results(accepted: Sequence[Media], kind: str) -> Media | None:
    """The media type for an operation's results; None for a subscription of a client that takes no stream."""
    if kind != "subscription":
        return accepted[0]
    return next((media for media in accepted if media.streams), None)


def for_errors(accepted: Sequence[Media]) -> Media:
    """Where to say that an operation cannot run.

    An EventSource sees no body but an event's; Apollo's clients read plain answers where they accept them.
    """
    if accepted[0] is Media.EVENTS or all(media is Media.MULTIPART for media in accepted):
        return accepted[0]
    return plain(accepted)


def is_json(content_type: bytes) -> bool:
    """True for a body of `application/json` in UTF-8, which is what it is in unless it says so otherwise."""
    if content_type == b"application/json":
        return True
    return _is_json(content_type) if len(content_type) <= _LONGEST else False


@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    sent = _range(content_type.decode("latin-1"), 0)
    return sent.type == "application/json" and sent.parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}
