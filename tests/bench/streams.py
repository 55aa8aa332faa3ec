"""Subscriptions: memory while nothing happens, calls to the marketplace, and how soon the last subscriber hears.

`python -m tests.bench.streams URL PID UPSTREAM SUBSCRIBERS BATCHES IDLE KIND` is one audience; it prints
one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

import uvloop

from tests.bench import contestants
from tests.bench.cached import OURS, PLAIN
from tests.bench.contestants import HEADERS, Server
from tests.bench.machine import ROOT, cpu_seconds, pin_to_client_core, raise_file_limit, resident_kilobytes
from tests.bench.market import Upstream
from tests.bench.questions import OURS as QUESTIONS
from tests.bench.rounds import Plan
from tests.bench.subscribers import Audience
from tests.bench.table import markdown

Counts = Sequence[int]

BATCHES: Final = 200
_ARRIVAL: Final = 90.0
"""Seconds at most for all of them to come."""
_SETTLE: Final = 3.0
_TOUCHES: Final = 2
_HEARING: Final = 40.0
"""Seconds at most for a change to be found and told to all."""


@dataclass(frozen=True, slots=True)
class Stay:
    """What an audience brought. Times are seconds."""

    came: int
    stayed: int
    arrival: float
    kilobytes: float
    """Of the server's memory, per subscription, while nothing happens."""
    calls: float
    """To the marketplace, per second, while nothing happens."""
    cpu: float
    """Share of a core, while nothing happens."""
    told: float | None
    """From a change being read to its last delivery: the slowest batch, median of the changes. None: not all heard."""
    at_once: float | None
    """The same with all batches' changes read in one moment."""
    delivery: float | None
    """Processor time of the server for one of these deliveries, reading the changes included."""


class Visit:
    """One audience at one server."""

    def __init__(self, url: str, pid: int, upstream: Upstream, count: int, batches: int, idle: float) -> None:
        self._url = url
        self._pid = pid
        self._upstream = upstream
        self._count = count
        self._idle = idle
        self._audience = Audience(url, [f"open-20-{number}" for number in range(batches)])

    async def run(self, *, is_ours: bool) -> Stay:
        """Come, be idle, hear of changes, leave."""
        loop = asyncio.get_running_loop()
        first = await self._audience.enter(1, _ARRIVAL)
        before = resident_kilobytes(self._pid)
        started = loop.time()
        came = await self._audience.enter(self._count - first, _ARRIVAL)
        arrival = loop.time() - started
        await asyncio.sleep(_SETTLE)
        kilobytes = (resident_kilobytes(self._pid) - before) / max(came, 1)
        calls, cpu = await self._be_idle()
        came += first
        times = [await self._change(came, ask=False) for _ in range(_TOUCHES)]
        before = cpu_seconds(self._pid)
        at_once = [await self._change(came, ask=True) for _ in range(_TOUCHES)] if is_ours else [None]
        delivery = (cpu_seconds(self._pid) - before) / _TOUCHES / came if is_ours and came else None
        stayed = came - self._audience.lost
        await self._audience.leave()
        return Stay(came, stayed, arrival, kilobytes, calls, cpu, _median(times), _median(at_once), delivery)

    async def _be_idle(self) -> tuple[float, float]:
        await asyncio.to_thread(self._upstream.reset)
        before, started = cpu_seconds(self._pid), asyncio.get_running_loop().time()
        await asyncio.sleep(self._idle)
        took = asyncio.get_running_loop().time() - started
        calls = await asyncio.to_thread(self._upstream.calls)
        return calls / took, (cpu_seconds(self._pid) - before) / took

    async def _change(self, count: int, *, ask: bool) -> float | None:
        """The slowest batch's time from its change being told by the upstream to its last delivery."""
        self._audience.forget()
        await asyncio.to_thread(self._upstream.touch)
        if ask:
            await asyncio.to_thread(self._ask_for_all)
        if not await self._audience.heard(count, _HEARING):
            return None
        told = await asyncio.to_thread(self._upstream.told)
        heard = {self._audience.ids[number]: when for number, when in self._audience.last.items()}
        if not heard.keys() <= told.keys():
            return None  # what came was still the change before
        return max(when - told[batch] for batch, when in heard.items())

    def _ask_for_all(self) -> None:
        body = QUESTIONS.many(self._audience.ids).replace(b"(refs: $refs)", b"(refs: $refs, maxAge: 0)")
        request = urllib.request.Request(self._url, body, dict(HEADERS))  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            answer.read()


def _median(times: list[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return median(known) if len(known) == len(times) else None


def stay(
    server: Server, upstream: Upstream, count: int, idle: float, *, asks: bool = True, batches: int = BATCHES
) -> Stay:
    """Run an audience in a process of its own, beside the upstream."""
    kind = "ours" if asks else "other"
    command = [sys.executable, "-m", "tests.bench.streams", server.url, str(server.pid), upstream.url]
    output = subprocess.run(
        [*command, str(count), str(batches), str(idle), kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
        preexec_fn=pin_to_client_core,
    ).stdout
    return Stay(**json.loads(output))


def report(plan: Plan, upstream: Upstream, ours: Counts = (2_000, 10_000), plains: Counts = (1_000, 2_000)) -> None:
    """Print the table."""
    runs = [(OURS, contestants.gateway, count) for count in ours] + [(PLAIN, contestants.plain, n) for n in plains]
    rows: list[list[str]] = []
    for name, start, count in runs:
        with start(upstream.url) as server:
            found = stay(server, upstream, count, 5 * plan.seconds, asks=name == OURS)
            rows.append(_row(name, count, found))
    columns = ["", "subscribers", "came", "stayed", "all in s", "KB each", "calls/s", "CPU %"]
    columns += ["told ms", "at once ms", "CPU µs"]
    print(markdown(f"Subscriptions to {BATCHES} batches over graphql-transport-ws", columns, rows))


def _row(name: str, count: int, found: Stay) -> list[str]:
    return [
        name,
        f"{count:,}",
        f"{found.came:,}",
        f"{found.stayed:,}",
        f"{found.arrival:.1f}",
        f"{found.kilobytes:.1f}",
        f"{found.calls:.1f}",
        f"{found.cpu * 100:.0f}",
        _milliseconds(found.told),
        _milliseconds(found.at_once),
        "-" if found.delivery is None else f"{found.delivery * 1e6:.0f}",
    ]


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:,.0f}"


def main() -> None:
    """Run one audience."""
    url, pid, upstream, count, batches, idle, kind = sys.argv[1:8]
    raise_file_limit()
    visit = Visit(url, int(pid), Upstream(upstream), int(count), int(batches), float(idle))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(visit.run(is_ours=kind == "ours")))))


if __name__ == "__main__":
    main()
