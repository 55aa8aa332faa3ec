"""What became of runs and values: what compiled code could do, and what was left to graphql-core."""

from __future__ import annotations


class Counts:
    """Counters that only grow."""

    __slots__ = ("given_up", "made", "planned", "unplanned")

    def __init__(self) -> None:
        self.planned = 0
        """Runs of operations by their plans; what a shared answer spares is no run."""
        self.unplanned = 0
        """Runs of operations that have no plan: too new, or of a kind that cannot have one."""
        self.made = 0
        """Values, of root fields mostly, that compiled code made."""
        self.given_up = 0
        """Values that compiled code could not vouch for: graphql-core completed them, or what was wrong in them."""
