"""What came of one way of asking, and how it is printed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean


@dataclass
class Run:
    """One way of asking, over all seeds. Times are seconds."""

    delays: list[float] = field(default_factory=list[float])
    """From the end of a batch to the question that found it."""
    relative: list[float] = field(default_factory=list[float])
    """The same ÷ (1 s + age), where the age is how long the batch had run when it ended."""
    calls: int = 0
    longest_gap: float = 0.0
    """Between two questions for one batch, the first counted from its arrival."""
    busiest: int = 0
    """Most calls in any ten seconds."""

    def found(self, delay: float, age: float) -> None:
        """A batch that ended at that age was found so much later."""
        self.delays.append(delay)
        self.relative.append(delay / (1.0 + age))

    @property
    def mean(self) -> float:
        return fmean(self.delays)

    @property
    def mean_relative(self) -> float:
        return fmean(self.relative)

    @property
    def p99(self) -> float:
        return sorted(self.delays)[math.ceil(0.99 * len(self.delays)) - 1]


COLUMNS = (
    "calls",
    "ratio",
    "mean delay, s",
    "ratio",
    "p99, s",
    "ratio",
    "mean of delay ÷ (1 s + age)",
    "ratio",
    "longest gap, s",
)


def table(title: str, rows: Mapping[str, Run]) -> str:
    """As Markdown; each `ratio` is to the first row."""
    base = next(iter(rows.values()))
    lines = [f"| {title} | {' | '.join(COLUMNS)} |", f"|---{'|--:' * len(COLUMNS)}|"]
    for name, run in rows.items():
        cells = [f"{run.calls:,}", f"{run.calls / base.calls:.3f}", f"{run.mean:.2f}", f"{run.mean / base.mean:.3f}"]
        cells += [f"{run.p99:.1f}", f"{run.p99 / base.p99:.2f}", f"{run.mean_relative:.3f}"]
        cells += [f"{run.mean_relative / base.mean_relative:.3f}", f"{run.longest_gap:.1f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
