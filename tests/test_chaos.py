"""An upstream that misbehaves over real sockets: each case ends in time, typed, leaks nothing and tells no secret."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import ssl
import subprocess
import traceback
import tracemalloc
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adapters.clock import SystemClock
from adapters.errors import (
    BatchError,
    ErrorCode,
    InvalidAnswer,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UpstreamTimeout,
)
from adapters.http import BreakerState, Fetched
from adapters.model import Status
from tests.ahead_clock import Ahead
from tests.chaos_server import Call, ChaosServer, Handler
from tests.edge import eventually
from tests.fake_market import KEY, SECRET, Setup

pytestmark = pytest.mark.anyio

DONE = b'{"status": "COMPLETED"}'
HTML = b"<!doctype html><html><head><title>Access denied</title></head><body>Reference 18.2f</body></html>"
JSON = "Content-Type: application/json"
MIB = 1024 * 1024
PATIENCE = 30.0
"""Seconds: a busy machine may need some for what takes milliseconds."""


async def reset(call: Call) -> None:
    call.reset()


async def reset_in_the_body(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + DONE)
    await asyncio.sleep(0.02)
    call.reset()


async def close_without_a_word(call: Call) -> None:
    call.close()


async def cut_off(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + DONE)
    call.close()


async def cut_off_chunks(call: Call) -> None:
    await call.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sta\r\n')
    call.close()


async def never(call: Call) -> None:
    await asyncio.sleep(60)


async def slow_headers(call: Call) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Slow: " + b"x" * 1_000:
        await call.send(bytes([byte]))
        await asyncio.sleep(0.02)


async def dripping_body(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        await call.send(b" ")
        await asyncio.sleep(0.02)


async def endless_interim_answers(call: Call) -> None:
    while True:
        await call.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.01)


async def truncated_json(call: Call) -> None:
    await call.answer(DONE[:-5])


async def no_http(call: Call) -> None:
    await call.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def bad_headers(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")


async def huge_headers(call: Call) -> None:
    await call.send(
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 4_000) for i in range(400)) + b"\r\n"
    )


async def wrong_type(call: Call) -> None:
    await call.answer(b"all is well", "200 OK", "Content-Type: text/plain")


async def firewall_200(call: Call) -> None:
    await call.answer(HTML, "200 OK", "Content-Type: text/html")


async def firewall_403(call: Call) -> None:
    await call.answer(HTML, "403 Forbidden", "Content-Type: text/html")


async def server_errors(call: Call) -> None:
    await call.answer(HTML, "503 Service Unavailable", "Content-Type: text/html")


async def refused_credentials(call: Call) -> None:
    await call.answer(b'{"message": "bad key %s"}' % KEY.encode(), "401 Unauthorized")


async def redirect(call: Call) -> None:
    await call.answer(b"", "302 Found", "Location: http://127.0.0.1:1/elsewhere")


async def bomb(call: Call) -> None:
    await call.answer(_BOMB, "200 OK", JSON, "Content-Encoding: gzip")


async def many_members(call: Call) -> None:
    await call.answer(gzip.compress(b"") * 100_000, "200 OK", JSON, "Content-Encoding: gzip")


async def broken_gzip(call: Call) -> None:
    await call.answer(DONE, "200 OK", JSON, "Content-Encoding: gzip")


async def cut_gzip(call: Call) -> None:
    await call.answer(gzip.compress(DONE)[:-12], "200 OK", JSON, "Content-Encoding: gzip")


async def unknown_encoding(call: Call) -> None:
    await call.answer(DONE, "200 OK", JSON, "Content-Encoding: br")


async def hundred_megabytes(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"%x\r\n" % (64 * 1024) + b" " * 64 * 1024 + b"\r\n"
    for _ in range(1_600):
        await call.send(piece)


async def declared_hundred_megabytes(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    await asyncio.sleep(60)


async def invalid_utf8(call: Call) -> None:
    await call.answer(b'{"status": "COMPLETED", "x": "\xff\xfe\xc3"}')


async def deep_nesting(call: Call) -> None:
    await call.answer(b'{"status": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")


async def not_an_object(call: Call) -> None:
    await call.answer(b"[1, 2, 3]")


async def endless_pages(call: Call) -> None:
    await call.answer(b'{"status": "COMPLETED", "next": "again"}')


async def throttled(call: Call) -> None:
    await call.answer(b"{}", "429 Too Many Requests", "Retry-After: 120")


def _gzip_bomb() -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(200):
            file.write(bytes(MIB))
    return packed.getvalue()


_BOMB = _gzip_bomb()


class Case(NamedTuple):
    handler: Handler
    error: type[BatchError]


CASES = [
    Case(reset, Unavailable),
    Case(reset_in_the_body, Unavailable),
    Case(close_without_a_word, Unavailable),
    Case(cut_off, Unavailable),
    Case(cut_off_chunks, Unavailable),
    Case(never, UpstreamTimeout),
    Case(slow_headers, UpstreamTimeout),
    Case(dripping_body, UpstreamTimeout),
    Case(endless_interim_answers, UpstreamTimeout),
    Case(truncated_json, InvalidAnswer),
    Case(no_http, InvalidAnswer),
    Case(bad_headers, InvalidAnswer),
    Case(huge_headers, InvalidAnswer),
    Case(wrong_type, InvalidAnswer),
    Case(firewall_200, InvalidAnswer),
    Case(firewall_403, Unauthenticated),
    Case(server_errors, Unavailable),
    Case(refused_credentials, Unauthenticated),
    Case(redirect, InvalidAnswer),
    Case(bomb, InvalidAnswer),
    Case(many_members, InvalidAnswer),
    Case(broken_gzip, InvalidAnswer),
    Case(cut_gzip, InvalidAnswer),
    Case(unknown_encoding, InvalidAnswer),
    Case(hundred_megabytes, InvalidAnswer),
    Case(declared_hundred_megabytes, InvalidAnswer),
    Case(invalid_utf8, InvalidAnswer),
    Case(deep_nesting, InvalidAnswer),
    Case(not_an_object, InvalidAnswer),
    Case(endless_pages, InvalidAnswer),
    Case(throttled, RateLimited),
]


def _told(error: BaseException | None) -> str:
    """Everything that an exception and what hangs on it would print."""
    words = ""
    while error is not None:
        words += f"{error!r} {error} {vars(error)} {''.join(traceback.format_exception(error))}"
        error = error.__cause__ or error.__context__
    return words


def _assert_no_secret(text: str) -> None:
    for secret in (KEY, SECRET):
        assert secret not in text
        assert b64encode(secret.encode()).decode() not in text
    assert "Bearer" not in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.handler.__name__)
async def test_a_misbehaving_upstream_is_a_typed_error_in_time(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with ChaosServer(case.handler) as server:
        async with Setup(base_url=server.url, max_calls=3) as setup:
            started = loop.time()
            with pytest.raises(BatchError) as caught:
                await setup.fetch(timeout=0.5 if case.error is UpstreamTimeout else PATIENCE)
            assert loop.time() - started < PATIENCE / 3  # what is slow takes longer, up to for ever
            assert isinstance(caught.value, case.error)
            assert caught.value.code is case.error.code
            assert "shop" in caught.value.message or "Market" in caught.value.message
            assert setup.calls
            assert setup.calls[-1].account == "shop"
            _assert_no_secret(_told(caught.value) + repr(setup.funnel) + repr(setup.calls) + repr(vars(setup.funnel)))
        assert await server.all_closed()
    await eventually(lambda: asyncio.all_tasks() <= before)
    _assert_no_secret(caplog.text)


async def test_a_pool_of_connections_is_not_lost_to_misbehaviour() -> None:
    """After every kind of trouble the same funnel, with room for two connections only, still gets an answer."""
    playing: list[Handler] = []

    async def play(call: Call) -> None:
        await playing[0](call)

    async def well(call: Call) -> None:
        await call.answer(DONE)

    async with (
        ChaosServer(play) as server,
        Setup(base_url=server.url, connections=2, breaker_failures=1_000, retries=0, max_calls=3) as setup,
    ):
        for case in CASES:
            if case.handler is throttled:
                continue
            playing[:] = [case.handler]
            with pytest.raises(BatchError):
                await setup.fetch(timeout=0.25)
        playing[:] = [well]
        assert (await setup.fetch(timeout=PATIENCE)).snapshot.status is Status.COMPLETED


async def test_a_large_body_is_never_held() -> None:
    for handler in (hundred_megabytes, bomb):
        async with ChaosServer(handler) as server, Setup(base_url=server.url, max_body=2 * MIB) as setup:
            tracemalloc.start()
            with pytest.raises(InvalidAnswer, match="longer than 2,097,152 bytes"):
                await setup.fetch()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 12 * MIB


async def test_nobody_listens() -> None:
    async with ChaosServer(never) as server:
        url = server.url
    async with Setup(base_url=url, breaker_failures=3) as setup:
        for _ in range(2):
            with pytest.raises(Unavailable, match="shop"):
                await setup.fetch()
        assert setup.funnel.breaker_state("shop") is BreakerState.OPEN


async def test_a_host_that_does_not_exist() -> None:
    async with Setup(base_url="http://nowhere.invalid") as setup:
        with pytest.raises((Unavailable, UpstreamTimeout), match=r"nowhere\.invalid"):
            await setup.fetch(timeout=2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for; key and certificate in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", path, "-out", path.with_suffix(".crt"), "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)

    async def well(call: Call) -> None:
        await call.answer(DONE)

    async with ChaosServer(well, tls) as server:
        async with Setup(base_url=server.url) as setup:
            with pytest.raises(Unavailable, match="certificate") as caught:
                await setup.fetch()
            assert not caught.value.retryable
            assert len(setup.calls) == 1
        async with Setup(base_url=server.url, ca_file=str(certificate)) as setup:
            assert (await setup.fetch()).snapshot.status is Status.COMPLETED
        assert await server.all_closed()


async def test_tls_that_is_none() -> None:
    async def plain(call: Call) -> None:
        await call.answer(DONE)

    async with ChaosServer(plain) as server:
        port = server.url.rsplit(":", 1)[1]
        async with Setup(base_url=f"https://127.0.0.1:{port}") as setup:
            with pytest.raises((Unavailable, UpstreamTimeout)):
                await setup.fetch(timeout=1)


RETRY_AFTER = [
    ("7", 7.0),
    ("0", 0.0),
    (" 1.5 ", 1.5),
    ("99999999", 3_600.0),
    ("Fri, 31 Dec 2100 23:59:59 GMT", 3_600.0),
    ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
    ("Friday, 31-Dec-99 23:59:59 GMT", 0.0),
    ("Fri Dec 31 23:59:59 1999", 0.0),
    ("-3", None),
    ("soon", None),
    ("", None),
    ("\u0663", None),
]


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER)
async def test_every_form_of_retry_after(value: str, seconds: float | None) -> None:
    async def limited(call: Call) -> None:
        await call.answer(b"{}", "429 Too Many Requests", f"Retry-After: {value}")

    async with ChaosServer(limited) as server, Setup(base_url=server.url, retries=0) as setup:
        with pytest.raises(RateLimited) as caught:
            await setup.fetch()
        assert caught.value.retry_after == seconds
        assert setup.funnel.budget_left("shop") == (0 if seconds != 0.0 else pytest.approx(500, abs=2))


async def test_a_streak_of_server_errors_opens_the_breaker_and_passes() -> None:
    clock = Ahead()

    async def recovering(call: Call) -> None:
        await (server_errors(call) if call.number <= 5 else call.answer(DONE))

    async with (
        ChaosServer(recovering) as server,
        Setup(base_url=server.url, clock=clock, breaker_pause=60, breaker_failures=5) as setup,
    ):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await setup.fetch()
        assert setup.funnel.breaker_state("shop") is BreakerState.OPEN
        calls = server.calls
        with pytest.raises(Unavailable, match="rest for") as caught:
            await setup.fetch()
        assert caught.value.retry_after is not None
        assert server.calls == calls == 5
        clock.seconds = 61.0
        assert setup.funnel.breaker_state("shop") is BreakerState.HALF_OPEN
        assert (await setup.fetch()).snapshot.status is Status.COMPLETED
        assert setup.funnel.breaker_state("shop") is BreakerState.CLOSED


async def test_credentials_that_are_refused_now_and_then_are_not_retried() -> None:
    async def moody(call: Call) -> None:
        await (refused_credentials(call) if call.number % 2 else call.answer(DONE))

    async with ChaosServer(moody) as server, Setup(base_url=server.url) as setup:
        outcomes: list[Any] = []
        for _ in range(6):
            try:
                outcomes.append((await setup.fetch()).snapshot.status)
            except BatchError as error:
                outcomes.append((error.code, error.source_message))
        refused = (ErrorCode.UNAUTHENTICATED_UPSTREAM, '{"message": "bad key ***"}')
        assert outcomes == [refused, Status.COMPLETED] * 3
        assert setup.funnel.breaker_state("shop") is BreakerState.CLOSED


async def test_answers_out_of_order_reach_their_own_questions() -> None:
    async def backwards(call: Call) -> None:
        number = int(call.path.rsplit("-", 1)[1])
        await asyncio.sleep((20 - number) * 0.005)
        await call.answer(b'{"status": "%s"}' % (b"COMPLETED" if number % 2 else b"IN_PROGRESS"))

    async with ChaosServer(backwards) as server, Setup(base_url=server.url) as setup:
        read = await asyncio.gather(*(setup.fetch(f"b-{number}") for number in range(20)))
        assert [found.snapshot.id for found in read] == [f"b-{number}" for number in range(20)]
        assert [found.snapshot.status is Status.COMPLETED for found in read] == [False, True] * 10


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    """A second answer on an idle connection would be read as the answer to whatever is asked there next."""

    has_come = asyncio.Event()

    async def twice(call: Call) -> None:
        await call.answer(b'{"status": "IN_PROGRESS"}')
        if call.number == 1:
            await asyncio.sleep(0.05)
            await call.answer(DONE)
            has_come.set()

    async with ChaosServer(twice) as server, Setup(base_url=server.url) as setup:
        await setup.fetch("b1")
        await has_come.wait()
        await asyncio.sleep(0.05)  # and is read
        assert (await setup.fetch("b2")).snapshot.status is Status.IN_PROGRESS


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    async def late(call: Call) -> None:
        if call.path == "/b1":
            await asyncio.sleep(0.3)
            await call.answer(DONE)
        else:
            await call.answer(b'{"status": "IN_PROGRESS"}')

    async with ChaosServer(late) as server, Setup(base_url=server.url) as setup:
        with pytest.raises(UpstreamTimeout):
            await setup.fetch("b1", timeout=0.2)
        assert (await setup.fetch("b2", timeout=PATIENCE)).snapshot.status is Status.IN_PROGRESS
        await asyncio.sleep(0.2)
        assert (await setup.fetch("b3", timeout=PATIENCE)).snapshot.status is Status.IN_PROGRESS


class JumpingClock(SystemClock):
    """The wall jumps by years at every look; durations go on as ever."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return super().now() + timedelta(days=365 * (-1) ** self.looks)


