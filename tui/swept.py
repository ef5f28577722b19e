# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug sweep``: many machines, and how often each size fell back on them: a table, records, a plot."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kernelmodel.arch import ARCHES
from kernelmodel.scenario.edit import EditError, edit_all
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.sweep import (
    MAX_MACHINES,
    Axis,
    AxisError,
    Point,
    Progress,
    Rate,
    Row,
    Size,
    count,
    machines,
    parse_axis,
    rows,
    sweep,
)
from kernelmodel.trace import Record, record
from tui.headless import FAILED, INTERRUPTED, OK, USAGE, UsageError, load

if TYPE_CHECKING:
    from kernelmodel.scenario.types import Scenario
    from tui.headless import Output

PROGRAM = "thp-debug sweep"
BAR = 30
"""Columns of a bar in the terminal."""
MOST_TROUBLES = 8


def sweep_command(
    name: str, variant: str | None, settings: list[str], jobs: int | None, svg: str | None, out: Output
) -> int:
    """``sweep``: 0; 1 if a machine ended with a bug or blocked; 2 if one could not be; 130 if interrupted."""
    axes = read_axes(settings)
    scenario = load(name, out, variant)
    try_out(scenario, axes, svg)
    total = count(axes)
    points, complete = sweep(scenario, axes, jobs or min(os.cpu_count() or 1, total), progress(out))
    out.passing("")
    table = rows(axes, points)
    if out.form == "ndjson":
        for point in points:
            out.put(point_record(scenario, point))
        for row in table:
            out.put(row_record(scenario, row))
        out.put(record("summary", machines=len(points), of=total, complete=complete))
    else:
        for line in text(scenario, axes, table):
            out.line(line)
    if svg is not None:
        from tui.swept_svg import picture

        Path(svg).write_text(picture(scenario, axes, table), encoding="utf-8")
        out.note(f"{PROGRAM}: the plot is in {svg}")
    troubles = dict.fromkeys(point.trouble for point in points if point.trouble)
    for trouble in list(troubles)[:MOST_TROUBLES]:
        first = next(point for point in points if point.trouble == trouble)
        out.note(f"{PROGRAM}: {' '.join(f'{key}={value}' for key, value in first.settings)}: {trouble}")
    if len(troubles) > MOST_TROUBLES:
        out.note(f"{PROGRAM}: and {len(troubles) - MOST_TROUBLES} more troubles")
    if troubles:
        return USAGE
    if not complete:
        out.note(f"{PROGRAM}: interrupted after {len(points):,} of {total:,} machines")
        return INTERRUPTED
    return FAILED if any(point.end != "end" for point in points) else OK


def read_axes(settings: list[str]) -> list[Axis]:
    """All ``--set``; ``UsageError`` with everything that is wrong with them."""
    axes: list[Axis] = []
    wrong = []
    for text_ in settings:
        try:
            axes.append(parse_axis(text_))
        except AxisError as error:
            wrong.append(f"--set {error}")
    keys = [axis.key for axis in axes]
    wrong += [f"--set {key} is there twice" for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if not wrong and not axes:
        wrong.append("nothing to vary: write --set KEY=VALUE,VALUE or --set KEY=FIRST..LAST")
    if not wrong and count(axes) > MAX_MACHINES:
        wrong.append(f"these are {count(axes):,} machines; at most {MAX_MACHINES:,}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return axes


def try_out(scenario: Scenario, axes: list[Axis], svg: str | None) -> None:
    """What can be known before any machine runs: are all keys keys, and can the plot be written?"""
    try:
        edit_all(scenario, next(machines(axes)))
    except EditError as error:
        raise UsageError(f"--set {error.message}") from None
    except ScenarioError:
        pass  # other values may do, and what is wrong with these is told with their machine
    try:
        if svg is not None:
            with Path(svg).open("a", encoding="utf-8"):
                pass
    except (OSError, ValueError) as error:
        raise UsageError(f"--svg {svg}: {getattr(error, 'strerror', None) or error}") from None


def progress(out: Output) -> Progress | None:
    """A bar, where someone can see it."""
    if not out.stderr.isatty():
        return None

    def tell(done: int, total: int) -> None:
        full = BAR * done // total
        out.passing(f"[{'#' * full}{'.' * (BAR - full)}] {done:,} of {total:,} machines")

    return tell


# -- records -------------------------------------------------------------------------------------------
def size_name(scenario: Scenario, order: int) -> str:
    """``64kB``."""
    return f"{(ARCHES[scenario.arch].page_size << order) >> 10}kB"


def counters(size: Size | Rate) -> dict[str, int]:
    """By the names of the files."""
    return {
        "anon_fault_alloc": size.alloc,
        "anon_fault_fallback": size.fallback,
        "anon_fault_fallback_charge": size.fallback_charge,
    }


def point_record(scenario: Scenario, point: Point) -> Record:
    """One machine."""
    return record(
        "machine",
        set=dict(point.settings),
        sizes={size_name(scenario, order): counters(size) for order, size in point.sizes if order},
        order0=dict(point.sizes).get(0, Size()).alloc,
        results=list(point.results),
        end=point.end or None,
        why=point.trouble or None,
        digest=point.digest or None,
    )


def row_record(scenario: Scenario, row: Row) -> Record:
    """One row of the table."""
    return record(
        "rates",
        set=dict(row.settings),
        machines=row.machines,
        failed=row.failed,
        sizes={
            size_name(scenario, each.order): {
                **counters(each), "rate": round(each.rate, 6), "low": round(each.low, 6), "high": round(each.high, 6)
            }
            for each in row.rates
            if not math.isnan(each.rate)
        },
    )  # fmt: skip


# -- text ----------------------------------------------------------------------------------------------
def text(scenario: Scenario, axes: list[Axis], table: list[Row]) -> list[str]:
    """A table, a line a row and size, each with its bar."""
    ranged = [f"{axis.key} {axis.values[0]} … {axis.values[-1]}" for axis in axes if axis.ranged]
    lines = [f"{scenario.title or scenario.name} [{scenario.variant}]"]
    if ranged:
        lines.append(f"each row: all of {', '.join(ranged)}")
    names = [" ".join(f"{key}={value}" for key, value in row.settings) or "all" for row in table]
    width = max((len(name) for name in names), default=0)
    head = f"{'':<{width}}  {'size':>8}  {'alloc':>9}  {'fallback':>9}  {'charge':>7}  {'rate':>7}"
    lines.append(f"{head}  {'one machine':>15}")
    for name, row in zip(names, table, strict=True):
        shown = name
        for each in row.rates:
            lines.append(f"{shown:<{width}}  {_rate_text(scenario, each)}")
            shown = ""
        if not row.rates:
            lines.append(f"{shown:<{width}}  no large folio was tried")
        if row.failed:
            lines.append(f"{'':<{width}}  {row.failed} of {row.machines} machines did not come to their end")
    lines.append("rate = anon_fault_fallback / (anon_fault_alloc + anon_fault_fallback)")
    return lines


def _rate_text(scenario: Scenario, each: Rate) -> str:
    size = size_name(scenario, each.order)
    if math.isnan(each.rate):
        return f"{size:>8}"
    numbers = f"{size:>8}  {each.alloc:>9,}  {each.fallback:>9,}  {each.fallback_charge:>7,}  {each.rate:>7.1%}"
    return f"{numbers}  {each.low:>6.1%} … {each.high:>6.1%}  {bar(each.rate)}".rstrip()


def bar(rate: float) -> str:
    """A bar with eighths of a column."""
    eighths = round(rate * BAR * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
