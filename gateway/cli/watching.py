"""`batch-gateway watching`: what a gateway is following, also while nobody listens."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from rich.table import Table

from gateway.cli import present, refs
from gateway.cli.configuration import add_config, load
from gateway.cli.console import complain, results, say
from gateway.cli.exits import Exit
from gateway.cli.remote import GatewayError, add_url, gateway
from gateway.cli.table import plain
from gateway.core.store import Store, Watched
from gateway.settings import Settings, store_path

_QUERY = "{ marketplaces { marketplace accounts { name watchedBatches } } }"


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "watching",
        help="show which batches are being watched",
        description="List the batches that the configured gateway watches, from its store; with --url, count those of "
        "a running gateway for each account.",
    )
    add_config(parser)
    add_url(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    if arguments.url and arguments.config:
        arguments.parser.error("--url asks a running gateway, --config reads its store: give one of them")
    if arguments.url:
        return asyncio.run(_through_gateway(arguments))
    settings = load(arguments.config)
    if settings is None:
        say("or ask a running gateway: --url http://127.0.0.1:8000")
        return Exit.USAGE
    return asyncio.run(_from_store(arguments, settings))


async def _through_gateway(arguments: argparse.Namespace) -> int:
    async with gateway(arguments.url, arguments.token) as there:
        try:
            data = await there.ask(_QUERY)
        except GatewayError as error:
            complain(str(error))
            return Exit.UNANSWERED
    counts = [
        {"marketplace": found["marketplace"], "account": account["name"], "watchedBatches": account["watchedBatches"]}
        for found in data["marketplaces"]
        for account in found["accounts"]
    ]
    if arguments.json:
        print(present.as_json(counts))
    else:
        _print(
            ("account", "marketplace", "watched"),
            [[c["account"], c["marketplace"].lower(), str(c["watchedBatches"])] for c in counts],
        )
    return Exit.DONE


async def _from_store(arguments: argparse.Namespace, settings: Settings) -> int:
    path = store_path(settings.store)
    if path is None:
        complain("the store is off, so no list is kept: ask the running gateway with --url")
        return Exit.USAGE
    watched = await _read(path, settings) if path.exists() else []
    if watched is None:
        complain(f"{path} cannot be read: ask the running gateway with --url")
        return Exit.UNANSWERED
    if arguments.json:
        print(present.as_json([{"ref": refs.of(one.ref), "since": one.born.isoformat()} for one in watched]))
    elif watched:
        _print(("batch", "since"), [[refs.of(one.ref), one.born.isoformat(timespec="seconds")] for one in watched])
    else:
        say("nothing is being watched")
    return Exit.DONE


async def _read(path: Any, settings: Settings) -> list[Watched] | None:
    store = Store(path, settings.store)
    await store.open()
    try:
        return await store.watched() if store.is_open else None
    finally:
        await store.aclose()


def _print(titles: tuple[str, ...], rows: list[list[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    results().print(table)
