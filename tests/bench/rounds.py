"""Alternating runs: every contestant once in each round, the order turned round each time; medians over the rounds.

A busy moment of the machine then hits all alike, and ratios hold where figures of time do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeVar

from tests.bench.contestants import Server, Start
from tests.bench.load import Load, Tool
from tests.bench.machine import Absent

_WARM: Final = 1.0
"""Seconds of load before the first round: just-in-time compilers and caches get their time."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often."""

    tool: Tool
    seconds: float = 2.0
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a contestant's name, and what is asked of which server."""

    name: str
    server: str
    body: bytes
    connections: int


def started(stack: ExitStack, upstream: str, contestants: Mapping[str, Start]) -> dict[str, Server]:
    """The contestants that this machine has, running until the stack is closed."""
    servers: dict[str, Server] = {}
    for name, start in contestants.items():
        try:
            servers[name] = stack.enter_context(start(upstream))
        except Absent as reason:
            print(f"({name} is left out: {reason})")
    return servers


def alternate(names: Sequence[str], rounds: int, run: Callable[[str], R]) -> dict[str, list[R]]:
    """What each run brought, by name."""
    found: dict[str, list[R]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(run(name))
    return found


def loads(plan: Plan, servers: Mapping[str, Server], entries: Sequence[Entry]) -> dict[str, Load]:
    """Each entry's medians."""
    present = {entry.name: entry for entry in entries if entry.server in servers}

    def run(name: str, seconds: float = plan.seconds) -> Load:
        entry = present[name]
        return plan.tool.run(servers[entry.server], entry.body, entry.connections, seconds)

    for name in present:
        run(name, min(_WARM, plan.seconds))
    return {name: middle(found) for name, found in alternate(list(present), plan.rounds, run).items()}


def middle(found: Sequence[Load]) -> Load:
    """The median of each figure by itself."""
    return Load(
        median(load.rate for load in found),
        median(load.p50 for load in found),
        median(load.p99 for load in found),
        median(load.cpu for load in found),
    )
