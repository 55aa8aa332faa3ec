"""The small part of the bench that CI runs: ratios of processor time, held against those that were recorded.

Processor time per request moves less than requests per second where other programs run on the same machine, and
ratios within one run move less than either. `python -m tests.bench.gate` records anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
_PLAN: Final = Plan(OWN, seconds=1.0, rounds=3)


def ratios(market: Upstream) -> dict[str, float]:
    """How many times less processor time the gateway takes than each of the comparisons, by work."""
    small = cached.small(_PLAN, market, BUILT_IN)
    large = cached.large(_PLAN, market, BUILT_IN)
    fresh = cold.fresh(_PLAN, market, BUILT_IN)
    return {
        "one cached batch, beside the raw ceiling": _beside(small, CEILING),
        "one cached batch, beside a plain gateway": _beside(small, PLAIN),
        "1,000 cached items, beside a plain gateway": _beside(large, PLAIN),
        "every request a new batch, beside a plain gateway": _beside(fresh, PLAIN),
    }


def _beside(loads: Mapping[str, Load], other: str) -> float:
    return loads[other].cpu / loads[OURS].cpu


def recorded() -> dict[str, float]:
    """The ratios that hold."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def lost(market: Upstream) -> dict[str, tuple[float, float]]:
    """What is measured now, and what was recorded, for each ratio that has dropped by more than a third."""
    found = ratios(market)
    return {name: (round(found[name], 3), ratio) for name, ratio in recorded().items() if found[name] < ratio * LEAST}


def main() -> None:
    """Record the lowest of what is measured three times: figures of one run move by a third by themselves."""
    with upstream() as market:
        runs = [ratios(market) for _ in range(3)]
    found = {name: round(min(run[name] for run in runs), 3) for name in runs[0]}
    RECORDED.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(RECORDED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
