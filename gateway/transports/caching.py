"""Which answers to GET a browser may keep: decided by whoever knows what an answer was made of."""

from __future__ import annotations

from typing import Protocol

from gateway.transports.negotiation import Media
from gateway.transports.responses import Header


class Witnessed(Protocol):
    """One query that is watched while it runs."""

    @property
    def context(self) -> object:
        """The context to run it with, in place of the one that was given."""
        ...

    def validators(self, body: bytes, media: Media) -> tuple[Header, ...]:
        """The headers by which the answer may be kept, `etag` among them; nothing where it may not be."""
        ...


class Caching(Protocol):
    """Watches queries over GET."""

    def witness(self, context: object) -> Witnessed:
        """Watch the query that is about to run with this context."""
        ...


def is_known(if_none_match: bytes | None, headers: tuple[Header, ...]) -> bool:
    """Whether the client has this very answer: `If-None-Match` names its tag (compared weakly, RFC 9110)."""
    if if_none_match is None:
        return False
    tag = dict(headers).get(b"etag")
    named = {part.strip().removeprefix(b"W/") for part in if_none_match.split(b",")}
    return tag is not None and (b"*" in named or tag in named)
