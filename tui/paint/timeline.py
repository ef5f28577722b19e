# SPDX-License-Identifier: GPL-2.0-only
"""All decisions in one strip per CPU: a letter for the kind, marks below for present, rejections, what-ifs."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot, TimelineMark
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, merge

GLYPHS = {
    "policy": "O", "uffd": "u", "vma-bounds": "V", "map-pte": "m", "pte-range": "P", "alloc": "A", "charge": "C",
    "step-down": "d", "fallback": "!", "orig-pte": "o", "pmd-gate": "g", "pmd-bounds": "b", "huge-zero": "h",
    "pmd-recheck": "r", "huge-wp": "w", "pte-alloc": "t", "anon-vma": "a", "deferred": "D", "lock": "L",
    "recheck": "R", "retry": "y", "stable": "s", "uffd-missing": "u", "zero-page": "Z", "marker": "k", "wp": "w",
    "wait": "W", "install": "M", "return": ".", "bug": "X", "": "|",
}  # fmt: skip
"""One letter per decision kind; other actors' kinds show their first letter."""


HELP = (
    "One strip per CPU, a letter for each decision (below), . where another CPU ran; ! is a fallback.",
    "Under it: ▲ you are here   ┴ your cursor   a mark's letter   # forced or answered   - rejected or failed",
    "all: the whole run where it is longer than the window; ─ is in the window, ! holds a fallback",
    "← → move the cursor, Enter goes there   [ ] to the fallback before and next   m marks, ' goes to a mark",
)
MARGIN = 7
"""Columns before the strips."""


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
    marks = window(snap, width - MARGIN)
    if not marks:
        return []
    rows = [_strip(marks, cpu, snap, look) for cpu in _cpus(marks, snap.cpu, max(height - 1, 1))]
    rows.append(_below(marks, snap, look))
    if height > len(rows) and snap.last + 1 > len(marks):
        rows.insert(0, _overview(marks, snap, look, width - MARGIN))
    if height > len(rows):
        rows.insert(0, _ruler(marks))
    return rows


def strip(snap: Snapshot, look: Look, width: int) -> Row:
    """The whole timeline in one row, for the message line of a small terminal."""
    marks = window(snap, width - 8)
    out: list[Seg] = [(f" #{snap.step} ".ljust(7), "dim")]
    out += [(GLYPHS.get(mark.kind, mark.kind[:1]), _style(mark, snap, look)) for mark in marks]
    return tuple(out)


def window(snap: Snapshot, width: int) -> tuple[TimelineMark, ...]:
    """At most ``width`` marks with the present among them."""
    marks = snap.timeline
    if len(marks) <= width:
        return marks
    place = next((place for place, mark in enumerate(marks) if mark.step >= snap.step), len(marks))
    begin = max(0, min(place - width * 2 // 3, len(marks) - width))
    return marks[begin : begin + width]


def step_at(snap: Snapshot, width: int, height: int, x: int, y: int) -> int:
    """The step that column ``x`` of row ``y`` of the painted pane shows, -1 if none."""
    marks = window(snap, width - MARGIN)
    place = x - MARGIN
    rows = len(_cpus(marks, snap.cpu, max(height - 1, 1))) + 1
    overview = height > rows and snap.last + 1 > len(marks)
    if overview and y == int(height > rows + 1):
        buckets = max(min(width - MARGIN, snap.last + 1), 1)
        return place * (snap.last + 1) // buckets if 0 <= place < buckets else -1
    return marks[place].step if 0 <= place < len(marks) else -1


def _cpus(marks: tuple[TimelineMark, ...], present: int, room: int) -> list[int]:
    """The CPUs whose strips are shown: at most ``room``, around that of the present."""
    cpus = sorted({mark.cpu for mark in marks})
    at = cpus.index(present) if present in cpus else 0
    begin = max(0, min(at - room // 2, len(cpus) - room))
    return cpus[begin : begin + room]


def _style(mark: TimelineMark, snap: Snapshot, look: Look) -> str:
    if mark.step == look.mark:
        return "cursor"
    if mark.step == snap.step:
        return "past"
    if mark.step > snap.step:
        return "dim"
    return "fallback" if mark.kind == "fallback" else "forced" if mark.forced else "bad" if mark.bad else "good"


def _strip(marks: tuple[TimelineMark, ...], cpu: int, snap: Snapshot, look: Look) -> Row:
    out: list[Seg] = [(f" cpu{cpu:<3}", "dim")]
    for mark in marks:
        if mark.cpu == cpu:
            out.append((GLYPHS.get(mark.kind, mark.kind[:1]), _style(mark, snap, look)))
        else:
            out.append((".", "dim"))
    return merge(out)


def _below(marks: tuple[TimelineMark, ...], snap: Snapshot, look: Look) -> Row:
    named = {step: name for name, step in sorted(look.marks.items(), reverse=True)}
    out: list[Seg] = [(" you   ", "dim")]
    for mark in marks:
        if mark.step == snap.step:
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


def _overview(marks: tuple[TimelineMark, ...], snap: Snapshot, look: Look, width: int) -> Row:
    """The run from its start to its known end in ``width`` cells."""
    steps = snap.last + 1
    buckets = min(width, steps)
    line = ["·"] * buckets
    first, last = marks[0].step * buckets // steps, marks[-1].step * buckets // steps
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


def _ruler(marks: tuple[TimelineMark, ...]) -> Row:
    line = [" "] * (len(marks) + 8)
    for place, mark in enumerate(marks):
        if mark.step % 10 == 0:
            text = str(mark.step)
            line[place : place + len(text)] = text
        elif mark.step % 5 == 0 and line[place] == " ":
            line[place] = "·"
    return (("       ", ""), ("".join(line).rstrip(), "dim"))
