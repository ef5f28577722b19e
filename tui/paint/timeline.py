# SPDX-License-Identifier: GPL-2.0-only
"""All decisions in one strip per CPU: a letter for the kind, marks below for present, rejections, what-ifs."""

from __future__ import annotations

from itertools import pairwise

from kernelmodel.decision import STEPS
from kernelmodel.snapshot import Snapshot, TimelineMark
from tui.paint.look import Look, cpu_style
from tui.paint.rows import Row, Seg, merge

GLYPHS = {
    "policy": "O", "uffd": "u", "vma-bounds": "V", "map-pte": "m", "pte-range": "P", "alloc": "A", "charge": "C",
    "step-down": "d", "fallback": "!", "orig-pte": "o", "pmd-gate": "g", "pmd-bounds": "b", "huge-zero": "h",
    "pmd-recheck": "r", "huge-wp": "w", "pte-alloc": "t", "anon-vma": "a", "deferred": "D", "lock": "L",
    "recheck": "R", "retry": "y", "stable": "s", "uffd-missing": "u", "zero-page": "Z", "marker": "k", "wp": "w",
    "wait": "W", "install": "M", "return": ".", "bug": "X", "": "|", **dict.fromkeys(STEPS, ","),
}  # fmt: skip
"""One letter per decision kind; other actors' kinds show their first letter."""


HELP = (
    "One strip per CPU, a letter for each decision (below); ! is a fallback, a comma a quiet step.",
    "Several CPUs: │ where another one goes on; ─ is in the middle of an event, a blank in none",
    "Under it: ▲ you are here   ┴ your cursor   a mark's letter   # forced or answered   - rejected or failed",
    "all: the whole run where it is longer than the window; ─ is in the window, ! holds a fallback",
    "← → move the cursor, Enter goes there   [ ] to the fallback before and next   m marks, ' goes to a mark",
)
MARGIN = 7
"""Columns before the strips."""

Cells = tuple[TimelineMark | None, ...]
"""What stands in the columns of the strips: a step; None where the run switches to another CPU."""


def title(snap: Snapshot, look: Look) -> str:
    """Fallbacks and marks, as addresses for ``goto``."""
    words = f"timeline 0..{snap.last}"
    marks = [f"{name}=#{step}" for name, step in sorted(look.marks.items())]
    for label, found in (("marks", marks), ("fallbacks", [f"#{step}" for step in snap.fallbacks])):
        if found:
            words += f"  {label} {' '.join(found[:6])}{' …' if len(found) > 6 else ''}"
    return words


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Overview and ruler where there is room, one strip per CPU (that of the present among them), one row of marks."""
    cells = window(snap, width - MARGIN)
    if not cells:
        return []
    rows = [_strip(cells, cpu, snap, look) for cpu in _cpus(cells, snap, max(height - 1, 1))]
    rows.append(_below(cells, snap, look))
    if height > len(rows) and _longer(cells, snap):
        rows.insert(0, _overview(cells, snap, look, width - MARGIN))
    if height > len(rows):
        rows.insert(0, _ruler(cells))
    return rows


def strip(snap: Snapshot, look: Look, width: int) -> Row:
    """The whole timeline in one row, for the message line of a small terminal; a CPU's number where it goes on."""
    cells = window(snap, width - 8)
    several = len(snap.cpus) > 1
    out: list[Seg] = [(f" #{snap.step} ".ljust(7), "dim")]
    if several and cells and cells[0] is not None:
        out.append((str(cells[0].cpu), f"{cpu_style(cells[0].cpu)} on"))
    for at, mark in enumerate(cells):
        if mark is not None:
            out.append((_glyph(mark), _style(mark, snap, look)))
        elif (following := next((each for each in cells[at:] if each is not None), None)) is not None:
            out.append((str(following.cpu), f"{cpu_style(following.cpu)} on"))
    return tuple(out)


