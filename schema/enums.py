"""The enums of the API. `Marketplace` and `BatchSource` are what the adapters' registry lists."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import strawberry

from adapters import breaker, errors, model
from adapters.registry import ADAPTERS, SOURCES
from gateway.core import updates


def _graphql_name(name: str) -> str:
    return name.upper().replace("-", "_")


if TYPE_CHECKING:

    class Marketplace(Enum):
        """Values are adapter names."""

    class BatchSource(Enum):
        """Values are source names, as in REFs."""

else:
    Marketplace = strawberry.enum(
        Enum("Marketplace", {_graphql_name(name): name for name in ADAPTERS}),
        description="Where sellers push their batches",
    )
    BatchSource = strawberry.enum(
        Enum(
            "BatchSource",
            {
                _graphql_name(name): strawberry.enum_value(name, description=source.description)
                for name, source in SOURCES.items()
            },
        ),
        description="Where a batch lives: one value for each kind of batch that a marketplace hands out ids for.",
    )


def _expose(enum: type[Enum], name: str, description: str, values: dict[str, str] | None = None) -> None:
    """Make an enum part of the API, with words for people on it and its values."""
    strawberry.enum(enum, name=name, description=description)
    definition: Any = getattr(enum, "__strawberry_definition__")  # noqa: B009 - strawberry adds it at run time
    for value in definition.values:
        value.description = (values or {}).get(value.name)


class Language(Enum):
    """Languages of the gateway's own words."""

    EN = "en"
    TR = "tr"


class AwaitUntil(Enum):
    """When a wait for many ends."""

    ALL = "ALL"
    ANY = "ANY"


_expose(Language, "Language", "Languages of the gateway's own words")
_expose(
    AwaitUntil,
    "AwaitUntil",
    "When a wait for many batches ends",
    {"ALL": "When every batch is terminal", "ANY": "When the first batch is terminal"},
)
_expose(
    updates.Detail,
    "UpdateDetail",
    "Which changes an update tells",
    {"STATUS": "Only changes of `status`", "PROGRESS": "Changes of `status`, of the counts and of items"},
)
_expose(
    breaker.BreakerState,
    "BreakerState",
    "CLOSED: calls pass. OPEN: the marketplace is failing, states may be stale. HALF_OPEN: trying again",
)
_expose(model.Operation, "BatchOperation", "What the batch does, in words that all marketplaces share.")
_expose(
    model.Status,
    "BatchStatus",
    "Where a batch stands. A word that no adapter knows reads UNKNOWN, never a good-looking default; see "
    "`sourceStatus`.",
    {
        "PENDING": "Accepted, not started",
        "IN_PROGRESS": "Being processed",
        "COMPLETED": "Terminal: every item was processed; `outcome` says how it went",
        "FAILED": "Terminal: the marketplace could not process the batch",
        "CANCELLED": "Terminal",
        "TIMED_OUT": "Terminal: the marketplace gave up on it",
        "UNKNOWN": "The marketplace used a word that is not known, or none where one is due; not terminal",
    },
)
_expose(model.Outcome, "BatchOutcome", "How a batch in a terminal state ended, item by item.")
_expose(model.ItemStatus, "BatchItemStatus", "Where one item of a batch stands")
_expose(
    errors.ErrorCode,
    "BatchErrorCode",
    "What can go wrong with one batch. New values may be added. (Errors of the request itself carry other codes: see "
    "the docs.)",
    {
        "INVALID_REF": "The reference cannot be right: an empty or over-long id, control characters",
        "UNKNOWN_ACCOUNT": "No account of that name and marketplace that this client may use",
        "AMBIGUOUS_ACCOUNT": "Several accounts would fit: name one",
        "NOT_FOUND": "The marketplace does not know the batch (404)",
        "EXPIRED": "The marketplace has forgotten it, and the gateway never saw its end",
        "GAVE_UP": "Watched up to its deadline without an end",
        "UNAUTHENTICATED_UPSTREAM": "The marketplace refused the account's credentials (401; Mircate: 403)",
        "FORBIDDEN_UPSTREAM": "The marketplace refused this account or address (403)",
        "REJECTED_UPSTREAM": "The marketplace called the request wrong (400, 422)",
        "RATE_LIMITED": "No call is left in the budget, or the marketplace throttles (429)",
        "UPSTREAM_UNAVAILABLE": "The marketplace cannot be reached or fails (connection, 5xx), or its breaker is open",
        "UPSTREAM_TIMEOUT": "The marketplace did not answer in time",
        "UPSTREAM_INVALID_ANSWER": "Not the answer of a marketplace: HTML, broken JSON, another shape",
        "INTERNAL": "A fault of the gateway; the message carries an id that stands in its log",
    },
)
