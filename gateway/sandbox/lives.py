"""The batches that a marketplace was asked about, each living since then."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from adapters.clock import Clock
from gateway.sandbox.course import Course
from gateway.sandbox.life import Life
from gateway.sandbox.reading import Play
from gateway.sandbox.wish import read_wish

_MOST: Final = 100_000


class Lives:
    """Begins lives and remembers them, a bounded number: those asked longest ago are dropped, and would begin anew."""

    def __init__(self, play: Play, clock: Clock) -> None:
        self._script = play.script
        self._clock = clock
        self._stories = {name: play.told_by(name) for name in play.script.resources}
        self._courses: dict[tuple[str, str, tuple[str, ...]], Course] = {}
        self._lives: OrderedDict[tuple[str, str, bool], Life] = OrderedDict()

    def batch(self, resource: str, batch_id: str) -> Life:
        """The life of a batch; it begins when it is asked for."""
        return self._find(resource, batch_id, lone=False)

    def item(self, resource: str, item_id: str) -> tuple[Life, int]:
        """An item's batch and its index there. An id of no known form is the only item of a batch of its own."""
        batch_id, _, digits = item_id.rpartition(self._script.resources[resource].item_suffix)
        if batch_id and digits.isascii() and digits.isdecimal():
            return self.batch(resource, batch_id), int(digits)
        return self._find(resource, item_id, lone=True), 0

    def is_unknown(self, life: Life) -> bool:
        """Whether the marketplace has forgotten this batch."""
        retention = self._script.retention
        return life.is_forgotten or (retention is not None and self._clock.monotonic() - life.born >= retention)

    def forget(self, batch_id: str) -> None:
        """Make the marketplace forget this batch, asked before or not."""
        for name in self._script.resources:
            self._find(name, batch_id, lone=False).is_forgotten = True
            self._find(name, batch_id, lone=True).is_forgotten = True

    def clear(self) -> None:
        """Begin every life anew when it is asked next."""
        self._lives.clear()

    def _find(self, resource: str, asked: str, *, lone: bool) -> Life:
        key = (resource, asked, lone)
        life = self._lives.get(key)
        if life is None:
            life = self._lives[key] = self._begin(resource, asked, lone=lone)
            if len(self._lives) > _MOST:
                self._lives.popitem(last=False)
        else:
            self._lives.move_to_end(key)
        return life

    def _begin(self, resource: str, asked: str, *, lone: bool) -> Life:
        wish = read_wish(asked, self._stories[resource], self._script.resources[resource].kinds)
        course = self._course(resource, wish.story, wish.kinds)
        items = 1 if lone else course.items if wish.items is None or course.story.items == 0 else wish.items
        return Life(
            f"{asked}-batch" if lone else asked,
            course,
            items,
            course.story.latency if wish.latency is None else wish.latency,
            born=self._clock.monotonic(),
            created=self._clock.now().timestamp(),
            lone=asked if lone else None,
        )

    def _course(self, resource: str, name: str, kinds: tuple[str, ...]) -> Course:
        key = (resource, name, kinds)
        course = self._courses.get(key)
        if course is None:
            story = self._stories[resource][name]
            kinds = kinds or ((story.kind,) if story.kind else ())
            course = self._courses[key] = Course(story, kinds, self._script.resources[resource])
        return course