def window(snap: Snapshot, width: int) -> Cells:
    """At most ``width`` columns with the present among them."""
    cells: Cells = snap.timeline if len(snap.cpus) == 1 else _switching(snap.timeline)
    if len(cells) <= width:
        return cells
    present = (place for place, mark in enumerate(cells) if mark is not None and mark.step >= snap.step)
    begin = max(0, min(next(present, len(cells)) - width * 2 // 3, len(cells) - width))
    return cells[begin : begin + width]


def _switching(marks: tuple[TimelineMark, ...]) -> Cells:
    cells: list[TimelineMark | None] = list(marks[:1])
    for before, mark in pairwise(marks):
        cells += (None, mark) if mark.cpu != before.cpu else (mark,)
    return tuple(cells)


def step_at(snap: Snapshot, width: int, height: int, x: int, y: int) -> int:
    """The step that column ``x`` of row ``y`` of the painted pane shows, -1 if none."""
    cells = window(snap, width - MARGIN)
    place = x - MARGIN
    rows = len(_cpus(cells, snap, max(height - 1, 1))) + 1
    overview = height > rows and _longer(cells, snap)
    if overview and y == int(height > rows + 1):
        buckets = max(min(width - MARGIN, snap.last + 1), 1)
        return place * (snap.last + 1) // buckets if 0 <= place < buckets else -1
    mark = cells[place] if 0 <= place < len(cells) else None
    return mark.step if mark is not None else -1


def _longer(cells: Cells, snap: Snapshot) -> bool:
    """Is the run longer than the window?"""
    return snap.last + 1 > len(cells) - cells.count(None)


def _cpus(cells: Cells, snap: Snapshot, room: int) -> list[int]:
    """The CPUs whose strips are shown: at most ``room``, around that of the present."""
    cpus = sorted({mark.cpu for mark in cells if mark is not None} | {each.cpu for each in snap.cpus})
    at = cpus.index(snap.cpu) if snap.cpu in cpus else 0
    begin = max(0, min(at - room // 2, len(cpus) - room))
    return cpus[begin : begin + room]


def _glyph(mark: TimelineMark) -> str:
    return GLYPHS.get(mark.kind, mark.kind[:1])


def _style(mark: TimelineMark, snap: Snapshot, look: Look) -> str:
    if mark.step == look.mark:
        return "cursor"
    if mark.step == snap.step:
        return "past"
    if mark.step > snap.step:
        return "dim"
    if mark.kind == "fallback" or mark.forced or mark.bad:
        return "fallback" if mark.kind == "fallback" else "forced" if mark.forced else "bad"
    return cpu_style(mark.cpu) if len(snap.cpus) > 1 else "good"


def _strip(cells: Cells, cpu: int, snap: Snapshot, look: Look) -> Row:
    several = len(snap.cpus) > 1
    out: list[Seg] = [(f" cpu{cpu:<3}", cpu_style(cpu) if several else "dim")]
    busy = False
    for mark in cells:
        if mark is None:
            out.append(("│", "rule"))
        elif mark.cpu == cpu:
            out.append((_glyph(mark), _style(mark, snap, look)))
            busy = not mark.ended
        else:
            out.append(("─" if busy else " ", cpu_style(cpu) if mark.step <= snap.step else "dim"))
    return merge(out)


def _below(cells: Cells, snap: Snapshot, look: Look) -> Row:
    named = {step: name for name, step in sorted(look.marks.items(), reverse=True)}
    out: list[Seg] = [(" you   ", "dim")]
    for mark in cells:
        if mark is None:
            out.append((" ", ""))
        elif mark.step == snap.step:
            out.append(("▲", "here"))
        elif mark.step == look.mark:
            out.append(("┴", "bold"))
        elif mark.step in named:
            out.append((named[mark.step], "mark"))
        elif mark.forced:
            out.append(("#", "forced"))
        elif mark.bad:
            out.append(("-", "bad"))
        else:
            out.append((" ", ""))
    return merge(out)


def _overview(cells: Cells, snap: Snapshot, look: Look, width: int) -> Row:
    """The run from its start to its known end in ``width`` cells."""
    steps = snap.last + 1
    buckets = min(width, steps)
    line = ["·"] * buckets
    shown = [mark.step * buckets // steps for mark in cells if mark is not None]
    first, last = shown[0], shown[-1]
    line[first : last + 1] = "─" * (last + 1 - first)
    for at, count in enumerate(snap.overview):
        if count:
            line[min(at * snap.bucket * buckets // steps, buckets - 1)] = "!"
    for name, step in sorted(look.marks.items(), reverse=True):
        if 0 <= step < steps:
            line[step * buckets // steps] = name
    line[snap.step * buckets // steps] = "▲"
    return ((" all   ", "dim"), *((char, _OVERVIEW.get(char, "mark")) for char in line))


_OVERVIEW = {"·": "dim", "─": "", "!": "bad", "▲": "here"}


def _ruler(cells: Cells) -> Row:
    line = [" "] * (len(cells) + 8)
    for place, mark in enumerate(cells):
        if mark is not None and mark.step % 10 == 0:
            text = str(mark.step)
            line[place : place + len(text)] = text
        elif mark is not None and mark.step % 5 == 0 and line[place] == " ":
            line[place] = "·"
    return (("       ", ""), ("".join(line).rstrip(), "dim"))
