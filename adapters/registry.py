"""The marketplaces that the gateway speaks, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from adapters.base import Adapter, Source
from adapters.idefix import Idefix
from adapters.mircate import Mircate
from adapters.surecart import SureCart
from adapters.trendyol import Trendyol

ADAPTERS: Final[Mapping[str, Adapter]] = MappingProxyType(
    {
        "trendyol": Trendyol(),
        "idefix": Idefix(),
        "mircate": Mircate(),
        "surecart": SureCart(),
    }
)

SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {source.name: source for adapter in ADAPTERS.values() for source in adapter.sources}
)

MARKETPLACE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {source.name: name for name, adapter in ADAPTERS.items() for source in adapter.sources}
)
