"""Ports as arguments of the command line."""

from __future__ import annotations

import argparse
from typing import Final

_LAST: Final = 65_535


def port(text: str) -> int:
    """A port as an argument of argparse."""
    if not text.isascii() or not text.isdecimal() or int(text) > _LAST:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 (a free one) to {_LAST}")
    return int(text)
