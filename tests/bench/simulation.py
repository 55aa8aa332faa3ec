"""What the cadence is worth: simulated batches, asked in the gateway's own way and in the usual ones.

`python -m tests.bench.simulation` prints the tables. Nothing waits and nothing is sent: time is a number, and a call
takes none.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from adapters.window import Limit, Window
from gateway.core.pace import Pace
from gateway.core.turns import Turns
from tests.bench.batches import Batch, arriving, survival
from tests.bench.floor import Floor, costs, paced, usual
from tests.bench.orders import Gateway, Knowing, Order, RoundRobin, Schedule
from tests.bench.runs import Run, table
from tests.bench.told import Told, follow

TEN_SECONDS = 10.0
BURSTS = Limit(50, TEN_SECONDS)
"""The gateway's default for Trendyol: 5 calls a second in the long run, 50 at once."""
EVEN = Limit(1, 0.2)
"""5 calls a second, evenly spaced: where the order alone is compared, not how bursts fall."""
ALWAYS = Pace(eagerness=1e6)
"""So eager that somebody is always due: every call of the limit is made, as round-robin does."""
THRIFTY = Pace(eagerness=1.1)
"""The pace that makes no more calls than the usual schedule."""
FLAT = 12.0
"""Seconds of the flat interval that makes about as many calls in (a) as the gateway."""
CROWDED_SEEDS, ROOMY_SEEDS, TOLD_SEEDS = range(1, 11), range(1, 301), range(1, 101)

READING = """\
Durations: lognormal, median 5 s, sigma 2.4, cut at one hour; arrivals over ten minutes; a call takes no time.
*Delay*: from the end of a batch to the question that finds it. *Age*: how long the batch had run when it ended.
*Gap*: between two questions for one batch, the first counted from its arrival. Each *ratio* is to the first row.
In (a), round-robin, the gateway's order and the knowing one make every call that the limit allows, one in 0.2 s.
In (b) and (c), how a batch stands when it arrives is known, and costs no schedule a call.
"""

Way = Callable[[int], Order]
"""Makes an order for a seed."""


def round_robin(_: int) -> Order:
    """Everybody in turn."""
    return RoundRobin()


def scheduled(_: int) -> Order:
    """Every batch by the usual schedule."""
    return Schedule()


def gateway(pace: Pace, *, is_read: bool) -> Way:
    """In the gateway's way."""
    return lambda seed: Gateway(pace, seed, is_read=is_read)


def simulate(way: Way, limit: Limit, seeds: Iterable[int], count: int) -> Run:
    """Ask for `count` batches per seed until every one was found to be over."""
    run = Run()
    for seed in seeds:
        _follow(arriving(seed, count), way(seed), Window(limit), run)
    return run


def _follow(batches: Sequence[Batch], order: Order, window: Window, run: Run) -> None:
    now, arrived, found = 0.0, 0, 0
    asked = [batch.arrival for batch in batches]
    starts: list[float] = []
    while found < len(batches):
        while arrived < len(batches) and batches[arrived].arrival <= now:
            order.add(arrived, batches[arrived].arrival)
            arrived += 1
        arrival = batches[arrived].arrival if arrived < len(batches) else math.inf
        key, due = order.next(now + (window.wait(now) or 0.0)) or (-1, arrival)
        if due > now:
            now = min(due, arrival)
            continue
        window.start()
        window.end(now)
        starts.append(now)
        run.longest_gap = max(run.longest_gap, now - asked[key])
        asked[key] = now
        is_over = batches[key].end <= now
        order.asked(key, now, is_over=is_over)
        if is_over:
            found += 1
            run.found(now - batches[key].end, batches[key].duration)
    run.calls += len(starts)
    run.busiest = max(run.busiest, busiest(starts, TEN_SECONDS))


def busiest(starts: Sequence[float], seconds: float) -> int:
    """Most starts within that time; starts just so far apart, up to rounding, are not within it."""
    most, first = 0, 0
    for index, start in enumerate(starts):
        while starts[first] <= start - seconds + 1e-6:
            first += 1
        most = max(most, index - first + 1)
    return most


