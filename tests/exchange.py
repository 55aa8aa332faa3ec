"""Driving an adapter with answers, as the funnel does, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest

from adapters.base import Account, Answer, Request
from adapters.errors import UpstreamError
from adapters.model import Snapshot
from adapters.registry import ADAPTERS, MARKETPLACE_OF
from gateway.sandbox.accounts import sandbox_accounts

RECORDED: Final = Path(__file__).parents[1] / "adapters" / "recorded"

_CREDENTIALS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "trendyol": {"seller_id": 2738, "api_key": "key", "api_secret": "secret"},
        "idefix": {"vendor_id": 4711, "api_key": "key", "api_secret": ""},
        "mircate": {"base_url": "https://mircate.example/5p0example", "api_key": "key"},
        "surecart": {"token": "token"},
    }
)


def account(marketplace: str, **values: object) -> Account:
    """An account of a marketplace, with more or other values where a test wants them."""
    fields = {"name": "shop", "marketplace": marketplace, **_credentials(marketplace), **values}
    return ADAPTERS[marketplace].account.model_validate(fields)


def _credentials(marketplace: str) -> Mapping[str, Any]:
    """Those above, or the first account of the marketplace's own story, so that a new one needs no line here."""
    if marketplace in _CREDENTIALS:
        return _CREDENTIALS[marketplace]
    [table] = [table for table in sandbox_accounts("http://sandbox.example") if table["marketplace"] == marketplace]
    own = set(ADAPTERS[marketplace].account.model_fields) - {"name", "limit"}
    is_at_home = not ADAPTERS[marketplace].account.model_fields["base_url"].is_required()
    return {key: value for key, value in table.items() if key in own and not (is_at_home and key == "base_url")}


@dataclass(frozen=True)
class Talk:
    """What an adapter asked, and what it made of the answers."""

    requests: tuple[Request, ...]
    ending: Snapshot | UpstreamError

    @property
    def snapshot(self) -> Snapshot:
        assert isinstance(self.ending, Snapshot), self.ending
        return self.ending

    @property
    def error(self) -> UpstreamError:
        assert isinstance(self.ending, UpstreamError), self.ending
        return self.ending


def talk(source: str, batch_id: str, answers: Iterable[Answer], **values: object) -> Talk:
    """Drive `ask` with the answers; a refusal ends it, as in the funnel."""
    adapter = ADAPTERS[MARKETPLACE_OF[source]]
    asking = adapter.ask(account(adapter.marketplace, **values), source, batch_id)
    requests = [next(asking)]
    for answer in answers:
        refusal = adapter.refusal(answer)
        if refusal is not None:
            return Talk(tuple(requests), refusal)
        try:
            requests.append(asking.send(answer))
        except StopIteration as end:
            return Talk(tuple(requests), end.value)
        except UpstreamError as error:
            return Talk(tuple(requests), error)
    pytest.fail(f"more is asked than was answered: {requests[-1].url}")


def read(source: str, body: object, batch_id: str = "batch-1", **values: object) -> Snapshot:
    """The snapshot of one answer."""
    return talk(source, batch_id, [answer(body)], **values).snapshot


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a body of JSON, or of bytes as they are."""
    text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Answer(status, text, dict(headers or {}))


@dataclass(frozen=True)
class Recorded:
    """One file of `adapters/recorded/<marketplace>/`; its format is told in the README there."""

    name: str
    marketplace: str
    source: str
    id: str
    account: Mapping[str, Any]
    requests: tuple[str, ...]
    answers: tuple[Answer, ...]
    expect: Mapping[str, Any]

    def play(self) -> Talk:
        return talk(self.source, self.id, self.answers, **self.account)


def recorded() -> list[Recorded]:
    """All recorded answers of all marketplaces."""
    paths = sorted(path for path in RECORDED.glob("*/*.json") if path.name != "story.json")
    return [_load(path) for path in paths]


def _load(path: Path) -> Recorded:
    found = json.loads(path.read_text("utf-8"))
    parts = found["answers"]
    return Recorded(
        name=f"{path.parent.name}/{path.stem}",
        marketplace=path.parent.name,
        source=found["source"],
        id=found["id"],
        account=found.get("account", {}),
        requests=tuple(part["request"] for part in parts),
        answers=tuple(
            answer(part["text"].encode() if "text" in part else part["body"], part["status"], part.get("headers"))
            for part in parts
        ),
        expect=found["expect"],
    )
