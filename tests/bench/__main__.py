"""`make bench`, or `python -m tests.bench [PART …] [--seconds S] [--rounds N]`: prints tables in Markdown."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench import cached, cold, contestants, poll, replicas, simulation, start, streams
from tests.bench.load import best
from tests.bench.machine import Absent, describe
from tests.bench.market import Upstream, upstream
from tests.bench.rounds import Plan

Part = Callable[[Plan, Upstream], None]

PARTS: Final[Mapping[str, Part]] = {
    "cached": cached.report_small,
    "items": cached.report_large,
    "cold": cold.report_fresh,
    "bursts": cold.report_bursts,
    "subscriptions": streams.report,
    "poll": poll.report,
    "replicas": replicas.report,
    "tail": cached.report_tail,
    "start": start.report,
    "simulation": lambda _plan, _upstream: simulation.main(sys.stdout),
}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="tests.bench", description="Compare the gateway with others, in turns.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load in each run (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of runs, whose medians are shown (default %(default)s)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    plan = Plan(best(), arguments.seconds, arguments.rounds)
    print(f"{describe()}; load by {plan.tool.name}; Tailcall {_tailcall()}", flush=True)
    for name in arguments.parts or PARTS:
        begun = time.perf_counter()
        with upstream() as market:
            PARTS[name](plan, market)
        print(f"\n({name}: {time.perf_counter() - begun:.0f} s)", flush=True)


def _tailcall() -> str:
    try:
        return contestants.tailcall_version()
    except Absent:
        return "absent"


if __name__ == "__main__":
    main()
