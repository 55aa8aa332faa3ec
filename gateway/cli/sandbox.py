"""`batch-gateway sandbox`: the simulated marketplaces alone, for a gateway or client that runs elsewhere."""

from __future__ import annotations

import argparse
from typing import Any, Final

from gateway.cli.console import complain
from gateway.cli.exits import Exit
from gateway.cli.ports import port
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import Sandbox, create_sandbox
from gateway.server import AddressError, Served, listen, serve
from gateway.server import run as run_server

DEFAULT_PORT: Final = 8001
_MOST_LATENCY: Final = 600_000


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "sandbox", help="serve the simulated marketplaces alone; docs/sandbox.md tells what they can play"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=port, default=DEFAULT_PORT, help="port; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--latency-ms", type=_latency, default=0.0, metavar="MS", help="delay of every answer (default: %(default)g)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the end that was asked for."""
    try:
        listener = listen(arguments.host, arguments.port)
    except AddressError as error:
        complain(str(error))
        return Exit.USAGE
    sandbox = create_sandbox(latency=arguments.latency_ms / 1000)
    served = Served(sandbox, listener, sandbox.drain)
    try:
        return run_server(serve([served], lambda: print(_greeting(sandbox, served.address), flush=True)))
    except KeyboardInterrupt:
        return Exit.DONE


def _greeting(sandbox: Sandbox, address: str) -> str:
    accounts = sandbox_accounts(address, plays=sandbox.plays)
    width = max(len(account["marketplace"]) for account in accounts)
    return "\n".join(
        [
            f"The sandbox is on {address} and plays these marketplaces (Ctrl-C ends it):",
            *(f"  {account['marketplace']:{width}}  {account['base_url']}" for account in accounts),
            f"A configuration for the gateway: {address}/_sandbox/gateway.toml",
            f"The stories, with ids to try:    {address}/_sandbox/stories",
        ]
    )


def _latency(text: str) -> float:
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = -1
    if not 0 <= milliseconds <= _MOST_LATENCY:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of milliseconds from 0 to {_MOST_LATENCY}")
    return milliseconds
