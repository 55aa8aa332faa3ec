"""`batch-gateway demo`: the gateway with simulated marketplaces, in one process, with nothing kept behind."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from gateway import server
from gateway.app import create_app, served
from gateway.cli.console import complain
from gateway.cli.exits import Exit
from gateway.cli.ports import port
from gateway.config.log import LogSettings
from gateway.observe.logs import log_to_stderr
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from gateway.version import VERSION

_HOST: Final = "127.0.0.1"

_QUERY: Final = (
    '{ batch(ref: {source: TRENDYOL, id: "partly-failed-1"}) { ... on NormalizedBatch '
    "{ status progress outcome itemCount failedCount failureSummary { count message } } } }"
)
_SUBSCRIPTION: Final = (
    'subscription { batchUpdates(refs: [{source: TRENDYOL, id: "hello-1"}, {source: IDEFIX_INVENTORY, id: "hello-2"}, '
    '{source: MIRCATE, id: "hello-3"}, {source: SURECART_BATCH, id: "hello-4"}]) '
    "{ ref { source } batch { ... on NormalizedBatch { status progress outcome } } } }"
)
_WORDS: Final = """
batch-gateway {version} with simulated marketplaces (on {sandbox})

  Open {url}/ in a browser: the board, live.

Three things to try:

  1. A query: a batch that fails in part; ask again until it has ended, and read why

     curl -s {url}/graphql -H 'content-type: application/json' \\
       -d '{query}'

  2. A subscription: one batch of each marketplace, followed to its end

     curl -sN {url}/graphql -H 'accept: text/event-stream' \\
       -H 'content-type: application/json' \\
       -d '{subscription}'

  3. GraphiQL: open {url}/graphql and press the play button

Or with progress bars: {command} watch trendyol:slow-1 mircate:slow-2 --url {url}

Ctrl-C ends everything.
"""


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo", help="try the gateway with simulated marketplaces: no account is needed"
    )
    parser.add_argument("--port", type=port, default=8000, help="port of the gateway (default: 8000)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve both until SIGTERM or Ctrl-C."""
    log_to_stderr(LogSettings(level="warning"))
    try:
        listener = server.listen(_HOST, arguments.port)
        sandbox = server.Served(create_sandbox(), server.listen(_HOST, 0))
    except server.AddressError as error:
        complain(str(error))
        return Exit.USAGE
    settings = make_settings({"accounts": sandbox_accounts(sandbox.address), "store": {"path": "off"}})
    service = served(create_app(settings), listener, settings)
    words = _WORDS.format(
        version=VERSION,
        command=_command(sys.argv[0]),
        sandbox=sandbox.address,
        url=service.address,
        query=json.dumps({"query": _QUERY}),
        subscription=json.dumps({"query": _SUBSCRIPTION}),
    )
    return server.run(server.serve([sandbox, service], lambda: print(words, flush=True)))


def _command(called: str) -> str:
    """The program as the reader's shell finds it: in a virtual environment that is not active it has a path."""
    found = shutil.which("batch-gateway")
    if found is not None and Path(found).resolve() == Path(called).resolve():
        return "batch-gateway"
    if Path(called).name == "batch-gateway":
        return shlex.quote(called)
    return shlex.join([sys.executable, "-m", "gateway"])
