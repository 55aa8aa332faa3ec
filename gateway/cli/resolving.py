"""REFs of the command line to full references, by the accounts of the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.errors import BatchError
from adapters.model import BatchRef
from gateway.cli.console import complain
from gateway.cli.refs import Ref
from gateway.core.batches import Batches


def resolve(batches: Batches, typed: Sequence[Ref]) -> list[BatchRef] | None:
    """The full references, each once; None after saying what is wrong with those that cannot be resolved."""
    found: list[BatchRef] = []
    mistakes: list[str] = []
    for ref in typed:
        try:
            found.append(batches.resolve(ref.source, ref.id, ref.account))
        except BatchError as error:
            mistakes.append(f"{ref}: {error.message}")
    complain(*mistakes)
    return None if mistakes else list(dict.fromkeys(found))
