"""`batch-gateway check`: is this configuration right, and which accounts would it use? Opens no network."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table

from adapters.base import Account
from adapters.registry import ADAPTERS
from gateway.cli.configuration import add_config, load
from gateway.cli.console import results, say
from gateway.cli.exits import Exit
from gateway.settings import DEFAULT_FILE, Settings


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check", help="validate a configuration and say which accounts it would use; opens no network"
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Validate; all mistakes are listed at once."""
    settings = load(arguments.config)
    if settings is None:
        return Exit.USAGE
    name = arguments.config or DEFAULT_FILE
    console = results()
    console.print(
        f"{name}: good. The gateway would listen on {address(settings)} and use these accounts:", markup=False
    )
    console.print(_table(settings.accounts))
    say(*_warnings(settings))
    return Exit.DONE


def address(settings: Settings) -> str:
    """Where the gateway would answer."""
    server = settings.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{server.port}{server.root_path}"


def _table(accounts: tuple[Account, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("account", "marketplace", "limit", "address", "sources"):
        table.add_column(title, overflow="fold")
    for account in accounts:
        adapter = ADAPTERS[account.marketplace]
        sources = ", ".join(source.name for source in adapter.sources)
        table.add_row(account.name, account.marketplace, account.limit or adapter.limit, account.base_url, sources)
    return table


def _warnings(settings: Settings) -> list[str]:
    warnings: list[str] = []
    if not settings.accounts:
        warnings.append("warning: there are no accounts: every question will be answered UNKNOWN_ACCOUNT")
    for account in settings.accounts:
        parts = urlsplit(account.base_url)
        if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            warnings.append(f'warning: account "{account.name}" sends its credentials unencrypted: use https://')
    return warnings
