"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.load import Load


def markdown(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table under a heading; figures stand to the right."""
    lines = [
        f"\n### {title}\n",
        "| " + " | ".join(columns) + " |",
        "|---|" + "--:|" * (len(columns) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    return "\n".join(lines)


def of_loads(title: str, loads: Mapping[str, Load], beside: Sequence[str]) -> str:
    """Loads, and each one's rate and processor time as multiples of those `beside`."""
    known = [name for name in beside if name in loads]
    columns = ["", "requests/s", *(f"x {name}" for name in known), "p50 ms", "p99 ms", "CPU µs", "CPU of ours"]
    first = next(iter(loads.values()))
    rows = [
        [
            name,
            f"{load.rate:,.0f}",
            *(f"{load.rate / loads[other].rate:.2f}" for other in known),
            f"{load.p50 * 1e3:.2f}",
            f"{load.p99 * 1e3:.2f}",
            f"{load.cpu * 1e6:,.0f}",
            f"{load.cpu / first.cpu:.2f}",
        ]
        for name, load in loads.items()
    ]
    return markdown(title, columns, rows)
