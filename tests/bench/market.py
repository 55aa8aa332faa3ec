"""The bench's hand on the upstream: how slow it is, how often it was asked, what it has told since when."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.machine import CLIENT_CORE, running, wait_until_up
from tests.demo_gateway import free_port


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running upstream."""

    url: str

    def set_latency(self, seconds: float) -> None:
        """Let every answer take this long."""
        self._ask(f"/__set?latency={seconds}")

    def reset(self) -> None:
        """Count anew."""
        self._ask("/__reset")

    def calls(self) -> int:
        """How often it was asked since it counts."""
        return int(self._ask("/__stats")["calls"])

    def touch(self) -> None:
        """Let every open batch take a step."""
        self._ask("/__touch")

    def told(self) -> dict[str, float]:
        """When each batch's newest step was first told; seconds of the steady clock."""
        return self._ask("/__told")

    def _ask(self, path: str) -> dict[str, float]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 - our own address
            return json.load(answer)


@contextmanager
def upstream() -> Iterator[Upstream]:
    """An upstream in a process of its own, beside the load."""
    port = free_port()
    with running([sys.executable, "-m", "tests.bench.upstream", str(port)], core=CLIENT_CORE) as process:
        wait_until_up(process, port)
        yield Upstream(f"http://127.0.0.1:{port}")
