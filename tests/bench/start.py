"""From the command to the first answer, everything cold but the files on disk."""

from __future__ import annotations

import time
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench import contestants
from tests.bench.market import Upstream
from tests.bench.rounds import Plan
from tests.bench.table import markdown


def start(upstream: Upstream, bytecode: str) -> float:
    """Seconds. `bytecode` is a folder for compiled modules, as an installation has them."""
    environ = {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    begun = time.perf_counter()
    with contestants.gateway(upstream.url, environ) as server:
        server.ask(server.questions.small)
        return time.perf_counter() - begun


def report(plan: Plan, upstream: Upstream) -> None:
    """Print the table."""
    with TemporaryDirectory() as bytecode:
        start(upstream, bytecode)
        times = [start(upstream, bytecode) for _ in range(2 * plan.rounds - 1)]
    print(markdown("A cold start", ["", "seconds"], [["command to first answer", f"{median(times):.2f}"]]))
