"""The GraphiQL page and the files it loads, without a browser."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import build_schema, parse, validate
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Mount

from gateway.web.assets import Assets
from gateway.web.graphiql import GraphiQL

pytestmark = pytest.mark.anyio

WEB = Path(__file__).parent.parent / "gateway" / "web"
PAGE = (WEB / "graphiql.html").read_text()
LOADED = re.findall(r'(?:src|href)="([^"]+)"', PAGE)
VENDORED = "/_assets/vendor/react-18.3.1/react.production.min.js"
OWN = "/_assets/static/graphiql.js"


def client(**options: Any) -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/_assets", Assets())])
    transport = httpx.ASGITransport(app=app, **options)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


def policy_of(headers: Any) -> dict[str, list[str]]:
    directives = (part.split() for part in headers["content-security-policy"].split(";"))
    return {name: values for name, *values in directives}


def test_page_forbids_inline_scripts_and_other_hosts() -> None:
    answer = GraphiQL().page(Headers())
    policy = policy_of(answer.headers)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert not any("unsafe" in value or "http" in value for values in policy.values() for value in values)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept"


def test_page_has_nothing_inline() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)", PAGE) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", PAGE) == []


def test_page_is_not_sent_twice() -> None:
    page = GraphiQL().page(Headers())
    again = GraphiQL().page(Headers({"if-none-match": page.headers["etag"]}))
    assert (again.status_code, again.body) == (304, b"")


CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("method", "accept", "is_wanted"),
    [
        ("GET", CHROMIUM, True),
        ("HEAD", CHROMIUM, True),
        ("GET", "text/html", True),
        ("GET", "Text/HTML;q=0.9, application/json;q=0.8", True),
        ("GET", "", False),
        ("GET", "*/*", False),
        ("GET", "application/json, text/html", False),
        ("GET", "text/html;q=0.5, application/graphql-response+json", False),
        ("GET", "text/html;q=0", False),
        ("GET", "text/html;q=much", False),
        ("GET", "text/event-stream", False),
        ("POST", CHROMIUM, False),
    ],
)
def test_page_is_for_browsers_that_open_the_address(method: str, accept: str, *, is_wanted: bool) -> None:
    scope = {"type": "http", "method": method, "query_string": b"v=1", "headers": [(b"accept", accept.encode())]}
    assert GraphiQL().is_wanted(scope) is is_wanted


@pytest.mark.parametrize("asked", [b"query=%7B__typename%7D", b"extensions=%7B%7D"])
def test_a_question_in_the_address_is_answered(asked: bytes) -> None:
    headers = [(b"accept", CHROMIUM.encode())]
    assert not GraphiQL().is_wanted({"type": "http", "method": "GET", "query_string": asked, "headers": headers})


def test_a_socket_never_wants_the_page() -> None:
    assert not GraphiQL().is_wanted({"type": "websocket", "headers": [(b"accept", CHROMIUM.encode())]})


async def test_page_is_an_application() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=GraphiQL()), base_url="http://gateway") as web:
        answer = await web.get("/graphql")
    assert (answer.status_code, answer.text) == (200, PAGE)


async def test_page_loads_only_files_that_are_there_and_names_them_from_where_it_stands() -> None:
    assert LOADED
    async with client() as web:
        for path in LOADED:
            assert path.startswith("_assets/")
            answer = await web.get(f"/{path}")
            assert answer.status_code == 200
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_vendored_files_are_as_published() -> None:
    vendor = WEB / "vendor"
    sums = dict(reversed(line.split()) for line in (vendor / "SHA384SUMS").read_text().splitlines())
    files = [path for path in vendor.rglob("*") if path.suffix in {".js", ".css"}]
    assert sums == {
        path.relative_to(vendor).as_posix(): hashlib.sha384(path.read_bytes()).hexdigest() for path in files
    }


def test_every_vendored_package_names_its_licence() -> None:
    licences = (WEB / "vendor" / "LICENSES.md").read_text()
    folders = [path.name for path in (WEB / "vendor").iterdir() if path.is_dir() and path.name != "licenses"]
    assert len(folders) == 4
    for folder in folders:
        row = next(line for line in licences.splitlines() if line.startswith(f"| `{folder}` |"))
        assert folder.rpartition("-")[2] in row.split("|")[3]
        assert "MIT" in row


def test_examples_fit_the_schema() -> None:
    schema = build_schema((WEB.parent.parent / "schema" / "schema.graphql").read_text())
    examples = re.findall(r"= `([^`]+)`;", (WEB / "static" / "examples.js").read_text())
    assert len(examples) == 5
    for text in examples:
        assert validate(schema, parse(text)) == []
        # The editor shows about fifty signs of a line on a small screen.
        assert max(map(len, text.splitlines())) <= 50


async def test_vendored_files_are_kept_for_good_and_own_ones_asked_for_again() -> None:
    async with client() as web:
        vendored, own = await web.get(VENDORED), await web.get(OWN)
        assert vendored.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert own.headers["cache-control"] == "no-cache"
        assert own.headers["content-type"] == "text/javascript; charset=utf-8"
        for answer in (vendored, own):
            again = await web.get(str(answer.url), headers={"if-none-match": f'"x", W/{answer.headers["etag"]}'})
            assert (again.status_code, again.content) == (304, b"")


async def test_files_are_compressed_for_those_who_can_read_it() -> None:
    async with client() as web:
        zipped = await web.get(VENDORED, headers={"accept-encoding": "br, gzip;q=0.5"})
        plain = await web.get(VENDORED, headers={"accept-encoding": "gzip;q=0"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert int(zipped.headers["content-length"]) < int(plain.headers["content-length"])


async def test_head_tells_the_size_and_sends_nothing() -> None:
    async with client() as web:
        answer = await web.head(VENDORED, headers={"accept-encoding": "identity"})
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == (WEB / VENDORED.removeprefix("/_assets/")).stat().st_size


@pytest.mark.parametrize(
    "path",
    [
        "/_assets/",
        "/_assets/static/",
        "/_assets/static/nothing.js",
        "/_assets/graphiql.py",
        "/_assets/static/../graphiql.py",
        "/_assets/static/%2e%2e/graphiql.py",
        "/_assets//etc/passwd",
        "/_assets/vendor/LICENSES.md",
    ],
)
async def test_nothing_else_is_served(path: str) -> None:
    async with client() as web:
        assert (await web.get(path)).status_code == 404


async def test_only_reading_is_allowed() -> None:
    async with client() as web:
        answer = await web.post(OWN)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_files_are_found_below_a_root_path() -> None:
    async with client(root_path="/below/here") as web:
        assert (await web.get("/below/here" + OWN)).status_code == 200
