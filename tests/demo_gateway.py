"""A whole gateway with its sandbox, as `batch-gateway demo` starts it, for tests that drive it from outside."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parent.parent
UP_WITHIN = 30.0
DOWN_WITHIN = 10.0


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
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
