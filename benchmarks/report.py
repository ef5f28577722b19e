# SPDX-License-Identifier: GPL-2.0-only
"""Figures, the table that is printed, and the page that is written."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from typing import NamedTuple

from benchmarks.peers import spin

BARE_UNITS = ("x", "bytes", "lines", "steps", "states", "allocations", "MiB")
"""Units that do not depend on how fast the machine is; the rest are times and rates."""


class Figure(NamedTuple):
    """One measured value."""

    benchmark: str
    name: str
    value: float
    unit: str
    """``x``: a ratio within one run; ``steps``: of the model, forward; ``allocations``: of the model, in whose time;
    ``lines``: of Python; bytes, MiB, states of a search, times."""
    bound: str = ""
    """``<=``, ``<`` or ``>=``; empty: nothing is to be reached."""
    target: float = 0.0

    @property
    def met(self) -> bool:
        """Is the target reached?  True where there is none."""
        value, target = self.value, self.target
        return {"": True, "<=": value <= target, "<": value < target, ">=": value >= target}[self.bound]


HEAD = ("benchmark", "figure", "value", "to reach", "")


def sorted_figures(figures: Sequence[Figure]) -> list[Figure]:
    """What means something on any machine first; otherwise in the order of measuring."""
    return sorted(figures, key=lambda figure: figure.unit not in BARE_UNITS)


def cells(figure: Figure) -> tuple[str, str, str, str, str]:
    """One row."""
    target = f"{figure.bound} {number(figure.target)}" if figure.bound else ""
    verdict = "" if not figure.bound else "reached" if figure.met else "MISSED"
    return figure.benchmark, figure.name, f"{number(figure.value)} {figure.unit}", target, verdict


def number(value: float) -> str:
    """Three digits or all before the point, thousands grouped."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(figures: Sequence[Figure]) -> str:
    """Columns for a terminal."""
    rows = [HEAD, *map(cells, sorted_figures(figures))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def page(figures: Sequence[Figure], command: str) -> str:
    """Markdown, with the command that made it and the versions of what was compared, without a date."""
    rows = ["| " + " | ".join(cells(figure)) + " |" for figure in sorted_figures(figures)]
    head = ["| " + " | ".join(HEAD) + " |", "| --- | --- | ---: | ---: | --- |"]
    intro = [
        "# Measured",
        "",
        f"By `{command}`, with {versions()}.",
        "Medians; ratios (x) are between programs that ran in turn in the same run. Ratios and counts come first: they",
        "hold on other machines. Times are those of one small, shared machine, for orientation.",
        "",
    ]
    return "\n".join([*intro, *head, *rows]) + "\n"


def versions() -> str:
    """Python and the packages that are measured or measured against."""
    found = [f"Python {platform.python_version()}"]
    for name in ("textual", "pudb", "numpy"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([*found, *filter(None, [spin.version()])])
