"""`batch-gateway token`: makes a token for a client, and the line that lets it in."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.access.tokens import digest, new_token
from gateway.cli.console import say
from gateway.cli.exits import Exit


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser("token", help="make a token for a client")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print the line for the configuration, and the token, which is shown this once and kept nowhere."""
    token = new_token()
    print(f'token_sha256 = "{digest(token)}"')
    print(token)
    say("The first line belongs under [[clients]] in the configuration, the second to the client: it is shown once.")
    return Exit.DONE
