"""Logging of the commands that serve: to stderr, a line for each event."""

from __future__ import annotations

import logging


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the gateway's log to stderr. What libraries say about single requests is left out: it names sellers."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("httpx", "httpcore", "uvicorn", "aiosqlite", "asyncio"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
