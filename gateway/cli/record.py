"""`batch-gateway record`: a real answer as a recorded one, scrubbed, ready to become a test."""

from __future__ import annotations

import argparse
import asyncio
import random
from pathlib import Path
from typing import Any, Final

from adapters.base import Account
from adapters.clock import SystemClock
from adapters.errors import BatchError
from adapters.http import Fetched, Funnel, Priority
from adapters.model import BatchRef
from adapters.scrub import Scrubber
from gateway.cli import exits, present, refs
from gateway.cli.configuration import add_config, load
from gateway.cli.console import complain, say
from gateway.cli.exits import Exit
from gateway.cli.recording import ReadsOtherwise, recording, secrets_of
from gateway.core.accounts import Accounts
from gateway.settings import Settings

_TIMEOUT: Final = 60.0


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "record",
        help="keep a real answer as a scrubbed recording, for tests and reports",
        description="Ask once and write the answer with made-up values: no credentials, ids, names, texts or prices of "
        "yours are in it. Read it all the same before you share it: of sentences, the words are kept.",
    )
    parser.add_argument("ref", metavar="REF", type=refs.ref, help="source[@account]:id")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="where to write it")
    add_config(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, scrub, write."""
    settings = load(arguments.config)
    if settings is None:
        return Exit.USAGE
    accounts = Accounts(settings.accounts)
    asked: refs.Ref = arguments.ref
    try:
        ref = accounts.resolve(asked.source, asked.id, asked.account)
        account = accounts[ref.account]
        fetched = asyncio.run(_fetch(settings, account, ref))
        document = recording(account, ref, fetched, Scrubber(random.SystemRandom(), secrets_of(account)))
    except BatchError as error:
        complain(f"{asked}: {error.code.value}: {error.message}")
        return exits.of_error(error)
    except ReadsOtherwise:
        complain("without its values the answer would read differently, so nothing was written: please report this")
        return Exit.UNANSWERED
    return _write(arguments.out, ref.source, document)


async def _fetch(settings: Settings, account: Account, ref: BatchRef) -> Fetched:
    async with Funnel([account], clock=SystemClock(), upstream=settings.upstream) as funnel:
        return await funnel.fetch(account, ref, timeout=_TIMEOUT, priority=Priority.QUERY)


def _write(folder: Path, source: str, document: dict[str, Any]) -> Exit:
    name = f"{source}-{document['expect']['status'].lower().replace('_', '-')}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free(folder, name)
        path.write_text(present.as_json(document) + "\n", encoding="utf-8")
    except OSError as error:
        complain(f"{folder} cannot be written to ({error.strerror}): name another folder with --out")
        return Exit.USAGE
    say(f"{path}: written. Read it before you share it, and say in `about` what it shows.")
    return Exit.DONE


def _free(folder: Path, name: str) -> Path:
    path, number = folder / f"{name}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.json"
    return path
