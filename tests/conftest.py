"""Shared fixtures and guard-rails: what passes once passes on a slow machine, on a quick one and in any order."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import hypothesis
import pytest

# no deadlines for examples, which a busy machine would miss, and the same examples in every run
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the gateway does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _same_loggers() -> Iterator[None]:
    """What a test sets on loggers, a command that runs within it above all, is gone after it."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for name in ("gateway", "adapters", "schema"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _same_dice(request: pytest.FixtureRequest) -> None:
    """What the product draws, jitter above all, is the same in every run of a test, whatever ran before it."""
    random.seed(request.node.nodeid)
