"""The command `batch-gateway`: finds the command that was named and runs it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from gateway.cli.exits import INTERRUPTED, PIPE_CLOSED
from gateway.version import VERSION

COMMANDS: Final = (
    "demo",
    "serve",
    "sandbox",
    "check",
    "doctor",
    "get",
    "watch",
    "watching",
    "record",
    "schema",
    "token",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser(given).parse_args(given)
    try:
        status = int(parsed.run(parsed))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # what is still buffered has nowhere to go; without this the interpreter complains when it ends
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="batch-gateway",
        description="One GraphQL API over the batch results of Trendyol, idefix, Mircate and SureCart.",
        epilog="Exit status: 0 done, 1 the batch or an item failed, 2 wrong usage or configuration, 3 timeout, "
        "4 the gateway or the marketplace could not answer.",
    )
    parser.add_argument("--version", action="version", version=f"batch-gateway {VERSION}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _needed(given):
        importlib.import_module(f"gateway.cli.{name}").add(subparsers)
    return parser


def _needed(given: Sequence[str]) -> Sequence[str]:
    """The command that was named, alone: the others would only slow its start; all where none was named."""
    if given and given[0] == "--version":
        return ()
    return given[:1] if given and given[0] in COMMANDS else COMMANDS
