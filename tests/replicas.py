"""Real replicas: processes of `batch-gateway serve` beside the sandbox's, on a real Valkey."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.sandbox.accounts import sandbox_accounts
from tests.demo_gateway import ROOT, free_port
from tests.valkey import namespace

UP_WITHIN = 90.0
_JSON = {"content-type": "application/json"}
UPDATES = """subscription ($refs: [BatchRef!]!) { batchUpdates(refs: $refs) { version isFinal ref { batchId }
  batch { ... on NormalizedBatch { status } } } }"""
BATCH = "query ($ref: BatchRef!) { batch(ref: $ref) { ... on NormalizedBatch { status isStale } } }"


def trendyol(*ids: str) -> list[dict[str, str]]:
    return [{"source": "TRENDYOL", "id": one} for one in ids]


class Process:
    """A command that answers over HTTP."""

    def __init__(self, folder: Path, name: str, port: int, *arguments: str) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.log = folder / f"{name}.log"
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "gateway", *self._arguments]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def wait_until_up(self, path: str) -> None:
        until(lambda: self._answers(path), UP_WITHIN, f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=2) as answer:  # noqa: S310 - our own address
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Seconds that it took."""
        began = time.monotonic()
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None
        return time.monotonic() - began


class Gateway(Process):
    """One replica."""

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, _JSON)  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - our own address
            return json.loads(answer.read())

    def status(self, batch_id: str) -> str | None:
        answer = self.ask(BATCH, ref=trendyol(batch_id)[0])
        batch = (answer.get("data") or {}).get("batch")
        return batch["status"] if batch else None


@dataclass
class Machines:
    """Replicas, the sandbox and the folder of their logs."""

    folder: Path
    sandbox: Process
    gateways: list[Gateway] = field(default_factory=list)

    def calls(self, batch_id: str) -> int:
        return int(self._admin(f"calls?id={batch_id}")["calls"])

    def log(self, batch_id: str | None = None) -> list[dict[str, Any]]:
        return self._admin("log" + (f"?id={batch_id}" if batch_id else ""))

    def _admin(self, path: str) -> Any:
        address = f"{self.sandbox.url}/_sandbox/{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own address
            return json.loads(answer.read())

    def gateway(self, index: int, url: str, common: Mapping[str, Any], limit: str) -> Gateway:
        """Write the configuration of one replica."""
        name = f"replica-{index}"
        cluster = {"url": url, "name": name, **common}
        tables = [{**table, "limit": limit} for table in sandbox_accounts(self.sandbox.url)]
        path = self.folder / f"{name}.toml"
        lines = ["[cluster]", *(f"{key} = {json.dumps(value)}" for key, value in cluster.items())]
        for table in tables:
            lines += ["[[accounts]]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        path.write_text("\n".join(lines))
        port = free_port()
        gateway = Gateway(self.folder, name, port, "serve", "--config", str(path), "--port", str(port))
        self.gateways.append(gateway)
        return gateway


@contextmanager
def machines(*urls: str, limit: str = "1000/1s", **cluster: Any) -> Iterator[Machines]:
    """One replica for each address of the server, all in one namespace."""
    with TemporaryDirectory(prefix="replicas-") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        sandbox = Process(folder, "sandbox", port, "sandbox", "--port", str(port))
        all_of_them = Machines(folder, sandbox)
        sandbox.start()
        stack.callback(sandbox.end)
        common = {"namespace": namespace(), "lease": 2.0, **cluster}
        for index, url in enumerate(urls):
            gateway = all_of_them.gateway(index, url, common, limit)
            gateway.start()
            stack.callback(gateway.end)
        sandbox.wait_until_up("/_sandbox/calls")
        for gateway in all_of_them.gateways:
            gateway.wait_until_up("/readyz")
        yield all_of_them


class Stream:
    """A subscription over SSE, read by a task; it reconnects where it is told to, or ended without its end."""

    def __init__(self, gateway: Gateway, *ids: str) -> None:
        self.ids = ids
        self.told: list[tuple[float, str, str]] = []
        """When (monotonic), which batch, which status."""
        self.errors: list[Any] = []
        self.is_complete = False
        self.connections = 0
        self._gateways = [gateway]
        self.task = asyncio.ensure_future(self._follow())

    def move_to(self, *gateways: Gateway) -> None:
        """Connect to these, in turn, from now on."""
        self._gateways = list(gateways)

    def statuses(self, batch_id: str) -> list[str]:
        return [status for _, one, status in self.told if one == batch_id]

    async def end(self, within: float) -> None:
        await asyncio.wait_for(self.task, within)

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _follow(self) -> None:
        while not self.is_complete:
            gateway = self._gateways[self.connections % len(self._gateways)]
            self.connections += 1
            with suppress(OSError):
                await self._read(gateway)
            if not self.is_complete:
                await asyncio.sleep(0.1)

    async def _read(self, gateway: Gateway) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        try:
            body = json.dumps({"query": UPDATES, "variables": {"refs": trendyol(*self.ids)}}).encode()
            head = "POST /graphql HTTP/1.1\r\nhost: gateway\r\naccept: text/event-stream\r\n"
            head += f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            event = ""
            while line := await reader.readline():
                text = line.decode().rstrip()
                if text.startswith("event:"):
                    event = text[6:].strip()
                elif text.startswith("data:") and event == "next":
                    self._take(json.loads(text[5:]))
                if event == "complete":
                    self.is_complete = self._has_ended()
                    return
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    def _take(self, result: Any) -> None:
        assert not result.get("errors"), str(result)[:500]
        update = (result.get("data") or {}).get("batchUpdates")
        if update is None or update["batch"] is None:
            self.errors.append(result)
            return
        self.told.append((time.monotonic(), update["ref"]["batchId"], update["batch"]["status"]))

    def _has_ended(self) -> bool:
        ends = {"COMPLETED", "FAILED"}
        return all(any(status in ends for status in self.statuses(one)) for one in self.ids)


def until(condition: Callable[[], bool], within: float, words: str = "it did not happen") -> float:
    """Seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, words
        time.sleep(0.05)
    return time.monotonic() - began
