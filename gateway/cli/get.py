"""`batch-gateway get`: batches as they are now, or their failed items as a file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Group

from adapters.errors import BatchError
from adapters.model import BatchRef
from gateway.cli import exits, present, refs, table
from gateway.cli.configuration import add_config, direct, load
from gateway.cli.console import complain, results, say
from gateway.cli.exits import Exit
from gateway.cli.failed import BOM, FailedItem, as_csv, as_json, failed_items
from gateway.cli.resolving import resolve
from gateway.core.assembly import Core, open_core
from gateway.core.state import Reading
from gateway.core.watched import UNCONFIRMED
from gateway.settings import Settings


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "get",
        help="show batches as they are now, or their failed items",
        description="Ask for batches once. A REF is source[@account]:id, for example trendyol:76e5-17361.",
    )
    parser.add_argument("refs", metavar="REF", nargs="+", type=refs.ref, help="source[@account]:id")
    add_config(parser)
    parser.add_argument("--failed", action="store_true", help="only the failed items, with what was submitted")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="as JSON")
    shape.add_argument("--csv", action="store_true", help="as CSV (with --failed)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write JSON or CSV to a file")
    parser.add_argument("--bom", action="store_true", help="mark the CSV as UTF-8 for spreadsheets")
    parser.add_argument("--delimiter", choices=(",", ";"), help="of the CSV (default: a comma)")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and say by the exit status how the batches stand."""
    _check(arguments)
    settings = load(arguments.config)
    if settings is None:
        return Exit.USAGE
    return asyncio.run(_get(arguments, settings))


def _check(arguments: argparse.Namespace) -> None:
    error = arguments.parser.error
    if arguments.csv and not arguments.failed:
        error("--csv is for the failed items: add --failed")
    if (arguments.bom or arguments.delimiter) and not arguments.csv:
        error("--bom and --delimiter shape the CSV: add --failed --csv")
    if arguments.out and not (arguments.csv or arguments.json):
        error("--out needs --json or --failed --csv")


class _Found(NamedTuple):
    ref: BatchRef
    reading: Reading | None
    error: BatchError | None


async def _get(arguments: argparse.Namespace, settings: Settings) -> int:
    asked = resolve(settings.accounts, arguments.refs)
    if asked is None:
        return Exit.USAGE
    async with open_core(direct(settings)) as core:
        found = await asyncio.gather(*(_look(core, ref) for ref in asked))
        status = _write(arguments, found)
    return exits.worst([status, *map(_status, found)])


async def _look(core: Core, ref: BatchRef) -> _Found:
    look = await core.batches.look(ref)
    return _Found(ref, look.reading, look.error)


def _status(found: _Found) -> Exit:
    if found.error is not None or found.reading is None:
        return exits.of_error(found.error) if found.error else Exit.UNANSWERED
    return exits.of_snapshot(found.reading.snapshot)


def _write(arguments: argparse.Namespace, found: Sequence[_Found]) -> Exit:
    for one in found:
        if one.error is not None:
            complain(f"{refs.of(one.ref)}: {one.error.code.value}: {one.error.message}")
        elif one.reading is not None and _is_unconfirmed(one.reading) and (arguments.json or arguments.failed):
            say(f"{refs.of(one.ref)}: {UNCONFIRMED}")
    if not (arguments.json or arguments.csv):
        results().print(_tables(arguments, found))
        return Exit.DONE
    return _send(_text(arguments, found), arguments.out)


def _is_unconfirmed(reading: Reading) -> bool:
    return not reading.snapshot.is_confirmed and not reading.snapshot.is_terminal


def _tables(arguments: argparse.Namespace, found: Sequence[_Found]) -> Group:
    if arguments.failed:
        return Group(table.failed(_failed(found)))
    return Group(*(table.batch(present.batch(one.ref, one.reading)) for one in found if one.reading is not None))


def _text(arguments: argparse.Namespace, found: Sequence[_Found]) -> str:
    if arguments.csv:
        return (BOM if arguments.bom else "") + as_csv(_failed(found), arguments.delimiter or ",")
    if arguments.failed:
        return as_json(_failed(found)) + "\n"
    shown = [_shown(one) for one in found]
    return present.as_json(shown[0] if len(shown) == 1 else shown) + "\n"


def _shown(one: _Found) -> dict[str, Any]:
    if one.reading is None:
        return present.failed(one.ref, one.error) if one.error else {}
    error = present.failed(one.ref, one.error) if one.error else {}
    return {**present.batch(one.ref, one.reading), **error}


def _failed(found: Sequence[_Found]) -> list[FailedItem]:
    return [item for one in found if one.reading for item in failed_items(one.ref, one.reading.snapshot)]


def _send(text: str, out: Path | None) -> Exit:
    if out is None:
        sys.stdout.buffer.write(text.encode(errors="replace"))
        sys.stdout.flush()
        return Exit.DONE
    try:
        out.write_bytes(text.encode(errors="replace"))
    except OSError as error:
        complain(f"{out} cannot be written ({error.strerror}): name another file with --out")
        return Exit.USAGE
    say(f"{out}: written")
    return Exit.DONE
