"""Keys by what stands behind them, for `scrub`: written without case, `_` and `-`."""

from __future__ import annotations

from typing import Final

STATES: Final = frozenset(
    {
        "batchrequesttype",
        "batchstatus",
        "bulkoperationtype",
        "currency",
        "currencytype",
        "errorcode",
        "exception",
        "failurecode",
        "httpmethod",
        "httpstatus",
        "object",
        "operation",
        "poolstate",
        "ratio",
        "sourcetype",
        "status",
        "type",
    }
)
"""Words of state and kind: they are what a recording is for."""

COUNTS: Final = frozenset(
    {
        "failcount",
        "httpstatus",
        "limit",
        "page",
        "progress",
        "pushpricefrequency",
        "ratio",
        "responsestatus",
        "size",
        "status",
        "successcount",
        "total",
        "totalpages",
    }
)
"""Numbers that count items and pages, or are statuses; so do all that end in `count`."""

TIMES: Final = frozenset({"created", "creationdate", "lastmodification", "timestamp", "updated"})
"""Numbers that are times, where they are large enough for one; so are all that end in `date`, `at` or `time`."""

PROSE: Final = frozenset(
    {
        "detail",
        "details",
        "error",
        "errormessage",
        "errors",
        "failurereason",
        "failurereasons",
        "message",
        "messages",
        "reason",
        "reasons",
    }
)
"""Sentences, whose words matter."""

ERROR_PARTS: Final = frozenset({"errormessage", "exception", "httpstatus", "message", "validationerrors"})
"""What an object has where its `code` is one of an error; elsewhere a code is a discount or a product's."""


def folded(key: str) -> str:
    """The key as it is written here."""
    return key.replace("_", "").replace("-", "").casefold()
