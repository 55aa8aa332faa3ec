"""REFs on the command line: `source[@account]:id`."""

from __future__ import annotations

import argparse
import difflib
from typing import NamedTuple

from adapters.errors import InvalidRef
from adapters.model import BatchRef
from adapters.registry import SOURCES
from gateway.core.accounts import check_id


class Ref(NamedTuple):
    """What was typed: the account is None where it was left out."""

    source: str
    account: str | None
    id: str

    def __str__(self) -> str:
        return written(self.source, self.account, self.id)


def written(source: str, account: str | None, batch_id: str) -> str:
    """A reference as it is typed."""
    return f"{source}@{account}:{batch_id}" if account else f"{source}:{batch_id}"


def of(ref: BatchRef) -> str:
    """A full reference as it is typed."""
    return written(ref.source, ref.account, ref.id)


def parse(text: str) -> Ref:
    """Read a REF; an id may hold colons and @ of its own. Raises `ValueError` with words for the person who typed."""
    head, colon, batch_id = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is no REF: write source:id or source@account:id, for example trendyol:76e5-17361")
    name, at, account = head.partition("@")
    source = name.strip().casefold().replace("_", "-")
    if source not in SOURCES:
        near = difflib.get_close_matches(source, SOURCES, n=1)
        mend = f"did you mean {near[0]}?" if near else "sources are " + ", ".join(SOURCES)
        raise ValueError(f"there is no source {name!r}: {mend}")
    if at and not account:
        raise ValueError(f"the account in {text!r} is empty: name it behind the @, or leave the @ out")
    try:
        check_id(batch_id)
    except InvalidRef as error:
        raise ValueError(error.message) from None
    return Ref(source, account or None, batch_id)


def ref(text: str) -> Ref:
    """Read a REF as an argument of argparse."""
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
