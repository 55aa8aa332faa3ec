"""The servers that are compared: the gateway, the raw ceiling, a plain Strawberry gateway, mercurius and Tailcall."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.machine import ROOT, SERVER_CORE, Absent, running, wait_until_up
from tests.bench.questions import MIRRORED, OURS, Questions
from tests.demo_gateway import free_port

_TOKEN: Final = "bgw_of-the-bench"
HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Authorization": f"Bearer {_TOKEN}",
}
"""Sent to all, whether they look at them or not."""
_PEERS: Final = ROOT / "tests" / "bench" / "peers"

_CONFIGURATION: Final = """\
[server]
port = {port}

[[accounts]]
name = "shop"
marketplace = "trendyol"
base_url = "{upstream}"
limit = "1000000/s"
seller_id = "2738"
api_key = "of-the-bench"
api_secret = "of-the-bench"

[[clients]]
name = "bench"
token_sha256 = "{digest}"
accounts = ["shop"]

[limits]
operations_per_second = 1000000

[store]
path = "{folder}/store.sqlite3"
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A contestant that runs."""

    url: str
    pid: int
    questions: Questions = OURS

    def ask(self, body: bytes) -> bytes:
        """One answer. Raises where it is no good one: a bench of failures measures nothing."""
        request = urllib.request.Request(self.url, body, dict(HEADERS))  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            found: bytes = answer.read()
        if b'"errors"' in found or b'"data"' not in found:
            raise RuntimeError(f"{self.url} answered {found[:300]!r}")
        return found


Start = Callable[[str], AbstractContextManager[Server]]
"""Starts a contestant with the upstream's URL; raises `Absent` where this machine does not have it."""


@contextmanager
def gateway(
    upstream: str, environ: Mapping[str, str] | None = None, *, more: str = "", core: int = SERVER_CORE
) -> Iterator[Server]:
    """The gateway as it is served, with the settings that it comes with; `more` is added to its configuration."""
    with TemporaryDirectory() as folder:
        port = free_port()
        file = Path(folder) / "gateway.toml"
        digest = hashlib.sha256(_TOKEN.encode()).hexdigest()
        text = _CONFIGURATION.format(port=port, upstream=upstream, folder=folder, digest=digest)
        file.write_text(text + more, encoding="utf-8")
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(file)]
        with running(command, core=core, environ=environ) as process:
            wait_until_up(process, port)
            yield Server(f"http://127.0.0.1:{port}/graphql", process.pid)


def ceiling(answer: bytes) -> Start:
    """The raw ceiling for an answer."""

    @contextmanager
    def start(upstream: str) -> Iterator[Server]:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "answer.json"
            file.write_bytes(answer)
            with _served([sys.executable, "-m", "tests.bench.ceiling", "{port}", str(file)]) as server:
                yield server

    return start


@contextmanager
def plain(upstream: str) -> Iterator[Server]:
    """The gateway that one would write at first."""
    with _served([sys.executable, "-m", "tests.bench.plain", "{port}", upstream]) as server:
        yield server


@contextmanager
def mercurius(upstream: str) -> Iterator[Server]:
    """The fastest of Node's."""
    node = shutil.which("node")
    if node is None or not (_PEERS / "node_modules" / "mercurius").is_dir():
        raise Absent("mercurius needs Node.js and `npm ci` in tests/bench/peers")
    with _served([node, str(_PEERS / "mercurius.mjs"), "{port}", upstream]) as server:
        yield server


@contextmanager
def tailcall(upstream: str) -> Iterator[Server]:
    """The fastest of Rust's. It shows the marketplace's own fields, and has no union."""
    binary, port = _tailcall(), free_port()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tailcall.graphql"
        text = (_PEERS / "tailcall.graphql").read_text(encoding="utf-8")
        file.write_text(text.replace("{{port}}", str(port)).replace("{{upstream}}", upstream), encoding="utf-8")
        quiet = {"TAILCALL_TRACKER": "false", "TC_TRACKER": "false"}
        with running([binary, "start", str(file)], core=SERVER_CORE, environ=quiet) as process:
            wait_until_up(process, port)
            yield Server(f"http://127.0.0.1:{port}/graphql", process.pid, MIRRORED)


def tailcall_version() -> str:
    """The newest of the pinned versions that this machine's C library carries. Raises `Absent`."""
    return subprocess.run([_tailcall(), "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


def _tailcall() -> str:
    for name in ("tailcall", "tailcall-1.0"):
        binary = _PEERS / "node_modules" / name / "bin" / "tailcall"
        if binary.is_file() and subprocess.run([binary, "--version"], capture_output=True, check=False).returncode == 0:
            return str(binary)
    raise Absent("Tailcall needs `npm ci` in tests/bench/peers, on Linux for x64")


@contextmanager
def _served(command: list[str]) -> Iterator[Server]:
    port = free_port()
    with running([part.replace("{port}", str(port)) for part in command], core=SERVER_CORE) as process:
        wait_until_up(process, port)
        yield Server(f"http://127.0.0.1:{port}/graphql", process.pid)
