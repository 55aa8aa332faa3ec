"""Reads `adapters/recorded/*/story.json`, lays it over the standard stories, and refuses what cannot be played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from gateway.sandbox import standard
from gateway.sandbox.script import Reply, Resource, Script, Story


class ScriptError(ValueError):
    """A `story.json` that cannot be played; the message names the folder and what to mend."""


@dataclass(frozen=True, slots=True)
class Play:
    """A marketplace's script with everything that it inherits."""

    script: Script
    stories: Mapping[str, Story]
    answers: Mapping[str, Reply]

    def told_by(self, resource: str) -> dict[str, Story]:
        """The stories that this resource plays, by prefix."""
        return {
            name: story
            for name, story in self.stories.items()
            if story.resources is None or resource in story.resources
        }


def read_plays(recorded: Path | None = None) -> tuple[Play, ...]:
    """Every marketplace that has a story, by name; `recorded` takes the place of `adapters/recorded`.

    Raises `ScriptError` for a story that cannot be played.
    """
    root: Traversable = recorded or files("adapters") / "recorded"
    stories = ((folder.name, folder / "story.json") for folder in root.iterdir() if folder.is_dir())
    return tuple(_read(name, story.read_bytes()) for name, story in sorted(stories) if story.is_file())


def _read(folder: str, text: bytes) -> Play:
    try:
        script = msgspec.json.decode(text, type=Script)
    except msgspec.DecodeError as error:
        raise ScriptError(f"recorded/{folder}/story.json: {error}") from error
    own = {**standard.STORIES, **script.stories}
    play = Play(
        script,
        {name: story for name, story in own.items() if story is not None},
        {**standard.ANSWERS, **script.answers},
    )
    faults = [*_faults(folder, play)]
    if faults:
        raise ScriptError(f"recorded/{folder}/story.json: {'; '.join(faults)}")
    return play


def _faults(folder: str, play: Play) -> Iterator[str]:
    script = play.script
    if script.marketplace != folder:
        yield f"marketplace is {script.marketplace!r}, its folder {folder!r}"
    yield from (f"answers lacks {name!r}" for name in standard.OWN_ANSWERS if name not in play.answers)
    yield from (f"doors: no answer {door.answer!r}" for door in script.doors if door.answer not in play.answers)
    for route in script.routes:
        if route.resource not in script.resources:
            yield f"routes: no resource {route.resource!r}"
        if route.unknown not in play.answers:
            yield f"routes: no answer {route.unknown!r}"
        if route.gives == "list" and route.paging is None:
            yield f"routes: {route.path} lists, and says not how (paging)"
    for name, resource in script.resources.items():
        yield from (f"resources.{name}: {fault}" for fault in _faults_of(resource, play, name))


def _faults_of(resource: Resource, play: Play, name: str) -> Iterator[str]:
    yield from (f"states lacks {state!r}" for state in standard.STATES if state not in resource.states)
    yield from (f"fates lacks {fate!r}" for fate in standard.FATES if fate not in resource.fates)
    if resource.kind and resource.kind not in resource.kinds:
        yield f"no kind {resource.kind!r}"
    for prefix, story in play.told_by(name).items():
        yield from (f"stories.{prefix}: {fault}" for fault in _faults_in(story, resource, play))


def _faults_in(story: Story, resource: Resource, play: Play) -> Iterator[str]:
    if not story.timeline or story.timeline[-1].seconds is not None:
        yield "the last phase must stay (no `for`)"
    for phase in story.timeline:
        if phase.state and phase.state not in resource.states:
            yield f"no state {phase.state!r}"
        if bool(phase.state) == bool(phase.answer):
            yield "a phase has either a state or an answer"
    answers = {phase.answer for phase in story.timeline if phase.answer}
    answers |= {call.answer for call in story.calls if call}
    yield from (f"no answer {answer!r}" for answer in sorted(answers - play.answers.keys()))
    names = {fate.partition("*")[0] for fate in story.fates} - {"bad"}
    yield from (f"no fate {fate!r}" for fate in sorted(names - resource.fates.keys()))
    if story.kind is not None and story.kind not in resource.kinds:
        yield f"no kind {story.kind!r}"
