"""REFs of the command line to full references, by the accounts of the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.base import Account
from adapters.errors import AmbiguousAccount, BatchError, UnknownAccount
from adapters.model import BatchRef
from adapters.registry import ADAPTERS, MARKETPLACE_OF
from gateway.cli.console import complain
from gateway.cli.refs import Ref
from gateway.core.accounts import Accounts


def resolve(accounts: Sequence[Account], typed: Sequence[Ref]) -> list[BatchRef] | None:
    """The full references, each once; None after saying what is wrong with those that cannot be resolved."""
    known = Accounts(accounts)
    found: list[BatchRef] = []
    mistakes: list[str] = []
    for ref in typed:
        try:
            found.append(known.resolve(ref.source, ref.id, ref.account))
        except (UnknownAccount, AmbiguousAccount):
            mistakes.append(f"{ref}: {_which(known, ref)}")
        except BatchError as error:
            mistakes.append(f"{ref}: {error.message}")
    complain(*mistakes)
    return None if mistakes else list(dict.fromkeys(found))


def _which(known: Accounts, ref: Ref) -> str:
    """The mend for somebody who has the configuration at hand, and types accounts into REFs."""
    marketplace = MARKETPLACE_OF[ref.source]
    title = ADAPTERS[marketplace].title
    names = ", ".join(account.name for account in known.of(marketplace))
    if not names:
        return f"There is no {title} account in the configuration: add one to it."
    if ref.account is None:
        return f"Several {title} accounts would fit: write {ref.source}@ACCOUNT:ID with one of {names}."
    return f"There is no {title} account of that name in the configuration: it has {names}."
