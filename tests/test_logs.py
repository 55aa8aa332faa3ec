"""The log: events with fields as JSON or for people, escaped; the line of each request, and its id."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from adapters.errors import NotFound, Unavailable
from adapters.model import BatchRef
from gateway.app import Gateway, create_app
from gateway.config.log import LogSettings
from gateway.observe.logs import JsonFormatter, PrettyFormatter, log_to_stderr
from gateway.observe.metrics import Metrics
from gateway.observe.observation import Observation
from gateway.observe.request_id import CURRENT, RequestIds
from gateway.observe.text import shown
from gateway.observe.told import Told, tell
from gateway.observe.writing import LineHandler
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from tests.live_server import serve, until

pytestmark = pytest.mark.anyio

EVIL = "a\nb\x1b[31m\u202eevil\u2028\x00\\n\ud800"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def record(message: str, fields: object = None, error: BaseException | None = None) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("gateway.test", logging.WARNING, "x.py", 1, message, None, trace)
    if fields is not None:
        made.fields = fields
    return made


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_one_object_on_one_line() -> None:
    line = JsonFormatter().format(record("batch.unanswered", {"batch": EVIL, "seconds": 0.5, "none": None, "n": 3}))
    assert "\n" not in line
    told = json.loads(line)
    assert told["event"] == "batch.unanswered"
    assert (told["level"], told["logger"], told["seconds"], told["none"], told["n"]) == (
        "warning",
        "gateway.test",
        0.5,
        None,
        3,
    )
    assert told["batch"] == r"a\nb\x1b[31m\u202eevil\u2028\x00\\n\ud800"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", told["time"])


def test_fields_cannot_pretend_to_be_another_event() -> None:
    told = json.loads(JsonFormatter().format(record("real.event", {"event": "fake", "level": "error", "time": "1"})))
    assert (told["event"], told["level"]) == ("real.event", "warning")


@pytest.mark.parametrize("formatter", [JsonFormatter(), PrettyFormatter(has_colours=False)])
def test_nothing_foreign_writes_a_line_or_moves_the_cursor(formatter: logging.Formatter) -> None:
    line = formatter.format(record(f"event {EVIL}", {"a": EVIL, "b": {"deep": 1}, "c": ["x"]}))
    assert line.isprintable()
    line.encode()
    token = CURRENT.set("plain-id")
    assert "plain-id" in formatter.format(record("x"))
    CURRENT.reset(token)


@pytest.mark.parametrize("formatter", [JsonFormatter(), PrettyFormatter(has_colours=True)])
def test_an_exception_brings_its_trace(formatter: logging.Formatter) -> None:
    with pytest.raises(ValueError, match="evil") as caught:
        raise ValueError(EVIL)
    text = formatter.format(record("engine.failed", error=caught.value))
    assert "Traceback" in text
    assert "ValueError" in text
    assert "\x1b[31mevil" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("said", "event", "message"),
    [
        ("watch.ended", "watch.ended", None),
        ("store.unusable path=/x: mend it", "store.unusable", "path=/x: mend it"),
        ("engine.failed: 12 at b", "engine.failed", "12 at b"),
        ("Invalid HTTP request received.", "log", "Invalid HTTP request received."),
        ("seller.example/2738", "log", "seller.example/2738"),
    ],
)
def test_every_line_has_an_event(said: str, event: str, message: str | None) -> None:
    told = json.loads(JsonFormatter().format(record(said)))
    assert (told["event"], told.get("message")) == (event, message)


def test_people_see_colours_and_short_numbers() -> None:
    line = PrettyFormatter(has_colours=True).format(record("x.y", {"seconds": 0.123456789, "words": "two words"}))
    assert "\x1b[33mWARNING\x1b[0m" in line
    assert "0.1235" in line
    assert '"two words"' in line


def test_long_text_is_cut() -> None:
    assert shown("x" * 1000) == "x" * 300 + "…"
    assert shown("plain text ğüşİöç 批") == "plain text ğüşİöç 批"


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("pretty", io.StringIO(), False),
    ],
)
def test_the_form_follows_the_terminal(form: Any, stream: io.StringIO, is_json: bool) -> None:
    log_to_stderr(LogSettings(format=form), stream, {"NO_COLOR": "1"})
    logging.getLogger("gateway.test").info("some.event", extra={"fields": {"a": 1}})
    assert stream.getvalue().startswith("{") is is_json
    assert "some.event" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_libraries_are_heard_from_warnings_on_and_ours_from_the_level() -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(level="debug"), stream)
    for name in ("httpx", "uvicorn.error", "gateway.core", "adapters.line"):
        logging.getLogger(name).debug("quiet %s", name)
        logging.getLogger(name).info("GET https://seller.example/2738 %s", name)
        logging.getLogger(name).warning("loud %s", name)
    told = [line["message"].split()[0] for line in lines(stream) if line["logger"] in {"httpx", "uvicorn.error"}]
    assert told == ["loud", "loud"]
    assert len([line for line in lines(stream) if line["logger"] in {"gateway.core", "adapters.line"}]) == 6


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (b"abc-DEF_1.2", True),
        (b"a" * 64, True),
        (b"a" * 65, False),
        (b"", False),
        (b"two words", False),
        (b"a\nb", False),
        (b"a\n", False),
        ("ğ".encode(), False),
        (b"<script>", False),
    ],
)
def test_a_request_id_is_taken_over_in_a_harmless_form_alone(given: bytes, taken: bool) -> None:
    made = RequestIds().of([(b"host", b"x"), (b"x-request-id", given)])
    assert (made == given.decode(errors="replace")) is taken
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", made)


def test_made_ids_differ() -> None:
    ids, others = RequestIds(), RequestIds()
    assert len({ids.of([]), ids.of([]), others.of([]), others.of([])}) == 4


REF = BatchRef("trendyol", "shop", "id-1")


@pytest.mark.parametrize(
    ("error", "is_joined", "level"),
    [
        (Unavailable("down"), False, "WARNING"),
        (NotFound("not there"), False, "DEBUG"),
        (Unavailable("down"), True, None),
    ],
)
def test_a_failed_question_is_told_once(
    caplog: pytest.LogCaptureFixture, error: Exception, is_joined: bool, level: str | None
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    observation = Observation(Metrics({"shop": "trendyol"}))
    with pytest.raises(type(error)), observation.asking(REF, is_watch=False, is_joined=is_joined):
        raise error
    assert [(made.levelname, made.getMessage()) for made in caplog.records] == (
        [] if level is None else [(level, "batch.unanswered")]
    )
    for made in caplog.records:
        assert made.__dict__["fields"]["batch"] == "id-1"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


def app_of(sandbox: str, **log: Any) -> Gateway:
    accounts = sandbox_accounts(sandbox)
    return create_app(make_settings({"accounts": accounts, "store": {"path": "off"}, "log": log}))


def test_each_request_has_a_line_and_its_id(sandbox: str) -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(), stream)
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        url = f"http://{host}:{port}"
        asked = {"query": "{ __typename }"}
        headers = {"x-request-id": "front-end.7", "authorization": "Bearer planted-token"}
        answer = httpx.post(f"{url}/graphql?token=planted-query", json=asked, headers=headers, trust_env=False)
        assert answer.headers["x-request-id"] == "front-end.7"
        assert httpx.get(f"{url}/healthz", trust_env=False).headers["x-request-id"]
        assert httpx.get(f"{url}/%0Anothing%1b", trust_env=False).status_code == 404
        assert httpx.get(f"{url}/long/{'x' * 5_000}", trust_env=False).status_code == 404
        with connect(f"ws://{host}:{port}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            assert socket.response is not None
            socket_id = socket.response.headers["x-request-id"]
        until(lambda: "socket.closed" in stream.getvalue())
    told = lines(stream)
    [request, missing, long] = [line for line in told if line["event"] == "http.request"]
    assert (request["request_id"], request["method"], request["path"], request["status"]) == (
        "front-end.7",
        "POST",
        "/graphql",
        200,
    )
    assert request["seconds"] > 0
    assert request["peer"] == "127.0.0.1"
    assert (missing["path"], missing["status"]) == ("/\\nnothing\\x1b", 404)
    assert long["path"] == f"/long/{'x' * 294}…"
    [closed] = [line for line in told if line["event"] == "socket.closed"]
    assert (closed["request_id"], closed["status"]) == (socket_id, 101)
    assert "planted" not in stream.getvalue()


def test_what_a_request_started_carries_its_id(sandbox: str) -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(level="debug"), stream)
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        query = '{ batch(ref: {source: MIRCATE, id: "gone-1"}) { __typename } }'
        httpx.post(
            f"http://{host}:{port}/graphql",
            json={"query": query},
            headers={"x-request-id": "asks"},
            trust_env=False,
            timeout=30,
        )
    [failed] = [line for line in lines(stream) if line["event"] == "batch.unanswered"]
    assert (failed["request_id"], failed["batch"], failed["account"], failed["code"]) == (
        "asks",
        "gone-1",
        "mircate-demo",
        "NOT_FOUND",
    )


def test_a_watch_carries_nobodys_id(sandbox: str) -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(level="debug"), stream)
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        query = 'subscription { batchUpdates(refs: [{source: MIRCATE, id: "log-1"}]) { isFinal } }'
        httpx.post(
            f"http://{host}:{port}/graphql",
            json={"query": query},
            headers={"accept": "text/event-stream"},
            trust_env=False,
            timeout=30,
        )
    [ended] = [line for line in lines(stream) if line["event"] == "watch.ended"]
    assert "request_id" not in ended
    assert (ended["batch"], ended["why"]) == ("log-1", "terminal")


def test_the_access_log_can_be_switched_off(sandbox: str) -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(), stream)
    with serve(app_of(sandbox, access=False), lifespan="on") as (host, port):
        httpx.get(f"http://{host}:{port}/nothing", trust_env=False)
    assert stream.getvalue() == ""


async def test_lines_wait_for_each_other_and_warnings_for_none() -> None:
    """One write for many lines; at once where something is wrong, or where no loop would come by again."""
    written: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

    log_to_stderr(LogSettings(format="json"), Stream())
    log = logging.getLogger("gateway.test")
    for number in range(3):
        log.info("quiet.event", extra={"fields": {"n": number}})
    assert written == []
    log.warning("loud.event")
    assert len(written) == 1
    assert [json.loads(line)["event"] for line in written[0].splitlines()] == ["quiet.event"] * 3 + ["loud.event"]
    log.info("quiet.event")
    await asyncio.sleep(0.3)
    assert len(written) == 2
    await asyncio.to_thread(log.info, "thread.event")
    assert len(written) == 3


async def test_a_stream_that_is_gone_disturbs_nobody() -> None:
    stream = io.StringIO()
    handler = LineHandler(stream)
    quiet = logging.LogRecord("gateway.test", logging.INFO, "x.py", 1, "quiet.event", None, None)
    handler.emit(quiet)
    stream.close()
    await asyncio.sleep(0.2)  # an error here would be the loop's, and end the test
    handler.emit(quiet)
    await asyncio.sleep(0.2)


def test_without_a_loop_every_line_is_written_as_it_comes() -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(format="json"), stream)
    logging.getLogger("gateway.test").info("quiet.event")
    assert stream.getvalue().count("\n") == 1


async def test_events_of_requests_keep_their_place_and_their_request() -> None:
    stream = io.StringIO()
    log_to_stderr(LogSettings(format="json"), stream)
    log = logging.getLogger("gateway.test")
    for number in range(3):
        token = CURRENT.set(f"request-{number}")
        tell(log, logging.INFO, "http.request", {"n": number, "path": EVIL, "event": "another", "seconds": 0.12345678})
        CURRENT.reset(token)
        log.info("quiet.event")
    assert stream.getvalue() == ""
    log.warning("loud.event")
    told = lines(stream)
    assert [line["event"] for line in told] == ["http.request", "quiet.event"] * 3 + ["loud.event"]
    assert [line.get("request_id") for line in told[::2]] == ["request-0", "request-1", "request-2", None]
    assert told[0] == {**told[0], "n": 0, "path": shown(EVIL), "seconds": 0.123457, "level": "info"}


@pytest.mark.parametrize("formatter", [JsonFormatter(), PrettyFormatter(has_colours=False)])
def test_an_event_of_a_request_is_written_as_any_other(formatter: logging.Formatter) -> None:
    fields = {"method": "POST", "path": EVIL, "status": 200, "seconds": 0.1, "peer": None, "time": "never"}
    told, usual = Told("gateway.test", logging.WARNING, "http.request", fields), record("http.request", fields)
    usual.created = told.created
    assert formatter.format(told) == formatter.format(usual)


async def test_an_event_that_cannot_be_written_costs_no_other_line(capsys: pytest.CaptureFixture[str]) -> None:
    class Unwritable:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    stream = io.StringIO()
    log_to_stderr(LogSettings(format="json"), stream)
    log = logging.getLogger("gateway.test")
    for value in (1, Unwritable(), 2):
        tell(log, logging.INFO, "http.request", {"n": value})
    log.warning("loud.event")
    assert [line.get("n") for line in lines(stream)] == [1, 2, None]
    assert "no words" in capsys.readouterr().err
