"""Plans kept with their operations, within bounds over all of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from gateway.compiled.executor import PlannedExecutor
from gateway.compiled.plan import Plan

Setting = tuple[Any, ...]
"""Values of the variables that `@skip` and `@include` hang on."""


class Planned:
    """A plan, and the executor that those of its runs are copied from."""

    __slots__ = ("counted", "first", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.first: PlannedExecutor | None = None
        self.counted = 0
        """Its weight when it was last used."""


class KeptPlans:
    """What is known of one operation."""

    __slots__ = ("deciding", "plans", "runs")

    def __init__(self, deciding: tuple[str, ...] | None) -> None:
        self.runs = 0
        self.deciding = deciding
        """None for an operation that cannot have a plan."""
        self.plans: dict[Setting, Planned | None] = {}


class Room:
    """How much all plans together may weigh, in fields; the plan that was used least recently goes first.

    A plan grows while it is used: it is counted at its next use.
    """

    def __init__(self, fields: int) -> None:
        self._fields = fields
        self._used: OrderedDict[Planned, tuple[KeptPlans, Setting]] = OrderedDict()
        self.held: int = 0

    def use(self, planned: Planned, kept: KeptPlans, setting: Setting) -> None:
        """Count a plan that is about to be used."""
        if planned in self._used:
            self._used.move_to_end(planned)
        else:
            self._used[planned] = kept, setting
        grown = planned.plan.weight - planned.counted
        if grown:
            planned.counted += grown
            self.held += grown
            self._make_room()

    def _make_room(self) -> None:
        while self.held > self._fields and len(self._used) > 1:
            dropped, (kept, setting) = self._used.popitem(last=False)
            self.held -= dropped.counted
            kept.plans.pop(setting, None)


FIELDS: Final = 60_000
"""Room for the plans of more than a thousand operations: some 60 MB."""
