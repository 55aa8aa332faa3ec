"""How a watch is shown: bars on a terminal, lines in a pipe, JSON for scripts."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gateway.cli.console import results
from gateway.cli.seen import Seen
from gateway.cli.table import plain

_STYLES: Final = {"FAILED": "red", "PARTIALLY_SUCCEEDED": "yellow", "SUCCEEDED": "green"}


class View(AbstractContextManager["View"], Protocol):
    """Shows updates as they come."""

    def show(self, seen: Seen) -> None:
        """Show one update."""
        ...


class Lines:
    """One line for each update; also the words of the bars."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def show(self, seen: Seen) -> None:
        """Print the line at once: whoever reads the pipe is waiting for it."""
        line = f"{plain(seen.ref)}  {plain(words(seen))}"
        print(" ".join(line.split("\n")), flush=True)  # whatever a marketplace says, it is one line


class JsonLines(Lines):
    """One JSON object on a line for each update."""

    def show(self, seen: Seen) -> None:
        """Print the object."""
        print(msgspec.json.encode(seen.as_dict()).decode(), flush=True)


class Bars:
    """A bar for each batch, kept when it has ended."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[ref]}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=results(),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, seen: Seen) -> None:
        """Move the batch's bar."""
        if seen.ref not in self._tasks:
            self._tasks[seen.ref] = self._progress.add_task("", total=None, ref=str(plain(seen.ref)))
        known = seen.progress if seen.progress is not None else (1.0 if seen.is_final and seen.status else None)
        task = self._tasks[seen.ref]
        self._progress.update(
            task,
            total=None if known is None else 1.0,
            completed=known or 0.0,
            description=str(plain(words(seen))),
        )
        if seen.is_final:
            self._progress.stop_task(task)


def view(*, as_json: bool) -> View:
    """The view for where the output goes."""
    if as_json:
        return JsonLines()
    return Bars() if sys.stdout.isatty() else Lines()


def words(seen: Seen) -> str:
    """Where the batch stands: `IN_PROGRESS 40 % (400 of 1,000, 3 failed)`."""
    parts = [seen.outcome or seen.status or "unknown"]
    if seen.status == "UNKNOWN" and seen.source_status:
        parts.append(f"({seen.source_status})")
    if seen.progress is not None and not seen.outcome:
        parts.append(f"{seen.progress:.0%}")
    if seen.counts.total is not None:
        parts.append(_counts(seen))
    if seen.error_code:
        parts.append(f"{seen.error_code}: {seen.error_message}")
    return " ".join(parts)


def _counts(seen: Seen) -> str:
    counts = seen.counts
    done = (counts.succeeded or 0) + (counts.failed or 0)
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"({done:,} of {counts.total:,}{failed})"
