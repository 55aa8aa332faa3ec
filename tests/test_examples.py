"""Every example, as its reader runs it, against a real gateway: from nothing to a full progress bar."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.browser.guarded import guarded_gateway
from tests.demo_gateway import demo_gateway, free_port
from tests.needs import need

EXAMPLES = Path(__file__).parent.parent / "examples"
HOW = "Node.js 20 or later, then .ci/install-examples"
NO_LONGER_THAN = 120
ENDS = [("partly-failed", 1), ("done", 0)]

SHELL = ["sh", "curl/batch.sh"]
PYTHON = [sys.executable, "python/progress.py"]
GRAPHQL_WS = ["node", "graphql-ws/progress.mjs"]
APOLLO = ["node", "apollo/build/progress.js"]


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    with demo_gateway() as url:
        yield url


def run(command: list[str], expected: int = 0, cwd: Path = EXAMPLES) -> str:
    """What the example printed, once it ended as expected."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=NO_LONGER_THAN, check=False)
    assert done.returncode == expected, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(command: list[str], gateway: str, story: str, ends: int) -> None:
    """A bar that only grows, and is full at the end."""
    told = run([*command, gateway, f"{story}-{uuid4().hex[:8]}"], ends)
    bars = [int(percent) for percent in re.findall(r"\[[# ]{20}\] +(\d+) ?%", told)]
    assert bars == sorted(bars)
    assert bars[-1] == 100
    assert "COMPLETED" in told
    assert len(bars) > 1 or story == "done"


@pytest.mark.slow
@pytest.mark.parametrize("command", [SHELL, PYTHON], ids=["curl", "python"])
def test_where_no_gateway_answers_no_batch_has_failed(command: list[str]) -> None:
    run([*command, f"http://127.0.0.1:{free_port()}", "x"], expected=2)


def node_example(name: str) -> None:
    need("node", is_there=shutil.which("node") is not None, how=HOW)
    need("node", is_there=(EXAMPLES / name / "node_modules" / "graphql").is_dir(), how=HOW)


@pytest.mark.slow
@pytest.mark.parametrize(("story", "ends"), ENDS)
def test_curl(gateway: str, story: str, ends: int) -> None:
    need("curl", is_there=shutil.which("curl") is not None, how="install curl")
    follow(SHELL, gateway, story, ends)


@pytest.mark.slow
@pytest.mark.parametrize(("story", "ends"), ENDS)
def test_python(gateway: str, story: str, ends: int) -> None:
    follow(PYTHON, gateway, story, ends)


@pytest.mark.slow
@pytest.mark.parametrize(("story", "ends"), ENDS)
def test_graphql_ws(gateway: str, story: str, ends: int) -> None:
    node_example("graphql-ws")
    follow(GRAPHQL_WS, gateway, story, ends)


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with guarded_gateway() as gateway:
        yield gateway.direct


@pytest.mark.slow
def test_graphql_ws_ends_where_the_token_is_refused(guarded: str) -> None:
    node_example("graphql-ws")
    run([*GRAPHQL_WS, guarded, "x"], expected=2)


@pytest.mark.slow
def test_apollo_ends_where_the_token_is_refused(apollo: None, guarded: str) -> None:
    run([*APOLLO, guarded, "x"], expected=2)


@pytest.fixture(scope="module")
def apollo() -> None:
    node_example("apollo")
    run(["npm", "run", "--silent", "build"], cwd=EXAMPLES / "apollo")


@pytest.mark.slow
@pytest.mark.parametrize(("story", "ends"), ENDS)
def test_apollo(apollo: None, gateway: str, story: str, ends: int) -> None:
    follow(APOLLO, gateway, story, ends)


@pytest.mark.slow
def test_a_misspelt_field_does_not_compile(apollo: None, tmp_path: Path) -> None:
    """The types come from our SDL: a client that asks for what is not there is told before it runs."""
    copy = tmp_path / "examples" / "apollo"
    shutil.copytree(EXAMPLES / "apollo", copy, ignore=shutil.ignore_patterns("node_modules", "build"))
    (copy / "node_modules").symlink_to(EXAMPLES / "apollo" / "node_modules")
    batch = copy / "src" / "batch.ts"
    batch.write_text(batch.read_text().replace("    failedCount\n", "    failedCuont\n"))
    told = run(["node_modules/.bin/tsc", "--noEmit"], 2, copy)
    assert "failedC" in told


@pytest.mark.slow
def test_what_the_demo_says_to_try_can_be_tried() -> None:
    """As printed: a shell of the reader's own finds the command too."""
    need("curl", is_there=shutil.which("curl") is not None, how="install curl")
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            words = ""
            while not words.endswith("Ctrl-C ends everything.\n"):
                line = demo.stdout.readline()
                assert line, "the demo did not start"
                words += line
            query, subscription = re.findall(r"^ +(curl(?:.*\\\n)*.*)$", words, re.MULTILINE)
            assert "errors" not in run(["sh", "-c", query])
            assert run(["sh", "-c", subscription]).count('"SUCCEEDED"') == 4
            [watch] = re.findall(r"Or with progress bars: (.+)$", words, re.MULTILINE)
            assert run(["sh", "-c", watch.replace("slow-", "done-")], cwd=EXAMPLES.parent).count("SUCCEEDED") == 2
        finally:
            demo.send_signal(signal.SIGINT)


@pytest.mark.parametrize("name", ["graphql-ws", "apollo"])
def test_lock_files_pin_everything_and_name_no_host(name: str) -> None:
    text = (EXAMPLES / name / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "resolved" not in text
    assert all("integrity" in package for path, package in packages.items() if path)
