"""`batch-gateway doctor`: one harmless call per account, what came back, and what to do about it."""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from adapters.base import Account
from adapters.clock import SystemClock
from adapters.errors import BatchError, Expired, InvalidAnswer, NotFound, Rejected, UpstreamError
from adapters.http import Funnel, Priority
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from gateway.cli import present
from gateway.cli.configuration import add_config, load
from gateway.cli.console import results, say
from gateway.cli.exits import Exit
from gateway.cli.table import plain
from gateway.settings import Settings

_ID: Final = "doctor-check"
"""An id that no marketplace hands out: whoever looks it up has taken the credentials."""
_PAGE: Final = "an HTML page"
"""How the funnel names a body that is for browsers."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one account answered."""

    account: str
    marketplace: str
    address: str
    is_well: bool
    code: str | None
    """The error's code, None where the batch was answered about."""
    status: int | None
    """The HTTP status, where there was one that meant an error."""
    seconds: float
    answer: str
    advice: str | None

    def shown(self) -> dict[str, object]:
        """As JSON, named as the API names things."""
        return {
            "account": self.account,
            "marketplace": self.marketplace,
            "address": self.address,
            "isWell": self.is_well,
            "code": self.code,
            "status": self.status,
            "seconds": self.seconds,
            "answer": self.answer,
            "advice": self.advice,
        }


def add(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="ask every account's marketplace one harmless question, and say what is wrong",
        description="Asks every account about a batch that does not exist. Exit status: 0 all is well, 2 the "
        "configuration is wrong, 4 an account could not answer.",
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and tell."""
    settings = load(arguments.config)
    if settings is None:
        return Exit.USAGE
    if not settings.accounts:
        say("the configuration has no accounts: add [[accounts]], the README shows how")
        return Exit.USAGE
    findings = asyncio.run(_examine(settings))
    if arguments.json:
        print(present.as_json([finding.shown() for finding in findings]))
    else:
        results().print(_table(findings))
    return Exit.DONE if all(finding.is_well for finding in findings) else Exit.UNANSWERED


async def _examine(settings: Settings) -> list[Finding]:
    upstream = settings.upstream.model_copy(update={"retries": 0})
    async with Funnel(settings.accounts, clock=SystemClock(), upstream=upstream) as funnel:
        asking = (_ask(funnel, account, upstream.call_timeout) for account in settings.accounts)
        return await asyncio.gather(*asking)


async def _ask(funnel: Funnel, account: Account, timeout: float) -> Finding:  # noqa: ASYNC109 - the call's own
    source = ADAPTERS[account.marketplace].sources[0].name
    error: BatchError | None = None
    began = time.monotonic()
    try:
        ref = BatchRef(source, account.name, _ID)
        await funnel.fetch(account, ref, timeout=timeout, priority=Priority.QUERY)
    except BatchError as raised:
        error = raised
    return _finding(account, error, time.monotonic() - began)


def _finding(account: Account, error: BatchError | None, seconds: float) -> Finding:
    is_well, answer, advice = _judge(account, error)
    return Finding(
        account=account.name,
        marketplace=account.marketplace,
        address=account.base_url,
        is_well=is_well,
        code=None if error is None else error.code.value,
        status=error.status if isinstance(error, UpstreamError) else None,
        seconds=round(seconds, 3),
        answer=answer,
        advice=advice,
    )


def _judge(account: Account, error: BatchError | None) -> tuple[bool, str, str | None]:
    """Whether the account is well, what came back in words, and what to do."""
    if error is None:
        return True, "answers, and took the credentials", None
    own = error.source_message
    if isinstance(error, NotFound | Expired):
        if own is not None and own.startswith(_PAGE):
            advice = "Check base_url: the host has nothing for the gateway there."
            return False, f"answers with a page for browsers ({own})", advice
        return True, "answers, and does not know the batch: as it should be", _doubt(account)
    words = f"{error.message.rstrip('.')}. It says: {own}" if own else error.message
    if isinstance(error, Rejected):
        return False, words, "The credentials may be right: check the other keys of the account, and base_url."
    if isinstance(error, InvalidAnswer):
        return False, words, "Check base_url: whoever answers there is perhaps not the marketplace."
    return False, words, _ADVICE.get(error.code.value, "Ask again in a moment; if it lasts, look at its status page.")


def _doubt(account: Account) -> str | None:
    """A wrong path is answered like an unknown batch, and only an address that was set can be wrong."""
    usual = type(account).model_fields["base_url"].default
    if account.base_url == usual:
        return None
    return "If batches that exist are not found either, check the path in base_url: a wrong one answers the same."


_ADVICE: Final = {
    "UNAUTHENTICATED_UPSTREAM": "Copy the keys again from the marketplace's panel into the configuration.",
    "FORBIDDEN_UPSTREAM": "Have this machine's address allowed at the marketplace, or the key given the right.",
    "RATE_LIMITED": "Ask again in a minute; if it lasts, something else uses up the account's calls.",
    "UPSTREAM_TIMEOUT": "Check that this machine reaches the address (firewall, proxy), then ask again.",
}


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "account", "marketplace", "seconds", "what came back", "what to do"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        mark = Text("well", style="green") if finding.is_well else Text("ILL", style="red bold")
        told = (finding.account, finding.marketplace, f"{finding.seconds:.2f}", finding.answer, finding.advice)
        table.add_row(mark, *map(plain, told))
    return table
