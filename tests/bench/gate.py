"""The small part of the bench that CI runs: ratios of processor time, held against those that were recorded.

Processor time per request moves less than requests per second where other programs run on the same machine, and
ratios within one run move less than either. What moves all the same passes: a ratio is lost where it is in each of
several measurements. How quick the machine is does not count: new batches are asked for by number, because each one
that is kept makes the next a little dearer. `python -m tests.bench.gate` records anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench import cached, cold
from tests.bench.cached import BUILT_IN, CEILING, OURS, PLAIN
from tests.bench.load import OWN, Load
from tests.bench.market import Upstream, upstream
from tests.bench.rounds import Plan

RECORDED: Final = Path(__file__).parent / "recorded.json"
LEAST: Final = 2 / 3
"""What has to remain of a recorded ratio."""
MEASUREMENTS: Final = 5
SMALL: Final = "one cached batch, beside a plain gateway"
MACHINE: Final = "one cached batch, the raw ceiling beside a plain gateway"
"""Nothing of ours is in it: where it differs, the machine does. Where system calls are dearer beside Python's own work
than on the machine that recorded, the gateway's ratio beside the plain one is lower, as the ceiling's is."""
_PLAN: Final = Plan(OWN, seconds=1.0, rounds=3)
_COLD: Final = replace(_PLAN, tool=OWN.at_most(1_000))
_WORKS: Final[Mapping[Callable[[Upstream], Mapping[str, Load]], Mapping[str, str]]] = {
    lambda market: cached.small(_PLAN, market, BUILT_IN): {
        "one cached batch, beside the raw ceiling": CEILING,
        SMALL: PLAIN,
    },
    lambda market: cached.large(_PLAN, market, BUILT_IN): {"1,000 cached items, beside a plain gateway": PLAIN},
    lambda market: cold.fresh(_COLD, market, BUILT_IN): {"every request a new batch, beside a plain gateway": PLAIN},
}
"""What is measured, and by name with whom the gateway is compared."""


def ratios(market: Upstream, names: Collection[str]) -> dict[str, float]:
    """How many times less processor time the gateway takes than each of the comparisons, by work."""
    found: dict[str, float] = {}
    for measure, others in _WORKS.items():
        if wanted := [name for name in others if name in names]:
            loads = measure(market)
            found |= {name: loads[others[name]].cpu / loads[OURS].cpu for name in wanted}
            if SMALL in wanted:
                found[MACHINE] = loads[PLAIN].cpu / loads[CEILING].cpu
    return found


def recorded() -> dict[str, float]:
    """The ratios that hold."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def lost(market: Upstream) -> dict[str, tuple[float, float]]:
    """The most that was measured, and what was recorded, for each ratio that has dropped by more than a third."""
    kept = recorded()
    machine = kept.pop(MACHINE)
    best = dict.fromkeys(kept, 0.0)
    names = set(kept)
    for _ in range(MEASUREMENTS):
        found = ratios(market, names)
        if SMALL in found:
            found[SMALL] *= max(1.0, machine / found.pop(MACHINE))
        best |= {name: max(best[name], ratio) for name, ratio in found.items()}
        names = {name for name in kept if best[name] < kept[name] * LEAST}
    return {name: (round(best[name], 3), kept[name]) for name in names}


def main() -> None:
    """Record the lowest of what is measured three times: figures of one run move by a third by themselves."""
    with upstream() as market:
        runs = [ratios(market, recorded()) for _ in range(3)]
    found = {name: round(min(run[name] for run in runs), 3) for name in recorded()}
    RECORDED.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(RECORDED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
