"""What every marketplace's sandbox can play, said in words that all of them have.

A marketplace lays its own stories and answers over these in its `story.json`.
"""

from __future__ import annotations

from typing import Final

from gateway.sandbox.script import Interruption, Phase, Reply, Story

USUAL: Final = ""
"""The story of an id that names none."""

_QUEUED: Final = Phase(state="queued", seconds=1)
_RUNNING: Final = Phase(state="running", seconds=3, done=(0, 1))
_DONE: Final = Phase(state="done", done=(1, 1))
_LIFE: Final = (_QUEUED, _RUNNING, _DONE)
_MOSTLY_GOOD: Final = ("ok*40", "bad", "ok*9")


def _for_ever(answer: str) -> tuple[Phase, ...]:
    return (Phase(answer=answer),)


def _limited(**headers: str) -> Interruption:
    return Interruption("limited", {name.replace("_", "-"): text for name, text in headers.items()})


STORIES: Final[dict[str, Story]] = {
    USUAL: Story(
        "A usual life of four seconds; in batches of more than 40 one item in fifty fails", _LIFE, _MOSTLY_GOOD
    ),
    "slow": Story(
        "The same in about a minute",
        (Phase(state="queued", seconds=5), Phase(state="running", seconds=55, done=(0, 1)), _DONE),
        _MOSTLY_GOOD,
    ),
    "done": Story("Finished before it is first asked; every item succeeded", (_DONE,)),
    "empty": Story("Finishes without a single item", (_QUEUED, _DONE), items=0),
    "failed": Story(
        "The batch fails, and every item with it",
        (_QUEUED, _RUNNING, Phase(state="failed", done=(1, 1))),
        ("bad",),
    ),
    "partly-failed": Story("Finishes with one item in four failed", _LIFE, ("bad", "ok*3")),
    "stuck": Story(
        "Stops at two fifths and never ends",
        (_QUEUED, Phase(state="running", seconds=3, done=(0, 0.4)), Phase(state="running", done=(0.4, 0.4))),
    ),
    "gone": Story("The marketplace does not know the batch, or has forgotten it", _for_ever("unknown")),
    "late": Story(
        "Unknown for the first three seconds, then a usual life", (Phase(answer="unknown", seconds=3), *_LIFE)
    ),
    "limited": Story(
        "Some calls are answered 429: with Retry-After in seconds, without it, and as a date",
        _LIFE,
        calls=(
            _limited(retry_after="1"),
            None,
            None,
            _limited(),
            None,
            None,
            _limited(retry_after="${soon:http}"),
            None,
        ),
    ),
    "flaky": Story(
        "Some calls are answered 5xx, partly in HTML",
        _LIFE,
        calls=(
            Interruption("bad-gateway"),
            None,
            Interruption("server-error"),
            None,
            None,
            Interruption("unavailable"),
            None,
        ),
    ),
    "down": Story("Every call is answered 503, in HTML", _for_ever("unavailable")),
    "refused": Story("Every call is answered as if the credentials were wrong", _for_ever("refused")),
    "wall": Story("Every call is answered 403 with the HTML page of a firewall", _for_ever("wall")),
    "garbled": Story(
        "Every call is answered 200, with JSON that breaks off or an HTML page",
        _for_ever("garbled"),
        calls=(None, Interruption("page")),
    ),
    "hanging": Story("Every answer takes two minutes", _LIFE, latency=120.0),
}


def _page(status: int, title: str, words: str, **headers: str) -> Reply:
    head, body = f"<head><title>{title}</title></head>", f"<body><h1>{title}</h1><p>{words}</p></body>"
    text = f"<!DOCTYPE html>\n<html>{head}{body}</html>\n"
    return Reply(status, text=text, type="text/html; charset=utf-8", headers=headers)


ANSWERS: Final[dict[str, Reply]] = {
    "bad-gateway": _page(502, "502 Bad Gateway", "The upstream server did not answer."),
    "unavailable": _page(503, "503 Service Temporarily Unavailable", "Please try again later."),
    "wall": _page(403, "Access denied", "Your request was blocked. Reference: 0000-sandbox."),
    "page": _page(200, "Just a moment", "Checking your browser before you go on."),
    "garbled": Reply(200, text='{"status": "COMPLETED", "items": [{"status": "SUCC'),
}

STATES: Final = ("queued", "running", "done", "failed")
FATES: Final = ("waiting", "ok")
OWN_ANSWERS: Final = ("unknown", "refused", "limited", "server-error", "no-route", "not-allowed")
"""The answers that every marketplace gives in its own shape."""