async def test_a_wall_clock_that_jumps_changes_no_wait() -> None:
    async def limited(call: Call) -> None:
        if call.number > 1:
            await call.answer(DONE)
            return
        now = datetime.now(UTC)
        date, then = (format_datetime(at, usegmt=True) for at in (now, now + timedelta(seconds=1)))
        await call.answer(b"{}", "429 Too Many Requests", f"Date: {date}", f"Retry-After: {then}")

    loop = asyncio.get_running_loop()
    async with ChaosServer(limited) as server, Setup(base_url=server.url, clock=JumpingClock()) as setup:
        started = loop.time()
        found: Fetched = await setup.fetch(timeout=PATIENCE)
        assert 0.99 <= loop.time() - started < PATIENCE / 2
        assert found.fetched_at.tzinfo is not None


async def test_a_connection_that_breaks_is_not_asked_again_behind_the_budget() -> None:
    """Every call that reaches the marketplace is one that the budget counted."""

    async def moody(call: Call) -> None:
        await (call.answer(DONE) if call.number == 1 else close_without_a_word(call))

    async with ChaosServer(moody) as server, Setup(base_url=server.url, retries=0, limit="100/m") as setup:
        await setup.fetch()
        with pytest.raises(Unavailable):
            await setup.fetch()
        assert server.calls == 2
        assert setup.funnel.budget_left("shop") == 98
