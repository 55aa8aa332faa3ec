"""Answers that are not a batch: errors in the marketplace's own shape, pages of machines on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.sandbox.doors import Headers
from gateway.sandbox.scene import Scene
from gateway.sandbox.script import Reply
from gateway.sandbox.template import Form, Namer, json_form, text_form

JSON_HEADERS: Final[Headers] = [(b"content-type", b"application/json")]


class Rendered(NamedTuple):
    """An answer, ready to be sent (its length is not among the headers)."""

    status: int
    headers: Headers
    body: bytes


class Replies:
    """The named answers of one marketplace."""

    def __init__(self, answers: Mapping[str, Reply], namer: Namer) -> None:
        self._answers = answers
        self._namer = namer
        self._bodies = {name: self._form(reply) for name, reply in answers.items()}

    def render(self, name: str, scene: Scene, more: Mapping[str, str]) -> Rendered:
        """The answer of this name, with more headers than its own."""
        reply = self._answers[name]
        headers = {**reply.headers, **more}
        body = self._bodies[name].render(scene)
        if body:
            headers["content-type"] = reply.type
        written = [(key.encode(), text_form(value, self._namer).render(scene)) for key, value in headers.items()]
        return Rendered(reply.status, written, body)

    def _form(self, reply: Reply) -> Form:
        if reply.text is not None or reply.json is None:
            return text_form(reply.text or "", self._namer)
        return json_form(reply.json, self._namer)
