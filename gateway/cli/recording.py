"""A real exchange as a recorded one, in the format that `adapters/recorded/README.md` tells."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec
from pydantic import SecretStr

from adapters import decoding
from adapters.base import Account, Answer, Asking, Request
from adapters.http import Fetched
from adapters.model import BatchRef, Snapshot
from adapters.registry import ADAPTERS
from adapters.scrub import REMOVED, Scrubber

_COMMON: Final = frozenset({"name", "marketplace", "base_url", "limit"})
_HEADERS: Final = ("allow", "retry-after")
"""Headers that readings depend on."""
_LISTED: Final = 20
"""Items that are named one by one in what is expected."""
_TIMES: Final = ("created_at", "updated_at", "completed_at", "expires_at")
_LOCALE: Final = re.compile(r"[A-Za-z]{2}([-_][A-Za-z]{2})?")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class ReadsOtherwise(Exception):
    """What was scrubbed does not read as the real answer does."""


def recording(account: Account, ref: BatchRef, fetched: Fetched, scrubber: Scrubber) -> dict[str, Any]:
    """The exchange with made-up values. Raises `ReadsOtherwise` where that would change what it says."""
    bodies = [decoding.value(answer.body) for answer in fetched.answers]
    scrubbed = scrubber.scrub(bodies)
    batch_id = scrubber.replace(ref.id)
    stand_in, fields = _stand_in(account, scrubber)
    parts = [_part(answer, body) for answer, body in zip(fetched.answers, scrubbed, strict=True)]
    asking = ADAPTERS[account.marketplace].ask(stand_in, ref.source, batch_id)
    requests, snapshot = _talk(asking, fetched.answers, parts)
    if _gist(snapshot) != _gist(fetched.snapshot):
        raise ReadsOtherwise
    return {
        "about": "A real answer: say here what it shows",
        "ground": "reported",
        "origin": {"host": urlsplit(account.base_url).hostname, "date": fetched.fetched_at.date().isoformat()},
        "source": ref.source,
        "id": batch_id,
        **({"account": fields} if fields else {}),
        "answers": [{"request": request, **part} for request, part in zip(requests, parts, strict=True)],
        "expect": _expect(snapshot),
    }


def secrets_of(account: Account) -> list[str]:
    """Everything that must not be seen, also in the forms in which it is sent."""
    plain = [value.get_secret_value() for _, value in account if isinstance(value, SecretStr)]
    pairs = [f"{one}:{other}" for one, other in itertools.permutations([*plain, ""], 2)]
    packed = [base64.b64encode(text.encode()).decode() for text in (*plain, *pairs)]
    return [form for text in (*plain, *packed) if text for form in {text, quote(text, safe="")}]


def _stand_in(account: Account, scrubber: Scrubber) -> tuple[Account, dict[str, Any]]:
    """An account with made-up values, and those of them that a test needs."""
    values: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for name, field in type(account).model_fields.items():
        value = getattr(account, name)
        if isinstance(value, SecretStr):
            values[name] = SecretStr(REMOVED)
        elif name not in _COMMON and value != field.get_default(call_default_factory=True):
            values[name] = shown[name] = _made_up(value, scrubber)
    parts = urlsplit(account.base_url)
    if parts.path:
        path = "/".join(scrubber.replace(s) if any(map(str.isdigit, s)) else s for s in parts.path.split("/"))
        shown["base_url"] = urlunsplit(("https", f"{account.marketplace}.example", path, "", ""))
        values["base_url"] = shown["base_url"]
    return account.model_copy(update=values), _plain(shown)


def _made_up(value: Any, scrubber: Scrubber) -> Any:
    is_free = isinstance(value, str) and not _LOCALE.fullmatch(value)
    return scrubber.replace(value) if is_free else value


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return msgspec.json.decode(_ENCODER.encode(msgspec.to_builtins(fields)))


def _part(answer: Answer, body: object) -> dict[str, Any]:
    kept = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    is_json = body is not None or answer.body.strip() == b"null"
    # what is not JSON cannot be scrubbed by rule: nothing of it is kept
    return {
        "status": answer.status,
        **({"headers": kept} if kept else {}),
        **({"body": body} if is_json else {"text": ""}),
    }


def _talk(asking: Asking, answers: Sequence[Answer], parts: Sequence[dict[str, Any]]) -> tuple[list[str], Snapshot]:
    requests: list[str] = []
    step: Request | Snapshot = next(asking)
    for answer, part in zip(answers, parts, strict=True):
        assert isinstance(step, Request)  # noqa: S101 - as many answers as were asked for
        requests.append(f"{step.method} /{step.url.split('/', 3)[3]}")
        body = _ENCODER.encode(part["body"]) if "body" in part else b""
        try:
            step = asking.send(Answer(answer.status, body, answer.headers))
        except StopIteration as end:
            step = end.value
    if not isinstance(step, Snapshot):
        raise ReadsOtherwise
    return requests, step


def _gist(snapshot: Snapshot) -> tuple[object, ...]:
    """What scrubbing must leave as it was."""
    return (
        snapshot.status,
        snapshot.source_status,
        snapshot.outcome,
        snapshot.operation,
        snapshot.is_confirmed,
        snapshot.is_settled,
        snapshot.progress,
        snapshot.counts,
        *(getattr(snapshot, name) for name in _TIMES),
        [(head.status, head.source_status, [reason.code for reason in head.failures]) for head in snapshot.items.heads],
    )


def _expect(snapshot: Snapshot) -> dict[str, Any]:
    told: dict[str, Any] = {
        "status": snapshot.status.value,
        "source_status": snapshot.source_status,
        "outcome": snapshot.outcome.value if snapshot.outcome else None,
        "operation": snapshot.operation.value,
        "is_confirmed": snapshot.is_confirmed,
        "is_settled": snapshot.is_settled,
        "is_complete": snapshot.items.is_complete,
        "progress": snapshot.progress,
        "counts": list(snapshot.counts),
        "next_step": snapshot.next_step is not None,
        **{name: _date(getattr(snapshot, name)) for name in _TIMES},
    }
    if 0 < len(snapshot.items) <= _LISTED:
        told["items"] = [[item.key, item.status.value] for item in snapshot.items]
        told["failures"] = list(_reasons(snapshot))
    return told


def _date(at: Any) -> str | None:
    return at.isoformat() if at is not None else None


def _reasons(snapshot: Snapshot) -> Iterable[list[str | None]]:
    return ([reason.code, reason.message] for head in snapshot.items.heads for reason in head.failures)
