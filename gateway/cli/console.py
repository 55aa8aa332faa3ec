"""Where commands write: results to stdout, messages to stderr. Colours obey NO_COLOR and pipes."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDE = 250
"""Columns where nobody looks at a screen: a table in a pipe must not be cut to a terminal's width."""


def results() -> Console:
    """For results: stdout, wide in a pipe."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _WIDE)


def say(*lines: str) -> None:
    """Tell the person at the keyboard, on stderr, without touching the results."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def complain(*lines: str) -> None:
    """Say what is wrong, in the shape that commands' errors have."""
    say(*(f"batch-gateway: {line}" for line in lines))
