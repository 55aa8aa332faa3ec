"""A whole gateway with its sandbox, as `batch-gateway demo` starts it, for tests that drive it from outside."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parent.parent
UP_WITHIN = 90.0
DOWN_WITHIN = 30.0
_NUMBERS = itertools.count(os.getpid() * 61)


@contextmanager
def demo_gateway(port: int | None = None, ended_by: signal.Signals = signal.SIGINT) -> Iterator[str]:
    """The address of a running demo, for as long as the block lasts."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(port)]
    with TemporaryFile() as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        try:
            if not _is_up(url, process):
                output.seek(0)
                raise AssertionError(f"the demo did not start:\n{output.read().decode(errors='replace')}")
            yield url
        finally:
            process.send_signal(ended_by)
            try:
                process.wait(DOWN_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port that nobody listens on, another with each call.

    It lies below those that systems take for outgoing connections and for port 0: nobody has it when it is listened on.
    """
    for number in _NUMBERS:
        port = 10_000 + number % 10_000
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError


def _is_up(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + UP_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False
