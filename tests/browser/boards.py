"""The board as tests and screenshots drive it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

T = TypeVar("T")

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
HOW = "Node.js 20 or later, then .ci/install-browser"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
ENDED = "good", "partial", "bad", "ended", "refused"
NO_LONGER_THAN = 60_000


def new_id(story: str = "") -> str:
    """An id that nobody has asked for: its life begins when it is first seen."""
    return f"{story}-{uuid4().hex[:10]}".lstrip("-")


def open_board(page: Page, gateway: str, *keys: str, opened: str = "") -> None:
    """The board with these batches on it, as a link shows it."""
    fragment = f"#batches={','.join(map(quote, keys))}" if keys else ""
    page.goto(f"{gateway}/{fragment}{f'&open={quote(opened)}' if opened else ''}")
    page.wait_for_selector(".column")


def module(page: Page, name: str, expression: str, argument: Any = None) -> Any:
    """What a module of the board makes of an argument."""
    address = f"new URL('_assets/board/{name}.js', document.baseURI)"
    return page.evaluate(f"async (x) => {{ const m = await import({address}); {expression} }}", argument)


def paste(page: Page, text: str) -> None:
    page.get_by_label("Batch ids").fill(text)
    page.get_by_role("button", name="Watch", exact=True).click()


def card(page: Page, key: str) -> Locator:
    return page.locator(f".card[data-key='{key}']")


def wait_for_end(page: Page, *keys: str) -> None:
    page.wait_for_function(
        """([keys, ended]) => keys.every((key) =>
            ended.includes(document.querySelector(`.card[data-key='${key}']`)?.dataset.tone))""",
        arg=[list(keys), list(ENDED)],
        timeout=NO_LONGER_THAN,
    )


def comes(page: Page, look: Callable[[], T], expected: T) -> None:
    """What is shown in the next frame is looked for until it is there."""
    until = time.monotonic() + NO_LONGER_THAN / 1000
    while (seen := look()) != expected:
        assert time.monotonic() < until, f"{seen!r} is not {expected!r}"
        page.wait_for_timeout(20)


def violations(page: Page) -> list[str]:
    """What axe finds, each with the elements."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": list(RULES), "resultTypes": ["violations"]}
    found: dict[str, Any] = page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found["violations"]]
