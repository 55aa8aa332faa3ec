"""What a client may use: marketplaces, their accounts, and how well they answer right now."""

from __future__ import annotations

import strawberry

from adapters.breaker import BreakerState
from adapters.registry import ADAPTERS
from schema.context import Context
from schema.enums import BatchSource, Marketplace


@strawberry.type(description="One configured seller account")
class AccountInfo:
    """An account and its health."""

    name: str
    budget_left: int | None = strawberry.field(description="Calls left in the current window of the account's budget")
    breaker: BreakerState = strawberry.field(
        description="CLOSED: calls pass. OPEN: the marketplace is failing, states may be stale. HALF_OPEN: trying again"
    )
    watched_batches: int


@strawberry.type(description="A marketplace that this client may use")
class MarketplaceInfo:
    """A marketplace and its accounts."""

    marketplace: Marketplace
    title: str = strawberry.field(description="The marketplace's name as people write it")
    sources: list[BatchSource]
    accounts: list[AccountInfo]
    retention: int | None = strawberry.field(description="Seconds that the marketplace keeps a batch, where it says so")


def marketplaces(context: Context) -> list[MarketplaceInfo]:
    """The marketplaces of which the client may use at least one account."""
    found: list[MarketplaceInfo] = []
    for name, adapter in ADAPTERS.items():
        accounts = [
            AccountInfo(
                name=account.name,
                budget_left=context.batches.funnel.budget_left(account.name),
                breaker=context.batches.funnel.breaker_state(account.name),
                watched_batches=context.watches.count(account.name),
            )
            for account in context.batches.accounts.of(name, context.scope)
        ]
        if accounts:
            found.append(
                MarketplaceInfo(
                    marketplace=Marketplace(name),
                    title=adapter.title,
                    sources=[BatchSource(source.name) for source in adapter.sources],
                    accounts=accounts,
                    retention=adapter.retention,
                )
            )
    return found
