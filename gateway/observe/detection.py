"""How long a change stood at the marketplace before the gateway saw it, by the marketplace's own times."""

from __future__ import annotations

from gateway.core.state import State


def detection_delay(old: State, new: State) -> float | None:
    """Seconds from the marketplace's time of the change to the reading; None where it tells no new time.

    Clocks differ, and some marketplaces count whole seconds: what would be below zero is zero.
    """
    before = {old.snapshot.updated_at, old.snapshot.completed_at}
    told = [at for at in (new.snapshot.updated_at, new.snapshot.completed_at) if at is not None and at not in before]
    return max(0.0, (new.fetched_at - max(told)).total_seconds()) if told else None
