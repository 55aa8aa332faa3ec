"""A marketplace is added by the steps of CONTRIBUTING.md and no others: a fictional one, in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FICTIONAL = ROOT / "tests" / "fictional" / "harbour"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PARTS = ("adapters", "docs", "gateway", "schema", "tests", "README.md", "pyproject.toml")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules", "bench", "browser", "clients", "fictional")

CONTRACT = (
    "tests/test_adapters.py",
    "tests/test_adapters_properties.py",
    "tests/test_layers.py",
    "tests/test_sandbox_stories.py",
    "tests/test_schema.py",
)

ASK = """
import httpx
from tests.demo_gateway import demo_gateway

QUERY = '''{
  awaitBatch(ref: {source: HARBOUR, id: "partly-failed-n8-1"}, timeout: 20) {
    __typename
    ... on NormalizedBatch { marketplace status outcome itemCount failedCount failureSummary { code message count } }
    ... on HarbourBatch { pier items(status: FAILED) { nodes { key ... on HarbourItem { price } } } }
  }
  harbourBatch(id: "done-n2-2") { outcome }
  marketplaces { marketplace title sources }
}'''

with demo_gateway() as url:
    answer = httpx.post(f"{url}/graphql", json={"query": QUERY}, timeout=30).json()
batch = answer["data"]["awaitBatch"]
assert "errors" not in answer, answer
assert batch["__typename"] == "HarbourBatch", batch
assert (batch["marketplace"], batch["pier"]) == ("HARBOUR", "North 4"), batch
assert (batch["status"], batch["outcome"]) == ("COMPLETED", "PARTIALLY_SUCCEEDED"), batch
assert (batch["itemCount"], batch["failedCount"]) == (8, 2), batch
assert {group["code"] for group in batch["failureSummary"]} == {None, "PAPERS_MISSING"}, batch
assert [node["price"] for node in batch["items"]["nodes"]] == ["12.5", "99.9"], batch
assert answer["data"]["harbourBatch"]["outcome"] == "SUCCEEDED", answer
assert {"marketplace": "HARBOUR", "title": "Harbour", "sources": ["HARBOUR"]} in answer["data"]["marketplaces"], answer
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with one marketplace more."""
    copy = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=NOT_COPIED)
        else:
            shutil.copy(source, copy / part)
    add_harbour(copy)
    return copy


def add_harbour(tree: Path) -> None:
    """Three things of its own, a line in each registry, the kept SDL written anew."""
    shutil.copy(FICTIONAL / "adapter.py", tree / "adapters" / "harbour.py")
    shutil.copy(FICTIONAL / "schema.py", tree / "schema" / "batches" / "harbour.py")
    shutil.copytree(FICTIONAL / "recorded", tree / "adapters" / "recorded" / "harbour")
    registry = tree / "adapters" / "registry.py"
    insert(registry, "from adapters.idefix import Idefix\n", "from adapters.harbour import Harbour\n")
    insert(registry, '        "trendyol": Trendyol(),\n', '        "harbour": Harbour(),\n')
    registry = tree / "schema" / "registry.py"
    replace(registry, "from schema.batches import idefix", "from schema.batches import harbour, idefix")
    insert(registry, '        "trendyol": trendyol.FACE,\n', '        "harbour": harbour.FACE,\n')
    (tree / "schema" / "schema.graphql").write_text(run(tree, "-m", "gateway", "schema"), encoding="utf-8")


def insert(path: Path, before: str, line: str) -> None:
    replace(path, before, line + before)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has no single {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(tree: Path, *arguments: str) -> str:
    """What Python printed, in the tree and with its modules."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "BATCH_GATEWAY"))}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**environment, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_contributing_names_every_step() -> None:
    [steps] = re.findall(r"^## Add a marketplace$(.*?)(?=^## )", CONTRIBUTING, re.DOTALL | re.MULTILINE)
    for path in (
        "adapters/<name>.py",
        "schema/batches/<name>.py",
        "adapters/recorded/<name>/",
        "story.json",
        "adapters/registry.py",
        "schema/registry.py",
        "schema/schema.graphql",
    ):
        assert path in steps, path


@pytest.mark.slow
def test_the_contract_tests_hold_for_it(tree: Path) -> None:
    told = run(tree, "-m", "pytest", "-q", "-n", "0", *CONTRACT)
    assert " passed" in told


@pytest.mark.slow
def test_it_answers_over_its_sandbox(tree: Path) -> None:
    run(tree, "-c", ASK)