def crowded() -> dict[str, Run]:
    """(a) 500 batches at 5 calls a second. How a batch stands when it arrives is not known."""
    ways: dict[str, tuple[Way, Limit]] = {
        "round-robin": (round_robin, EVEN),
        "the gateway's order": (gateway(ALWAYS, is_read=False), EVEN),
        "an order that knows the distribution": (lambda _: Knowing(survival), EVEN),
        "the gateway as it runs, 50 calls in 10 s": (gateway(Pace(), is_read=False), BURSTS),
        f"every {FLAT:g} s, 50 calls in 10 s": (lambda _: Schedule((FLAT,)), BURSTS),
    }
    return {name: simulate(way, limit, CROWDED_SEEDS, 500) for name, (way, limit) in ways.items()}


def roomy() -> dict[str, Run]:
    """(b) 20 batches with budget to spare. How they stand when they arrive is known to all, and costs no call."""
    ways = {
        "1-2-4-8-15-30 s": scheduled,
        f"gateway, eagerness {THRIFTY.eagerness:g}": gateway(THRIFTY, is_read=True),
        f"gateway, eagerness {Pace().eagerness:g} (default)": gateway(Pace(), is_read=True),
    }
    return {name: simulate(way, BURSTS, ROOMY_SEEDS, 20) for name, way in ways.items()}


def told() -> dict[str, Run]:
    """(c) As (b) at the default pace, by what the marketplace tells of a batch that runs."""
    return {kind.value: follow(kind, TOLD_SEEDS, 20) for kind in Told}


def frontier() -> str:
    """What (b) comes to without chance, beside the least that is possible; as Markdown."""
    base = costs(usual())
    lines = [
        "| (b) in the long run, as ratios to 1-2-4-8-15-30 s | calls | mean of delay ÷ (1 s + age) |",
        "|---|--:|--:|",
    ]
    rows = {f"gateway, eagerness {eagerness:g}": costs(paced(Pace(eagerness))) for eagerness in (1.07, 1.1, 2.4, 2.5)}
    for longest, name in ((60.0, "least possible, no gap above 60 s"), (600.0, "least possible, gaps up to 10 min")):
        floor = Floor(longest)
        rows |= {f"{name}, {times:g} times the calls": floor.at(times * base.calls) for times in (1.0, 1.8)}
    for name, row in rows.items():
        lines.append(f"| {name} | {row.calls / base.calls:.3f} | {row.delay / base.delay:.3f} |")
    return "\n".join(lines)


def cost_of_a_turn(watches: int, turns: int = 2_000) -> float:
    """Microseconds of this machine to choose one of so many overdue watches and to note its answer."""
    rng = random.Random(1)
    them: Turns[int] = Turns(Pace(), rng)
    for key in range(watches):
        born = -rng.uniform(0.0, 3_600.0)
        them.add(key, 0.0, born=born, read=rng.uniform(born, 0.0), attended=key % 2 == 0)
    begin = time.perf_counter()
    for count in range(turns):
        now = count / 5.0
        turn = them.next(now)
        if turn is not None:
            them.asked(turn.key)
            them.seen(turn.key, now, changed=count % 3 == 0)
    return (time.perf_counter() - begin) / turns * 1e6


def main(out: TextIO) -> None:
    """Print all tables as Markdown."""
    begin = time.perf_counter()
    runs = {"(a) 500 batches, 5 calls a second": crowded(), "(b) 20 batches, budget to spare": roomy()}
    runs["(c) what the marketplace tells"] = told()
    print(READING, file=out)
    for title, rows in runs.items():
        print(table(title, rows), end="\n\n", file=out)
    print(frontier(), end="\n\n", file=out)
    most = max(run.busiest for rows in runs.values() for run in rows.values())
    print(f"Most calls in any ten seconds: {most} of {BURSTS.calls}.", file=out)
    print(f"One turn of 10,000 overdue watches: {cost_of_a_turn(10_000):.0f} µs.", file=out)
    print(f"Simulated in {time.perf_counter() - begin:.0f} s.", file=out)


if __name__ == "__main__":
    main(sys.stdout)
