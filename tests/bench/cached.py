"""Answers that are at hand: one batch, a thousand items, and the tail with a full cache."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from tests.bench import contestants
from tests.bench.contestants import Server, Start
from tests.bench.load import Load
from tests.bench.market import Upstream
from tests.bench.rounds import Entry, Plan, loads, started
from tests.bench.table import markdown, of_loads

OURS: Final = "batch-gateway"
SHARED: Final = "batch-gateway, answer shared"
CEILING: Final = "raw ceiling"
PLAIN: Final = "plain Strawberry"
MERCURIUS: Final = "mercurius + JIT"
TAILCALL: Final = "Tailcall"
PEERS: Final[Mapping[str, Start]] = {
    PLAIN: contestants.plain,
    MERCURIUS: contestants.mercurius,
    TAILCALL: contestants.tailcall,
}
BUILT_IN: Final[Mapping[str, Start]] = {PLAIN: contestants.plain}
_FULL: Final = 20_000
"""States that the gateway keeps in memory by default."""
_PATIENCE: Final = 40
"""Seconds at most to fill it."""


def small(plan: Plan, upstream: Upstream, others: Mapping[str, Start] = PEERS) -> dict[str, Load]:
    """One batch, 8 fields."""
    with ExitStack() as stack:
        servers = _with_ceiling(stack, upstream, others, is_large=False)
        return loads(plan, servers, [Entry(name, name, each.questions.small, 32) for name, each in servers.items()])


def large(plan: Plan, upstream: Upstream, others: Mapping[str, Start] = PEERS) -> dict[str, Load]:
    """1,000 items, 8 fields each; no two requests alike, and all the same."""
    with ExitStack() as stack:
        servers = _with_ceiling(stack, upstream, others, is_large=True)
        varied = [Entry(name, name, each.questions.large_varied, 8) for name, each in servers.items()]
        return loads(plan, servers, [*varied, Entry(SHARED, OURS, servers[OURS].questions.large, 8)])


def _with_ceiling(
    stack: ExitStack, upstream: Upstream, others: Mapping[str, Start], *, is_large: bool
) -> dict[str, Server]:
    """The gateway, the ceiling for its very answer, and the others; each has the answer at hand."""
    servers = started(stack, upstream.url, {OURS: contestants.gateway})
    answers = {
        name: server.ask(server.questions.large if is_large else server.questions.small)
        for name, server in servers.items()
    }
    servers |= started(stack, upstream.url, {CEILING: contestants.ceiling(answers[OURS]), **others})
    for server in servers.values():
        server.ask(server.questions.large if is_large else server.questions.small)
    return servers


def tail(plan: Plan, upstream: Upstream) -> Load:
    """One batch, 8 fields, with a cache that is full."""
    with contestants.gateway(upstream.url) as server:
        upstream.reset()
        for _ in range(_PATIENCE):
            if upstream.calls() < _FULL:
                plan.tool.run(server, server.questions.fresh, 32, 1.0)
        server.ask(server.questions.small)
        entry = Entry(OURS, OURS, server.questions.small, 32)
        return loads(plan, {OURS: server}, [entry])[OURS]


def report_small(plan: Plan, upstream: Upstream) -> None:
    """Print the table."""
    title = "One cached batch, 8 fields, POST, 32 connections"
    print(of_loads(title, small(plan, upstream), [CEILING, PLAIN, MERCURIUS, TAILCALL]))


def report_large(plan: Plan, upstream: Upstream) -> None:
    """Print the table."""
    title = "1,000 cached items with 8 fields each, POST, 8 connections, no two requests alike unless shared"
    print(of_loads(title, large(plan, upstream), [CEILING, PLAIN, MERCURIUS, TAILCALL]))


def report_tail(plan: Plan, upstream: Upstream) -> None:
    """Print the table."""
    found = tail(plan, upstream)
    row = [f"{found.rate:,.0f}", f"{found.p50 * 1e3:.2f}", f"{found.p99 * 1e3:.2f}", f"{found.p99 / found.p50:.1f}"]
    print(
        markdown(
            f"One cached batch while {_FULL:,} others are kept",
            ["", "requests/s", "p50 ms", "p99 ms", "p99 ÷ p50"],
            [[OURS, *row]],
        )
    )
