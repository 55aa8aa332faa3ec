"""The image, without a container engine: the file is linted, and its own commands build a gateway that then runs."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.sandbox.accounts import accounts_toml, sandbox_accounts
from tests.demo_gateway import free_port

ROOT = Path(__file__).parent.parent
OPT = "/opt/batch-gateway"
BUILD_TOOLS = {"pip", "setuptools", "wheel", "ensurepip"}


class Instruction(NamedTuple):
    name: str
    value: str


def stages() -> list[list[Instruction]]:
    """The file's instructions, by stage."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found: list[list[Instruction]] = []
    for line in lines:
        name, value = line.split(None, 1)
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, re.sub(r"\s+", " ", value)))
    return found


def values(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.value for instruction in stage if instruction.name == name]


BUILD, RESULT = stages()


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for value in values(RESULT, "ENV") for pair in shlex.split(value))


def health_check() -> list[str]:
    [check] = values(RESULT, "HEALTHCHECK")
    return json.loads(check.split("CMD", 1)[1])


def is_sent(path: str) -> bool:
    """Whether `.dockerignore` lets a path of the repository into the build. The last rule that matches counts."""
    sent = True
    for rule in (ROOT / ".dockerignore").read_text().split():
        pattern = rule.removeprefix("!")
        parts = path.split("/")
        ways = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        ways += parts if pattern.startswith("**/") else []
        if any(fnmatch.fnmatchcase(way, pattern.removeprefix("**/")) for way in ways):
            sent = rule.startswith("!")
    return sent


def test_both_stages_stand_on_one_pinned_tag() -> None:
    bases = [stage[0].value.split()[0] for stage in (BUILD, RESULT)]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases[0])


def test_the_result_has_no_build_tools_and_runs_as_nobody() -> None:
    runs = " ".join(values(RESULT, "RUN"))
    assert "pip install" not in runs
    assert "apt" not in runs
    for tool in BUILD_TOOLS:
        assert tool in runs, f"{tool} stays"
    [user] = values(RESULT, "USER")
    assert user.isdecimal()
    assert int(user) >= 1000
    names = [instruction.name for instruction in RESULT]
    assert "RUN" not in names[names.index("USER") :]
    assert values(RESULT, "STOPSIGNAL") == ["SIGTERM"]
    assert f"--from=build {OPT} {OPT}" in values(RESULT, "COPY")
    assert not values(BUILD, "ADD") + values(RESULT, "ADD")


def test_commands_are_started_without_a_shell_that_would_keep_signals() -> None:
    for name in ("ENTRYPOINT", "CMD"):
        [value] = values(RESULT, name)
        assert isinstance(json.loads(value), list)
    compile(health_check()[2], "HEALTHCHECK", "exec")


def test_the_health_check_asks_where_the_gateway_answers() -> None:
    port = variables()["BATCH_GATEWAY_SERVER__PORT"]
    assert f"http://127.0.0.1:{port}/healthz" in health_check()[2]
    assert values(RESULT, "EXPOSE") == [port]
    assert variables()["XDG_DATA_HOME"] in values(RESULT, "VOLUME")


def test_what_is_copied_is_sent_and_nothing_secret_is() -> None:
    for value in values(BUILD, "COPY"):
        *sources, _ = shlex.split(value)
        for source in sources:
            assert (ROOT / source).exists(), source
            assert is_sent(source), source
    for path in ("gateway.toml", ".env", ".git/config", "tests/test_app.py", "gateway/__pycache__/app.cpython-311.pyc"):
        assert not is_sent(path), path
    assert is_sent("gateway/web/vendor/x.js")


class Built(NamedTuple):
    prefix: Path
    """What the image has in /opt/batch-gateway."""

    def run(self, *command: str, **more: object) -> subprocess.CompletedProcess[str]:
        options = {"text": True, "capture_output": True, "timeout": 120, **more}
        return subprocess.run(command, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The build stage's own commands, run in a clean environment with the files that the build is sent."""
    folder = tmp_path_factory.mktemp("image")
    tools, source, prefix = folder / "tools", folder / "source", folder / "result"
    subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    source.mkdir()
    environ = {**os.environ, "PATH": f"{tools}/bin:{os.environ['PATH']}", "EXTRAS": ""}
    environ.pop("PYTHONPATH", None)
    for instruction in BUILD:
        if instruction.name == "COPY":
            *sources, target = shlex.split(instruction.value)
            for name in sources:
                _copy(ROOT / name, source / target / ("" if target != "./" else name))
        elif instruction.name == "RUN":
            command = instruction.value.replace(OPT, str(prefix))
            shell = ["sh", "-ec", command]
            ran = subprocess.run(shell, check=False, cwd=source, env=environ, text=True, capture_output=True)
            assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return Built(prefix)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy(source, target)
        return

    def unsent(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if not is_sent(str((Path(folder) / name).relative_to(ROOT)))]

    shutil.copytree(source, target, ignore=unsent)


@pytest.mark.slow
def test_the_build_has_the_gateway_and_no_tools(built: Built) -> None:
    names = {path.name.split("-")[0] for path in (built.prefix / "lib").glob("python3.*/site-packages/*")}
    assert not names & BUILD_TOOLS
    assert not names & {"pytest", "hypothesis", "ruff", "pyright", "opentelemetry"}
    for package in ("adapters", "gateway", "schema"):
        assert package in names
    ran = built.run(f"{built.prefix}/bin/batch-gateway", "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    [size] = [built.run("du", "-sm", str(built.prefix)).stdout.split()[0]]
    assert int(size) < 200, "megabytes"


@pytest.mark.slow
def test_the_build_checks_a_configuration(built: Built, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(accounts_toml(sandbox_accounts("http://127.0.0.1:9")))
    ran = built.run(f"{built.prefix}/bin/batch-gateway", "check", "--config", str(config), cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "trendyol-demo" in ran.stdout


@contextlib.contextmanager
def serving(built: Built, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`serve` as the image starts it: its variables, a working folder that cannot be written to, data beside it."""
    data, work, config = folder / "data", folder / "work", folder / "gateway.toml"
    for made in (data, work):
        made.mkdir()
    config.write_text("[server]\nallow_anonymous = true\n\n" + accounts_toml(sandbox_accounts("http://127.0.0.1:9")))
    work.chmod(0o555)
    own = {
        **variables(),
        "PATH": f"{built.prefix}/bin:/usr/bin:/bin",
        "XDG_DATA_HOME": str(data),
        "BATCH_GATEWAY_SERVER__HOST": "127.0.0.1",
        "BATCH_GATEWAY_SERVER__PORT": str(port),
    }
    command = [f"{built.prefix}/bin/batch-gateway", "serve", "--config", str(config)]
    with subprocess.Popen(command, cwd=work, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.slow
def test_the_build_serves_is_healthy_and_ends_at_sigterm(built: Built, tmp_path: Path) -> None:
    port = free_port()
    before = _files(built.prefix)
    with serving(built, tmp_path, port) as process:
        _, *check = [word.replace("8000", str(port)) for word in health_check()]
        deadline = time.monotonic() + 90
        while built.run(f"{built.prefix}/bin/python", *check).returncode != 0:
            assert time.monotonic() < deadline, "never healthy"
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr is not None
        told = process.stderr.read().decode()
    assert "store.unusable" not in told
    assert (tmp_path / "data" / "batch-gateway" / "gateway.sqlite3").exists()
    assert list((tmp_path / "work").iterdir()) == []
    assert _files(built.prefix) == before


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
