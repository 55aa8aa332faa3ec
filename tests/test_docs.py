"""What the pages show works: queries validate, commands are understood, links lead somewhere, no code is left out."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from graphql import build_schema, is_enum_type, parse, validate

from adapters.errors import ErrorCode
from gateway.cli.main import COMMANDS
from gateway.config.words import fields, section
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("**/README.md")])
PAGES = [page for page in PAGES if "node_modules" not in page.parts]
MODEL = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
SCHEMA = build_schema((ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8"))

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(#[^)\s]*)?\)")
SOURCES = [path for folder in ("adapters", "gateway") for path in (ROOT / folder).rglob("*.py")]
ONE_SETTING = re.compile(r"`\[?(\w+)\]?\.(\w+)`")


class Block(NamedTuple):
    """One fenced block of a page."""

    page: Path
    number: int
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.name}-{self.number}"


def blocks(*languages: str) -> list[Block]:
    found = [
        Block(page, number, match[2], match[3])
        for page in PAGES
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), start=1)
    ]
    return [block for block in found if block.language in languages]


def each(chosen: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", chosen, ids=[block.id for block in chosen])


@each(blocks("graphql"))
def test_queries_validate(block: Block) -> None:
    assert validate(SCHEMA, parse(block.text)) == []


@each(blocks("sh", "console"))
def test_queries_within_commands_validate(block: Block) -> None:
    for body in re.findall(r"(?:-d|--data) '([^']*)'", block.text):
        assert validate(SCHEMA, parse(json.loads(body)["query"])) == []


def command_lines() -> Iterator[str]:
    for block in blocks("sh", "console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            plain = line.strip().removeprefix("$ ").split(" #")[0].strip()
            found = re.search(r"(?:^|/)batch-gateway ([^|>&;]+)", plain)
            if found:
                yield found[1].strip()


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_commands_are_understood(line: str) -> None:
    words = shlex.split(line)
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(f"gateway.cli.{words[0]}").add(parser.add_subparsers())
    assert callable(parser.parse_args(words).run)


def test_commands_named_in_the_text_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`batch-gateway ([a-z]+)", page.read_text(encoding="utf-8")):
            assert name in COMMANDS, f"{page.name} names {name}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for block in blocks("sh"):
        for name in re.findall(r"^make ([a-z]+)", block.text, re.MULTILINE):
            assert name in targets, f"{block.id} names make {name}"


def test_settings_named_in_the_text_exist() -> None:
    sections = {
        name: set(fields(kind))
        for name, field in Settings.model_fields.items()
        if (kind := section(field.annotation)) is not None
    }
    events = set(re.findall(r'"(\w+\.\w+)[" :]', "".join(path.read_text() for path in SOURCES)))
    for page in PAGES:
        for group, key in ONE_SETTING.findall(page.read_text(encoding="utf-8")):
            is_known = group not in sections or key in sections[group] or f"{group}.{key}" in events
            assert is_known, f"{page.name} names {group}.{key}"


def test_links_and_their_anchors_lead_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target, anchor in LINK.findall(text):
            path = (page.parent / target) if target else page
            assert path.exists(), f"{page.name} links to {target}"
            if anchor and path.suffix == ".md":
                assert anchor[1:] in anchors(path), f"{page.name} links to {target}{anchor}"


def anchors(page: Path) -> set[str]:
    """The names that headings get on the web."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (unicodedata.normalize("NFC", title).lower().replace("`", "") for title in titles)
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        linked = [(page.parent / target).resolve() for target, _ in LINK.findall(page.read_text(encoding="utf-8"))]
        waiting += [path for path in linked if path.suffix == ".md"]
    assert {page for page in PAGES if page.parent.name in {"docs", "examples"}} <= reached


@pytest.mark.parametrize(
    "name", ["BatchStatus", "BatchOutcome", "BatchItemStatus", "BatchOperation", "BatchErrorCode", "BatchSource"]
)
def test_the_model_explains_every_value(name: str) -> None:
    enum = SCHEMA.type_map[name]
    assert is_enum_type(enum)
    for value in enum.values:
        told = value.lower().replace("_", "-") if name == "BatchSource" else value
        assert f"`{told}`" in MODEL, f"docs/model.md does not tell of {value}"


def test_the_model_explains_every_code_of_a_request() -> None:
    named = set(re.findall(r"`([A-Z]{3,}(?:_[A-Z]+)*)`", MODEL))
    sources = [ROOT / "gateway" / "limits.py"]
    for folder in ("engine", "transports", "access"):
        sources += (ROOT / "gateway" / folder).rglob("*.py")
    codes = {
        code
        for path in sources
        for code in re.findall(
            r'"([A-Z]{3,}(?:_[A-Z]+)+|UNAUTHENTICATED|OVERLOADED)"', path.read_text(encoding="utf-8")
        )
    }
    assert codes - {"TCP_USER_TIMEOUT"} <= named
    assert {code.value for code in ErrorCode} <= named


def test_the_model_explains_every_close_code() -> None:
    codes = {
        code
        for path in (ROOT / "gateway").rglob("*.py")
        for code in re.findall(r"Closing\((\d{4})", path.read_text(encoding="utf-8"))
    }
    assert codes
    for code in codes:
        assert f"| {code} |" in MODEL, code


def test_every_event_of_the_log_is_told() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## Log\n(.*?)^## ", page, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| (`.+?`) \|[^|]*\|([^|]*)\|", section, re.MULTILINE)
    named = {event for events, _ in rows for event in re.findall(r"`(\w+\.\w+)`", events)}
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    written = re.findall(r'log\.(?:info|warning|error|exception|log)\(\s*(?:level, )?"(\w+\.\w+)', code)
    assert set(written) <= named
    assert all(f'"{event}' in code for event in named)
    # what every line has anyway would hide a field of the same name
    fields_told = {field for _, told in rows for field in told.strip().split(", ")}
    assert not fields_told & {"time", "level", "event", "logger", "request_id"}


def test_shell_examples_are_shell(tmp_path: Path) -> None:
    for block in blocks("sh"):
        done = subprocess.run(["sh", "-n"], input=block.text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{block.id}: {done.stderr}"
