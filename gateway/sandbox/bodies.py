"""Answers' bodies: a batch, one item, a run of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.sandbox.course import Course, Standing
from gateway.sandbox.life import Life
from gateway.sandbox.scene import Scene
from gateway.sandbox.script import Kind, Resource, State, Words
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.template import Form, Namer, json_form, settle


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A view of a route, known by its identity."""

    words: Words = field(default_factory=dict[str, Any])
    most: int | None = None


class Forms:
    """The templates of one resource for one state, look and choice of kinds, compiled when they are needed."""

    def __init__(self, resource: Resource, namer: Namer, groups: Mapping[str, Words]) -> None:
        self._resource = resource
        self._namer = namer
        self._groups = groups
        self._items: dict[str, Form] = {}
        self.batch = json_form(settle(resource.batch, groups), namer)

    def item(self, fate: str) -> Form:
        """The template of an item with this fate."""
        form = self._items.get(fate)
        if form is None:
            groups = {**self._groups, "fate": self._resource.fates[fate].words}
            form = self._items[fate] = json_form(settle(self._resource.item, groups), self._namer)
        return form


class Bodies:
    """Writes the answers of one resource, once for as long as nothing moves."""

    def __init__(self, resource: Resource, namer: Namer, shelf: Shelf) -> None:
        self._resource = resource
        self._namer = namer
        self._shelf = shelf
        self._forms: dict[tuple[tuple[str, ...], str, Look], Forms] = {}

    def batch(self, life: Life, standing: Standing, look: Look, now: float) -> bytes:
        """The batch, with its items where the state lists them."""
        key = (life, standing, look)
        body = self._shelf.get(key)
        return body if body is not None else self._shelf.put(key, self._batch(life, standing, look, now))

    def item(self, life: Life, standing: Standing, index: int, look: Look, now: float) -> bytes:
        """One item alone."""
        return self.items(life, standing, [index], look, now)[0]

    def items(self, life: Life, standing: Standing, indexes: Sequence[int], look: Look, now: float) -> list[bytes]:
        """The items of these indexes, each by itself."""
        return self._items(life, standing, indexes, look, life.scene(standing, now))

    def _items(self, life: Life, standing: Standing, indexes: Sequence[int], look: Look, scene: Scene) -> list[bytes]:
        state = life.course.timeline[standing.phase].state
        names = [self._fate(life, standing, index) for index in indexes]
        kept = self._find_forms(life.course, state, look)
        forms = {name: kept.item(name) for name in set(names)}
        if len(names) > len(forms):
            forms = {name: form.bound(scene) for name, form in forms.items()}
        written: list[bytes] = []
        for index, name in zip(indexes, names, strict=True):
            scene.index = index
            written.append(forms[name].render(scene))
        return written

    def _fate(self, life: Life, standing: Standing, index: int) -> str:
        fates = life.course.fates
        if index < standing.done:
            return fates[index % len(fates)]
        is_begun = life.course.timeline[standing.phase].done[1] > 0
        is_next = index == standing.done and "working" in self._resource.fates
        return "working" if is_begun and is_next else "waiting"

    def _batch(self, life: Life, standing: Standing, look: Look, now: float) -> bytes:
        scene = life.scene(standing, now)
        state = life.course.timeline[standing.phase].state
        listed = _listed(life, standing, self._resource.states[state])[: look.most]
        if listed:
            scene.items = b"[" + b",".join(self._items(life, standing, listed, look, scene)) + b"]"
        return self._find_forms(life.course, state, look).batch.render(scene)

    def _find_forms(self, course: Course, state: str, look: Look) -> Forms:
        key = (course.kinds, state, look)
        forms = self._forms.get(key)
        if forms is None:
            forms = self._forms[key] = self._compile(course.kinds, state, look)
        return forms

    def _compile(self, kinds: tuple[str, ...], state: str, look: Look) -> Forms:
        resource = self._resource
        chosen = [resource.kinds.get(resource.kind, Kind()), *(resource.kinds[name] for name in kinds)]
        without = {word for kind in chosen for word in kind.without}
        groups: dict[str, Words] = {
            "kind": {name: word for kind in chosen for name, word in kind.words.items()},
            "state": {name: word for name, word in resource.states[state].words.items() if name not in without},
            "view": look.words,
        }
        return Forms(resource, self._namer, groups)


def _listed(life: Life, standing: Standing, state: State) -> Sequence[int]:
    if state.listed == "none":
        return ()
    if state.listed == "all":
        return range(life.items)
    done = range(standing.done)
    bad = life.course.is_bad
    return done if state.listed == "done" else [index for index in done if bad[index % len(bad)]]
