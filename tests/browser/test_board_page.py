"""The board's page and the files it loads, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from graphql import build_schema, parse, validate
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Mount

from gateway.web.assets import Assets
from gateway.web.board import BoardPage

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
BOARD = ROOT / "gateway" / "web" / "board"
PAGE = (BOARD / "index.html").read_text(encoding="utf-8")
MODULES = sorted(path for path in BOARD.rglob("*.js") if path.name != "theme.js")


def client() -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/_assets", Assets()), Mount("/", BoardPage())])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway")


async def test_everything_comes_from_the_gateway_itself() -> None:
    async with client() as http:
        answer = await http.get("/")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        for directive in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
            assert directive in policy.split("; ")
        assert "unsafe" not in policy
        assert "http" not in policy
        for name in re.findall(r'(?:src|href)="(_assets/[^"]+)"', PAGE):
            assert (await http.get(f"/{name}")).status_code == 200, name


def test_nothing_is_inline_and_nothing_is_parsed_as_markup() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)", PAGE) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", PAGE) == []
    for path in BOARD.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path
        )


def test_every_module_is_fetched_at_once() -> None:
    """Not one after the other, as imports are found."""
    preloaded = re.findall(r'modulepreload" href="_assets/board/([^"]+)"', PAGE)
    assert sorted([*preloaded, "main.js"]) == [path.relative_to(BOARD).as_posix() for path in MODULES]


def test_modules_are_loaded_from_beside_them() -> None:
    for path in MODULES:
        for name in re.findall(r"from '([^']+)'", path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"


def test_no_name_stands_twice_among_the_words() -> None:
    """The second would take the place of the first without a word."""
    tables = sorted((BOARD / "words").glob("*.js"))
    assert len(tables) >= 2
    for path in tables:
        places: list[str] = []
        seen: set[tuple[str, ...]] = set()
        for indent, name in re.findall(r"^( +)(\w+):", path.read_text(encoding="utf-8"), re.MULTILINE):
            place = (*places[: len(indent) // 2 - 1], name)
            assert place not in seen, f"{path.name}: {'.'.join(place)}"
            seen.add(place)
            places = list(place)


def test_what_the_page_asks_for_is_there_without_further_facts() -> None:
    named = set(re.findall(r'data-words(?:-label)?="([\w.]+)"', PAGE))
    for path in (BOARD / "words").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for name in named:
            assert re.search(rf"\b{name.rpartition('.')[2]}: *\n? *'", text), f"{path.name}: {name}"


def test_what_it_asks_fits_the_schema() -> None:
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8"))
    documents = re.findall(r"= `(.+?)`;", (BOARD / "documents.js").read_text(encoding="utf-8"), re.DOTALL)
    assert len(documents) == 7
    ref = "ref { source batchId account }"
    error = "error { code message sourceMessage isRetryable retryAfter }"
    for document in documents:
        whole = document.replace("${REF}", ref).replace("${ERROR}", error)
        assert validate(schema, parse(whole)) == []


def test_without_graphiql_there_is_no_link_to_it() -> None:
    assert b'<a href="graphql">' in bytes(BoardPage().page(Headers()).body)
    assert b"GraphiQL" not in bytes(BoardPage(has_graphiql=False).page(Headers()).body)


def test_page_is_not_sent_twice() -> None:
    page = BoardPage().page(Headers())
    again = BoardPage().page(Headers({"if-none-match": page.headers["etag"]}))
    assert (again.status_code, again.body) == (304, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_it_is_read_alone(method: str) -> None:
    async with client() as http:
        answer = await http.request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
