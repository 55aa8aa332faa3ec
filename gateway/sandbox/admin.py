"""`/_sandbox/…`: what was asked, and the levers that tests and demonstrations pull."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from gateway.sandbox.accounts import accounts_toml, sandbox_accounts, sandbox_stories

if TYPE_CHECKING:
    from gateway.sandbox.app import Sandbox

_MOST_LOGGED = 1_000


def admin_app(sandbox: Sandbox) -> Starlette:
    """The application behind everything that is no marketplace's path."""
    admin = _Admin(sandbox)
    return Starlette(
        routes=[
            Route("/", admin.index),
            Route("/_sandbox", admin.index),
            Route("/_sandbox/stories", admin.stories),
            Route("/_sandbox/accounts", admin.accounts),
            Route("/_sandbox/gateway.toml", admin.configuration),
            Route("/_sandbox/calls", admin.calls),
            Route("/_sandbox/calls", admin.clear_calls, methods=["DELETE"]),
            Route("/_sandbox/log", admin.log),
            Route("/_sandbox/latency", admin.latency),
            Route("/_sandbox/latency", admin.set_latency, methods=["PUT", "POST"]),
            Route("/_sandbox/forget", admin.forget, methods=["POST"]),
            Route("/_sandbox/reset", admin.reset, methods=["POST"]),
            Route("/{path:path}", admin.astray),
        ]
    )


class _Admin:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def index(self, request: Request) -> JSONResponse:
        base = _base(request)
        bases = {account["marketplace"]: account["base_url"] for account in self._accounts(base)}
        return JSONResponse({"marketplaces": bases, "see": [f"{base}/_sandbox/{name}" for name in _SEE]})

    async def stories(self, request: Request) -> JSONResponse:
        wanted = request.query_params.get("marketplace")
        samples = sandbox_stories(self._sandbox.plays)
        return _json([sample._asdict() for sample in samples if wanted in (None, sample.marketplace)])

    async def accounts(self, request: Request) -> JSONResponse:
        return _json(self._accounts(_base(request), every=True))

    async def configuration(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(accounts_toml(self._accounts(_base(request))))

    async def calls(self, request: Request) -> JSONResponse:
        tally, query = self._sandbox.tally, request.query_params
        found = [*tally.listed(query.get("marketplace"), query.get("id"), query.get("source"))]
        by_market = defaultdict[str, int](int)
        for asked, count in found:
            by_market[asked.marketplace] += count
        return _json(
            {
                "calls": sum(count for _, count in found),
                "total": tally.total,
                "in_flight": tally.in_flight,
                "peak_in_flight": tally.peak,
                "marketplaces": by_market,
                "statuses": tally.statuses,
                "ids": [{**asked._asdict(), "calls": count} for asked, count in found],
            }
        )

    async def clear_calls(self, _: Request) -> JSONResponse:
        self._sandbox.tally.clear()
        return _json({"calls": 0})

    async def log(self, request: Request) -> JSONResponse:
        wanted = request.query_params.get("id")
        calls = [call for call in self._sandbox.tally.recent if wanted in (None, call.asked.id)][-_MOST_LOGGED:]
        return _json([{"at": call.at, **call.asked._asdict(), "status": call.status} for call in calls])

    async def latency(self, _: Request) -> JSONResponse:
        return _json({"ms": round(self._sandbox.latency * 1000, 3)})

    async def set_latency(self, request: Request) -> JSONResponse:
        ms = _number((await _asked(request)).get("ms"))
        if ms is None or not 0 <= ms <= 600_000:
            return _mistake("ms: a number from 0 to 600000 is needed")
        self._sandbox.latency = ms / 1000
        return await self.latency(request)

    async def forget(self, request: Request) -> JSONResponse:
        asked = await _asked(request)
        marketplace, batch_id = asked.get("marketplace"), asked.get("id")
        if not isinstance(batch_id, str) or not batch_id:
            return _mistake("id: the batch to be forgotten is needed")
        try:
            self._sandbox.forget(str(marketplace), batch_id)
        except KeyError:
            return _mistake(f"marketplace: one of {', '.join(self._names())} is needed")
        return _json({"forgotten": batch_id})

    async def reset(self, _: Request) -> JSONResponse:
        self._sandbox.reset()
        return _json({"reset": True})

    async def astray(self, request: Request) -> JSONResponse:
        words = f"Nothing is at {request.url.path}: paths begin with one of {', '.join(self._names())}, or _sandbox"
        return JSONResponse({"error": words}, 404)

    def _names(self) -> list[str]:
        return [play.script.marketplace for play in self._sandbox.plays]

    def _accounts(self, base: str, *, every: bool = False) -> list[dict[str, str]]:
        return sandbox_accounts(base, every=every, plays=self._sandbox.plays)


_SEE = ("stories", "accounts", "gateway.toml", "calls", "log", "latency")


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _json(content: object) -> JSONResponse:
    return JSONResponse(content)


def _mistake(words: str) -> JSONResponse:
    return JSONResponse({"error": words}, 400)


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


async def _asked(request: Request) -> dict[str, Any]:
    """What the caller wants: from the query, or from a JSON object in the body."""
    if request.query_params:
        return dict(request.query_params)
    try:
        body: object = await request.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
