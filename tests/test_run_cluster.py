"""`make run-cluster`: two replicas on one machine, the same batch watched through both, and an end without a trace."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo_gateway import ROOT
from tests.valkey import need_valkey

pytestmark = pytest.mark.slow

WITHIN = 120.0
"""Seconds: four processes start, and the batch takes a minute."""
PORTS = 4


def ports_in_a_row() -> int:
    """The first of so many free ports."""
    begun = os.getpid() * 7  # whoever else runs this looks elsewhere first
    for step in range(0, 10_000, 7):
        first = 20_000 + (begun + step) % 10_000
        if all(not is_taken(first + index) for index in range(PORTS)):
            return first
    raise AssertionError("no free ports")


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Shown:
    """The example, run as `make` runs it, and what it has shown so far."""

    def __init__(self, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "examples/cluster/run.py"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str) -> None:
        self.wait_until(lambda: re.search(pattern, self.text) is not None, pattern)

    def wait_until(self, condition: Callable[[], bool], words: str) -> None:
        until = time.monotonic() + WITHIN
        while not condition():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < until, f"no {words}:\n{self.text}"
            time.sleep(0.02)

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it."""
        os.killpg(self.process.pid, signal.SIGINT)
        status = self.process.wait(WITHIN)
        self._reader.join(30)
        return status


def of_this(port: int) -> list[str]:
    """Processes that were started for these ports and still run."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if set(words) & {str(port + index) for index in range(PORTS)} and re.search("gateway|valkey", " ".join(words)):
            found.append(" ".join(words))
    return found


@pytest.fixture
def port() -> int:
    need_valkey()
    return ports_in_a_row()


def test_two_replicas_tell_of_the_same_batch_and_end_without_a_trace(port: int) -> None:
    shown = Shown(port)
    try:
        shown.wait_for("The marketplace was asked")
        status = shown.interrupt()
    finally:
        if shown.process.poll() is None:
            shown.process.kill()
    assert f"http://127.0.0.1:{port}/graphql" in shown.text
    assert f"http://127.0.0.1:{port + 1}/graphql" in shown.text
    for number in (1, 2):
        told = [line for line in shown.lines if line.startswith(f"replica {number}: ")]
        assert len(told) > 1
        assert "SUCCEEDED (12 of 12)" in told[-1]
    asked = re.search(r"was asked (\d+) times", shown.text)
    assert asked is not None
    assert 5 < int(asked[1]) < 60
    assert status == 0
    assert "Traceback" not in shown.text
    assert of_this(port) == []
    assert not any(is_taken(port + index) for index in range(PORTS))


def test_it_ends_as_well_while_it_starts(port: int) -> None:
    moments: list[Callable[[], bool]] = [
        lambda: bool(of_this(port)),
        lambda: is_taken(port + 3),
        lambda: is_taken(port + 2),
        lambda: is_taken(port),
        lambda: is_taken(port + 1),
    ]
    for number, moment in enumerate(moments):
        shown = Shown(port)
        shown.wait_until(moment, f"moment {number}")
        assert shown.interrupt() == 0
        assert "Traceback" not in shown.text
        assert of_this(port) == []


def test_a_port_in_use_is_one_line(port: int) -> None:
    with socket.create_server(("127.0.0.1", port + 1)):
        shown = Shown(port)
        assert shown.process.wait(WITHIN) == 1
        shown._reader.join(30)
    assert f"port {port + 1} is in use" in shown.text
    assert "Traceback" not in shown.text
    assert of_this(port) == []
