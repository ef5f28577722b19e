# SPDX-License-Identifier: GPL-2.0-only
"""All decisions in one strip per CPU: a letter for the kind, marks below for present, rejections, what-ifs."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot, TimelineMark
from tui.paint.look import Look
from tui.paint.rows import Row, Seg

GLYPHS = {
    "policy": "O", "uffd": "u", "vma-bounds": "V", "map-pte": "m", "pte-range": "P", "alloc": "A", "charge": "C",
    "step-down": "d", "fallback": "!", "orig-pte": "o", "pmd-gate": "g", "pmd-bounds": "b", "huge-zero": "h",
    "pmd-recheck": "r", "huge-wp": "w", "pte-alloc": "t", "anon-vma": "a", "deferred": "D", "lock": "L",
    "recheck": "R", "retry": "y", "stable": "s", "uffd-missing": "u", "zero-page": "Z", "marker": "k", "wp": "w",
    "wait": "W", "install": "M", "return": ".", "bug": "X", "": "|",
}  # fmt: skip
"""One letter per decision kind; other actors' kinds show their first letter."""


def title(snap: Snapshot, look: Look) -> str:
    """Fallbacks, as addresses for ``goto``."""
    found = snap.fallbacks
    words = f"timeline 0..{snap.last}"
    if found:
        shown = " ".join(f"#{step}" for step in found[:6])
        words += f"  fallbacks {shown}{' …' if len(found) > 6 else ''}"
    return words


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """A ruler where there is room, one strip per CPU, one row of marks."""
    marks = _window(snap, width - 7)
    if not marks:
        return []
    cpus = sorted({mark.cpu for mark in marks})
    rows = [_strip(marks, cpu, snap, look) for cpu in cpus]
    rows.append(_below(marks, snap, look))
    if height > len(rows):
        rows.insert(0, _ruler(marks))
    return rows


def strip(snap: Snapshot, look: Look, width: int) -> Row:
    """The whole timeline in one row, for the message line of a small terminal."""
    marks = _window(snap, width - 8)
    out: list[Seg] = [(f" #{snap.step} ".ljust(7), "dim")]
    out += [(GLYPHS.get(mark.kind, mark.kind[:1]), _style(mark, snap, look)) for mark in marks]
    return tuple(out)


def _window(snap: Snapshot, width: int) -> tuple[TimelineMark, ...]:
    """At most ``width`` marks with the present among them."""
    marks = snap.timeline
    if len(marks) <= width:
        return marks
    place = next((place for place, mark in enumerate(marks) if mark.step >= snap.step), len(marks))
    begin = max(0, min(place - width * 2 // 3, len(marks) - width))
    return marks[begin : begin + width]


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
    return tuple(out)


def _below(marks: tuple[TimelineMark, ...], snap: Snapshot, look: Look) -> Row:
    out: list[Seg] = [(" you   ", "dim")]
    for mark in marks:
        if mark.step == snap.step:
            out.append(("▲", "here"))
        elif mark.step == look.mark:
            out.append(("^", "bold"))
        elif mark.forced:
            out.append(("f", "forced"))
        elif mark.bad:
            out.append(("x", "bad"))
        else:
            out.append((" ", ""))
    return tuple(out)


def _ruler(marks: tuple[TimelineMark, ...]) -> Row:
    line = [" "] * (len(marks) + 8)
    for place, mark in enumerate(marks):
        if mark.step % 10 == 0:
            text = str(mark.step)
            line[place : place + len(text)] = text
        elif mark.step % 5 == 0 and line[place] == " ":
            line[place] = "·"
    return (("       ", ""), ("".join(line).rstrip(), "dim"))
