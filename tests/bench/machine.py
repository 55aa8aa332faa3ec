"""Processes of the bench: pinned to a core, measured from outside, ended with the bench."""

from __future__ import annotations

import os
import platform
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
UP_WITHIN: Final = 90.0
_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = _CORES[0]
CLIENT_CORE: Final = _CORES[-1]
"""The load and the upstream have a core of their own, where there are two."""


class Absent(Exception):
    """A contestant that this machine does not have; the text says what it takes."""


@contextmanager
def running(
    command: Sequence[str], *, core: int, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core, for as long as the block lasts. What it prints is shown where it fails."""

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        raise_file_limit()

    with TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            preexec_fn=prepare,  # noqa: PLW1509 - nothing here runs threads
            env={**os.environ, **(environ or {})},
        )
        try:
            yield process
        except Exception:
            output.seek(0)
            print(output.read().decode(errors="replace")[-2_000:])
            raise
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and insist after a while."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    """Return once somebody listens on the port."""
    deadline = time.monotonic() + UP_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def raise_file_limit() -> None:
    """As many open files as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pin_to_client_core() -> None:
    """Run this process where the load runs."""
    os.sched_setaffinity(0, {CLIENT_CORE})


def cpu_seconds(pid: int) -> float:
    """What a process has used of its core so far, all threads together."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3), which Python does not offer


def resident_kilobytes(pid: int) -> int:
    """RSS."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def describe() -> str:
    """One line about the machine, for whoever reads the figures later."""
    cpu = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{cpu}, {len(_CORES)} cores, {platform.system()}, Python {platform.python_version()}; load {load}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
