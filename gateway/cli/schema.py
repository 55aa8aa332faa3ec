"""`batch-gateway schema`: the API as SDL."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.cli.exits import Exit
from schema.root import build_schema


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser("schema", help="print the GraphQL schema (SDL)")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the SDL."""
    print(build_schema().as_str())
    return Exit.DONE
