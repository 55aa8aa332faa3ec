"""The marketplaces of the API, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from adapters.registry import MARKETPLACE_OF
from gateway.core.state import Reading
from schema.batch import Face, NormalizedBatch, shown, told
from schema.batches import idefix, mircate, surecart, trendyol

FACES: Final[Mapping[str, Face]] = MappingProxyType(
    {
        "trendyol": trendyol.FACE,
        "idefix": idefix.FACE,
        "mircate": mircate.FACE,
        "surecart": surecart.FACE,
    }
)


def view(reading: Reading) -> NormalizedBatch:
    """The API's object of a reading: the union member of its source."""
    snapshot = reading.snapshot
    return shown(snapshot, told(reading), FACES[MARKETPLACE_OF[snapshot.source]].view)
