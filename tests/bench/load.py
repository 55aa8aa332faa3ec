"""Load on a server, and what it cost: by wrk where it is installed, else by `generator.py`."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from tests.bench.contestants import HEADERS, Server
from tests.bench.machine import ROOT, cpu_seconds, pin_to_client_core

_SCRIPT: Final = ROOT / "tests" / "bench" / "wrk.lua"
_NUMBERS: Final = itertools.count(1_000_000, 10_000_000)
_PATIENCE: Final = 60.0
"""Seconds that a server may take for its first answers."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run. Times are seconds."""

    rate: float
    """Requests per second."""
    p50: float
    p99: float
    cpu: float
    """Of the server, per request."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What makes the load."""

    name: str
    command: Sequence[str]
    """`{...}` is replaced."""

    def at_most(self, requests: int) -> Tool:
        """The same, which stops after so many. For `generator.py` alone."""
        return Tool(self.name, [*self.command, str(requests)])

    def run(self, server: Server, body: bytes, connections: int, seconds: float) -> Load:
        """Ask the server for so many seconds, longer where it needs that for one answer. Raises where any failed."""
        found = None
        while found is None and seconds < _PATIENCE:
            found = self._run(server, body, connections, seconds)
            seconds *= 3
        if found is None:
            raise RuntimeError(f"{server.url} answered nothing in {seconds / 3:g} s")
        return found

    def _run(self, server: Server, body: bytes, connections: int, seconds: float) -> Load | None:
        with NamedTemporaryFile() as file:
            Path(file.name).write_bytes(body)
            given = {
                "url": server.url,
                "connections": str(connections),
                "seconds": f"{seconds:g}",
                "file": file.name,
                "number": str(next(_NUMBERS)),
            }
            command = [part.format_map(given) for part in self.command]
            before = cpu_seconds(server.pid)
            output = subprocess.run(
                command,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
                preexec_fn=pin_to_client_core,
                timeout=seconds + 120,
            ).stdout
            used = cpu_seconds(server.pid) - before
        found = json.loads(output.strip().splitlines()[-1])
        if not found["requests"]:
            return None
        if found["failed"]:
            raise RuntimeError(f"{found['failed']} of {found['requests']} requests to {server.url} failed")
        return Load(found["requests"] / found["seconds"], found["p50"], found["p99"], used / found["requests"])


OWN: Final = Tool(
    "tests/bench/generator.py",
    [sys.executable, "-m", "tests.bench.generator", "{url}", "{connections}", "{seconds}", "{file}", "{number}"],
)


def best() -> Tool:
    """The tool that holds up the servers least."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return OWN
    headers = [f"{name}: {value}" for name, value in HEADERS.items()]
    options = ["-t1", "-c{connections}", "-d{seconds}s", "--timeout", "30s", "-s", str(_SCRIPT)]
    return Tool("wrk", [wrk, *options, "{url}", "--", "{file}", "{number}", *headers])
