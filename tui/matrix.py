# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug matrix``: scenarios by variants, as a table or as records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelmodel import scenario as scenarios
from kernelmodel.matrix import Cell, Column, columns, default_variants, row
from kernelmodel.scenario import ScenarioError
from kernelmodel.scenario.faults import printable
from kernelmodel.scenario.keys import unknown_variant
from kernelmodel.trace import Record, record
from kernelmodel.variant_names import VARIANTS
from tui.headless import FAILED, OK, USAGE, files, refuse

if TYPE_CHECKING:
    from tui.headless import Output

PROGRAM = "thp-debug matrix"
WIDTH = 120
MOST_NAME, MOST_CELL = 40, 16
"""Columns that a scenario's name and a cell may take; what is longer is cut in the text."""


def matrix(names: list[str], variants: list[str], out: Output) -> int:
    """``matrix``: 1 if a cell is not as its file expects, 2 if a file is not good (the others are run all the same)."""
    wrong = [unknown_variant(each) for each in dict.fromkeys(variants) if each not in VARIANTS]
    if wrong:
        return refuse(out, PROGRAM, wrong)
    heads = list(dict.fromkeys(variants)) or default_variants()
    found: dict[str, list[Cell]] = {}
    bad = False
    for name in files(names):
        try:
            found[name] = row(scenarios.load(name), heads)
        except ScenarioError as error:
            out.problems(error.errors)
            bad = True
            continue
        for cell in found[name] if out.form == "ndjson" else ():
            out.put(cell_record(name, cell))
    if not found and not bad:
        bad = True
        refuse(out, PROGRAM, [("no scenario there", "")])
    cells = [cell for each in found.values() for cell in each]
    failed = sum(bool(cell.why) for cell in cells)
    if out.form == "ndjson":
        lacking = sum(cell.outcome is None for cell in cells)
        out.put(record("summary", scenarios=len(found), variants=heads, failed=failed, not_run=lacking))
    elif found:
        table = markdown if out.form == "markdown" else text
        for line in (*table(short_names(list(found)), columns(list(found.values()))), *remarks(found)):
            out.line(line)
    return USAGE if bad else FAILED if failed else OK


def cell_record(name: str, cell: Cell) -> Record:
    """One cell; ``ok`` only where the file expects something."""
    of = cell.outcome
    return record(
        "cell", scenario=name, variant=cell.variant, text=cell.text, ok=not cell.why if cell.expected else None,
        why=list(cell.why) or None, note=cell.note or None, events=list(of.events) if of else None,
        results=list(of.results) if of else None,
        orders=list(of.orders) if of else None, end=of.end if of else None, token=(of.token if of else "") or None,
    )  # fmt: skip


def short_names(names: list[str]) -> list[str]:
    """Without the folder that they have in common, and without ``.toml``; fit for a line."""
    parts = [printable(name).removesuffix(".toml").split("/") for name in names]
    common = 0
    while len({tuple(each[: common + 1]) for each in parts}) == 1 and min(map(len, parts)) > common + 1:
        common += 1
    return ["/".join(each[common:]) for each in parts]


# -- tables ------------------------------------------------------------------------------------------
def text(names: list[str], table: Sequence[Column]) -> list[str]:
    """At most 120 columns: what does not fit is a further table under the first."""
    names = [cut(name, MOST_NAME) for name in names]
    first = max(map(len, (*names, "scenario")))
    shown = [[column.head, *(cut(mark(cell), MOST_CELL) for cell in column.cells)] for column in table]
    parts: list[list[list[str]]] = []
    used = WIDTH
    for column in shown:
        wide = max(map(len, column)) + 2
        if used + wide > WIDTH:
            parts.append([])
            used = first
        parts[-1].append(column)
        used += wide
    lines: list[str] = []
    for part in parts:
        lines += [""] if lines else []
        widths = [max(map(len, column)) for column in part]
        for n, name in enumerate(("scenario", *names)):
            rest = "".join(f"  {column[n]:<{width}}" for column, width in zip(part, widths, strict=True))
            lines.append(f"{name:<{first}}{rest}".rstrip())
    return lines


def markdown(names: list[str], table: Sequence[Column]) -> list[str]:
    """One table, however wide."""
    rows = [["scenario", *(column.head for column in table)], ["---"] * (len(table) + 1)]
    rows += [[name, *(mark(column.cells[n]) for column in table)] for n, name in enumerate(names)]
    return ["| " + " | ".join(word.replace("|", "\\|").replace("*", "\\*") for word in each) + " |" for each in rows]


def mark(cell: Cell) -> str:
    """What stands in the table: ``!`` behind what is not as expected."""
    return f"{cell.text}!" if cell.why else cell.text


def cut(words: str, most: int) -> str:
    """No longer than that; the sign behind a cell stays."""
    sign = "!" if words.endswith("!") else ""
    return words if len(words) <= most else words[: most - 2 - len(sign)] + ".." + sign


def remarks(found: dict[str, list[Cell]]) -> list[str]:
    """Under the table: what is not as expected, and why a scenario was not run."""
    lines = []
    for name, cells in found.items():
        lines += [printable(f"! {name} [{cell.variant}]: {why}") for cell in cells for why in cell.why]
        lacking = [cell for cell in cells if cell.note]
        if lacking:
            lines.append(f"n/a [{', '.join(cell.variant for cell in lacking)}]: {lacking[0].note}")
    return ["", *lines] if lines else []
