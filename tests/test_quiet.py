"""Which watch makes room, and that finding it does not cost more the more there are."""

from __future__ import annotations

import random
from typing import NoReturn

from adapters.model import BatchRef
from gateway.core.quiet import Quiet
from gateway.core.subscription import Subscription
from gateway.core.updates import Detail
from gateway.core.watched import Watch, WatchLimits


class Watches(dict[BatchRef, Watch]):
    """Watches that nobody may go through one by one."""

    def __iter__(self) -> NoReturn:
        raise AssertionError("all watches were looked at")

    values = items = __iter__  # type: ignore[assignment]

    def begin(self, name: str, changed: float) -> Watch:
        watch = Watch(BatchRef("trendyol", "shop", name), 0.0, 1e9, WatchLimits())
        watch.last_change = changed
        self[watch.ref] = watch
        return watch


def join(watch: Watch) -> Subscription:
    stream = Subscription([watch.ref], lambda _: None)
    watch.join(stream, Detail.PROGRESS)
    return stream


def test_the_one_that_has_been_quiet_longest_makes_room() -> None:
    watches = Watches()
    quiet, dice = Quiet(watches), random.Random(3)
    listed = [watches.begin(f"b{n}", dice.uniform(0.0, 100.0)) for n in range(200)]
    for watch in listed:
        quiet.add(watch)
    for watch in dice.sample(listed, 60):
        watch.last_change = dice.uniform(100.0, 200.0)
    taken: list[Watch] = []
    while (watch := quiet.quietest()) is not None:
        taken.append(watches.pop(watch.ref))
    assert taken == sorted(listed, key=lambda watch: watch.last_change)


def test_who_has_subscribers_or_has_ended_makes_no_room() -> None:
    watches = Watches()
    quiet = Quiet(watches)
    attended, ended, again = (watches.begin(name, at) for at, name in enumerate(("attended", "ended", "again")))
    for watch in (attended, ended, again):
        quiet.add(watch)
    stream = join(attended)
    del watches[ended.ref]
    assert quiet.quietest() is again
    assert quiet.quietest() is None
    attended.leave(stream)
    quiet.add(attended)
    assert quiet.quietest() is attended


def test_coming_and_going_leaves_nothing_behind() -> None:
    watches = Watches()
    quiet = Quiet(watches)
    staying = watches.begin("staying", 0.0)
    for n in range(5_000):
        quiet.add(staying)
        watch = watches.begin(f"b{n}", 1.0)
        quiet.add(watch)
        del watches[watch.ref]
    assert len(quiet) <= 1_100
    assert quiet.quietest() is staying
