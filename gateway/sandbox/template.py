"""JSON with slots, compiled once into bytes and getters, so that a thousand items cost milliseconds.

A slot is `${name}` or `${name:format}`. A string that is one slot takes the slot's own JSON value; inside a longer
string the value stands as text. Slots of the form `${group.word}` are settled before: they stand for other pieces of
template, and a member whose word is not there is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

import msgspec

from gateway.sandbox.scene import Scene
from gateway.sandbox.script import Words


@dataclass(frozen=True, slots=True)
class Slot:
    """How a slot is filled. It `varies` where items of one batch differ; `choices` take turns over the items."""

    read: Callable[[Scene], object] = repr
    """Its value; bytes are JSON already."""
    varies: bool = False
    choices: tuple[Any, ...] = ()
    text: str | None = None
    """Another text with slots, that it stands for."""


Namer: TypeAlias = Callable[[str, str], Slot]
"""Finds a slot by its name and format; raises `KeyError` for a name that nobody knows."""
Writer: TypeAlias = Callable[[Scene], bytes]
Part: TypeAlias = bytes | tuple[Writer, bool]
"""Bytes, or what writes them and whether it varies."""
_Write: TypeAlias = Callable[[object], bytes]

_SLOT: Final = re.compile(r"\$\{([\w.]+)(?::([^}]*))?\}")
_SETTLED: Final = re.compile(r"\$\{([a-z]+)\.(\w+)\}")
_ABSENT: Final = object()
_encode: Final = msgspec.json.Encoder().encode


def settle(template: object, groups: Mapping[str, Words]) -> object:
    """The template with every `${group.word}` replaced, members without a word left out."""
    if isinstance(template, str):
        return _settle_text(template, groups)
    if isinstance(template, dict):
        members = cast("dict[str, Any]", template)
        settled = {name: settle(value, groups) for name, value in members.items()}
        return {name: value for name, value in settled.items() if value is not _ABSENT}
    if isinstance(template, list):
        parts = cast("list[Any]", template)
        return [value for value in (settle(part, groups) for part in parts) if value is not _ABSENT]
    return template


def _settle_text(text: str, groups: Mapping[str, Words]) -> object:
    whole = _SETTLED.fullmatch(text)
    if whole and whole[1] in groups:
        word = groups[whole[1]].get(whole[2], _ABSENT)
        return word if word is _ABSENT else settle(word, groups)
    return _SETTLED.sub(lambda slot: str(groups[slot[1]].get(slot[2], "")) if slot[1] in groups else slot[0], text)


class Form:
    """A compiled template: one text with holes, and what writes each of them, once however often it stands there."""

    __slots__ = ("_order", "_parts", "_text", "_writers")

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = tuple(parts)
        self._text = b"".join(part.replace(b"%", b"%%") if isinstance(part, bytes) else b"%b" for part in self._parts)
        holes = [part[0] for part in self._parts if not isinstance(part, bytes)]
        self._writers = tuple(dict.fromkeys(holes))
        places = [self._writers.index(writer) for writer in holes]
        self._order = itemgetter(*places) if len(self._writers) < len(holes) else tuple[bytes, ...]

    def render(self, scene: Scene) -> bytes:
        """The template's bytes for this scene."""
        return self._text % self._order([write(scene) for write in self._writers])

    def bound(self, scene: Scene) -> Form:
        """The form with all that the items of this scene share written already."""
        return Form(part if isinstance(part, bytes) or part[1] else part[0](scene) for part in self._parts)


def json_form(template: object, namer: Namer) -> Form:
    """Compile a settled template of JSON."""
    return Form(_Compiler(namer).json(template))


def text_form(template: str, namer: Namer) -> Form:
    """Compile a text that is not JSON: a header, a page."""
    return Form(_Compiler(namer).text(template, _plain))


class _Compiler:
    """Takes one template apart; a slot that stands in it several times has one writer."""

    def __init__(self, namer: Namer) -> None:
        self._namer = namer
        self._writers: dict[tuple[str, str, _Write], Part] = {}

    def json(self, template: object) -> Iterator[Part]:
        if isinstance(template, str):
            yield from self._json_text(template)
        elif isinstance(template, dict):
            members = cast("dict[str, Any]", template)
            for index, (name, value) in enumerate(members.items()):
                yield (b"," if index else b"{") + _encode(name) + b":"
                yield from self.json(value)
            yield b"}" if members else b"{}"
        elif isinstance(template, list):
            values = cast("list[Any]", template)
            for index, value in enumerate(values):
                yield b"," if index else b"["
                yield from self.json(value)
            yield b"]" if values else b"[]"
        else:
            yield _encode(template)

    def text(self, text: str, write: _Write) -> Iterator[Part]:
        end = 0
        for found in _SLOT.finditer(text):
            yield write(text[end : found.start()])
            slot = self._namer(found[1], found[2] or "")
            if slot.text is None:
                yield self._writer(found, slot, write)
            else:
                yield from self.text(slot.text, write)
            end = found.end()
        yield write(text[end:])

    def _json_text(self, text: str) -> Iterator[Part]:
        whole = _SLOT.fullmatch(text)
        slot = self._namer(whole[1], whole[2] or "") if whole else None
        if whole is not None and slot is not None and slot.text is None:
            yield self._writer(whole, slot, _whole)
            return
        yield b'"'
        yield from self.text(text, _escaped)
        yield b'"'

    def _writer(self, found: re.Match[str], slot: Slot, write: _Write) -> Part:
        key = (found[1], found[2] or "", write)
        part = self._writers.get(key)
        if part is None:
            part = self._writers[key] = _filled(slot, write)
        return part


def _filled(slot: Slot, write: _Write) -> Part:
    read, written = slot.read, [write(choice) for choice in slot.choices]
    if written:
        return lambda scene: written[(scene.index + scene.seed) % len(written)], True
    return lambda scene: write(read(scene)), slot.varies


def _whole(value: object) -> bytes:
    return value if isinstance(value, bytes) else _encode(value)


def _plain(value: object) -> bytes:
    return str(value).encode()


def _escaped(value: object) -> bytes:
    return _encode(str(value))[1:-1]
