"""One batch, from the moment that it is first asked."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from gateway.sandbox.course import Course, Standing
from gateway.sandbox.scene import Scene

_SEEDS = 1_000_000


@dataclass(slots=True, eq=False)
class Life:
    """A batch on its course. Times are seconds: `born` on the steady counter, `created` since the epoch."""

    id: str
    course: Course
    items: int
    latency: float | None
    born: float
    created: float
    lone: str | None = None
    """The one item's id, where the item was asked and not the batch."""
    calls: int = 0
    is_forgotten: bool = False

    def standing(self, now: float) -> Standing:
        """Where it stands at this time of the steady counter."""
        return self.course.standing(now - self.born, self.items)

    def scene(self, standing: Standing, now: float) -> Scene:
        """The facts for the templates; `now` since the epoch."""
        echo, failed = self.course.story.echo, self.course.failed(standing.done)
        return Scene(
            now=now,
            id=echo or self.id,
            seed=crc32(self.id.encode()) % _SEEDS,
            total=self.items,
            done=standing.done,
            succeeded=standing.done - failed,
            failed=failed,
            created=self.created,
            updated=self.created + self.course.changed(standing, self.items),
            completed=self.created + self.course.entered(standing),
            settled_at=self._settled_at,
            item_id=self.lone and (echo or self.lone),
        )

    def _settled_at(self, index: int) -> float:
        return self.created + self.course.settled(index, self.items)
