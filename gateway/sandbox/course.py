"""How a story runs for one sort of batch: its phases laid end to end, and the fates that its items share out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, count
from typing import NamedTuple

from gateway.sandbox.script import Fate, Resource, Story


class Standing(NamedTuple):
    """Where a life stands: its phase, and how many of its items are settled. Equal standings read the same."""

    phase: int
    done: int


class Course:
    """A story as one resource plays it with these kinds; shared by all the lives that do."""

    def __init__(self, story: Story, kinds: tuple[str, ...], resource: Resource) -> None:
        self.story = story
        self.timeline = story.timeline
        self.kinds = kinds
        self.items = resource.items if story.items is None else story.items
        self.fates = fates_of(story, kinds, resource)
        self.is_bad = tuple(resource.fates[name].ends == "bad" for name in self.fates)
        self._bad = [0, *accumulate(self.is_bad)]
        self._starts = [0.0, *accumulate(phase.seconds or 0.0 for phase in self.timeline[:-1])]

    def standing(self, age: float, items: int) -> Standing:
        """Where a life of this age (seconds) stands that has so many items."""
        index = bisect_right(self._starts, age) - 1
        phase = self.timeline[index]
        begin, end = phase.done
        share = (age - self._starts[index]) / phase.seconds if phase.seconds else 1.0
        return Standing(index, int(items * (begin + (end - begin) * share) + 1e-9))

    def failed(self, done: int) -> int:
        """How many of the first `done` items failed."""
        rounds, rest = divmod(done, len(self.fates))
        return rounds * self._bad[-1] + self._bad[rest]

    def entered(self, standing: Standing) -> float:
        """The age at which the phase began."""
        return self._starts[standing.phase]

    def changed(self, standing: Standing, items: int) -> float:
        """The age at which it came to stand there."""
        begin, end = self.timeline[standing.phase].done
        start = self._starts[standing.phase]
        return max(start, self.settled(standing.done - 1, items)) if end > begin and standing.done else start

    def settled(self, index: int, items: int) -> float:
        """The age at which the item of this index is settled; of an item that never is, 0."""
        share = (index + 1) / items
        for start, phase in zip(self._starts, self.timeline, strict=True):
            begin, end = phase.done
            if begin <= share <= end:
                moved = (share - begin) / (end - begin) if end > begin else 0.0
                return start + moved * (phase.seconds or 0.0)
        return 0.0


def fates_of(story: Story, kinds: tuple[str, ...], resource: Resource) -> Sequence[str]:
    """The names of the fates that repeat over the items, every `bad` given its turn."""
    chosen = set(kinds or ([resource.kind] if resource.kind else []))
    bad = [*_taking_turns(resource.fates, chosen)]
    once = [name for text in story.fates for name in _repeated(text)]
    rounds = len(bad) if bad and "bad" in once else 1
    turns = count()
    turn = ((bad[next(turns) % len(bad)] if bad else "ok") if name == "bad" else name for name in once * rounds)
    return tuple(turn)


def _repeated(text: str) -> Sequence[str]:
    name, _, times = text.partition("*")
    return [name] * int(times or 1)


def _taking_turns(fates: Mapping[str, Fate], kinds: set[str]) -> Iterator[str]:
    return (name for name, fate in fates.items() if fate.ends == "bad" and (not fate.kinds or kinds & set(fate.kinds)))
