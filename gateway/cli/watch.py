"""`batch-gateway watch`: batches to their end, through a running gateway or directly."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from gateway.cli import exits, refs
from gateway.cli.configuration import add_config, direct, load
from gateway.cli.console import complain, say
from gateway.cli.exits import Exit
from gateway.cli.refs import Ref
from gateway.cli.remote import GatewayError, add_url, gateway
from gateway.cli.resolving import resolve
from gateway.cli.seen import Seen, of_update
from gateway.cli.views import View, view
from gateway.core.assembly import open_core
from gateway.core.updates import Detail, Update
from gateway.core.watched import UNCONFIRMED
from gateway.settings import Settings

_DOUBT = 10.0
"""Seconds after which a batch that shows nothing of itself is worth a word."""


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "watch",
        help="follow batches to their end",
        description="Follow batches until each has ended: bars on a terminal, a line per change in a pipe.",
    )
    parser.add_argument("refs", metavar="REF", nargs="+", type=refs.ref, help="source[@account]:id")
    add_config(parser)
    add_url(parser)
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="stop waiting then, with exit status 3")
    parser.add_argument("--exit-status", action="store_true", help="exit with 1 where a batch or an item failed")
    parser.add_argument("--json", action="store_true", help="one JSON object on a line for each change")
    parser.set_defaults(run=run, parser=parser)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("give the seconds to wait, for example 90")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Watch, and say by the exit status how it ended."""
    if arguments.url and arguments.config:
        arguments.parser.error("--url asks a running gateway, --config the marketplaces themselves: give one of them")
    asked = list(dict.fromkeys(arguments.refs))
    if arguments.url:
        return asyncio.run(_through_gateway(arguments, asked))
    settings = load(arguments.config)
    if settings is None:
        say("or watch through a running gateway: --url http://127.0.0.1:8000")
        return Exit.USAGE
    return asyncio.run(_directly(arguments, asked, settings))


async def _through_gateway(arguments: argparse.Namespace, asked: Sequence[Ref]) -> int:
    async with gateway(arguments.url, arguments.token) as there:
        try:
            return await _follow(there.updates(asked), arguments)
        except GatewayError as error:
            complain(str(error))
            return Exit.UNANSWERED


async def _directly(arguments: argparse.Namespace, asked: Sequence[Ref], settings: Settings) -> int:
    full = resolve(settings.accounts, asked)
    if full is None:
        return Exit.USAGE
    async with (
        open_core(direct(settings)) as core,
        aclosing(await core.watches.subscribe(full, Detail.PROGRESS)) as updates,
    ):
        return await _follow(_seen(updates), arguments)


async def _seen(updates: AsyncIterator[Update]) -> AsyncGenerator[Seen, None]:
    async for update in updates:
        yield of_update(update)


async def _follow(updates: AsyncGenerator[Seen, None], arguments: argparse.Namespace) -> int:
    last: dict[str, Seen] = {}
    with view(as_json=arguments.json) as shown:
        doubt = asyncio.get_running_loop().call_later(_DOUBT, _doubt, last, say)
        try:
            async with asyncio.timeout(arguments.timeout):
                await _show(updates, shown, last)
        except TimeoutError:
            _tell_timeout(arguments, last)
            return Exit.TIMEOUT
        finally:
            doubt.cancel()
    return _status(last.values(), arguments)


async def _show(updates: AsyncGenerator[Seen, None], shown: View, last: dict[str, Seen]) -> None:
    async with aclosing(updates):
        async for seen in updates:
            last[seen.ref] = seen
            shown.show(seen)


def _doubt(last: dict[str, Seen], tell: Callable[[str], None]) -> None:
    for seen in last.values():
        if not seen.is_final and seen.status and not seen.is_confirmed:
            tell(f"{seen.ref}: {UNCONFIRMED}")


def _tell_timeout(arguments: argparse.Namespace, last: dict[str, Seen]) -> None:
    open_refs = [seen for seen in last.values() if not seen.is_final]
    complain(f"{len(open_refs) or len(arguments.refs)} not at an end after {arguments.timeout:g} s")
    _doubt(last, say)


def _status(ends: Iterable[Seen], arguments: argparse.Namespace) -> Exit:
    statuses: list[Exit] = []
    for seen in ends:
        statuses.append(seen.exit)
        if seen.error_code:
            complain(f"{seen.ref}: {seen.error_code}: {seen.error_message}")
    if not arguments.exit_status:
        statuses = [status for status in statuses if status is not Exit.FAILED]
    return exits.worst(statuses)
