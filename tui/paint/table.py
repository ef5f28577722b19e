# SPDX-License-Identifier: GPL-2.0-only
"""The page table: the walk, the PTEs around the fault as one cell each, candidate ranges as brackets under them,
and the entry under the cursor."""

from __future__ import annotations

from kernelmodel.snapshot import Bracket, EntryView, PteCell, Snapshot, WalkRow
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, cells, hexa

LEGEND = "· no VMA  - none  0-9 order  z zero  m marker  s swap  F fault  * new"
"""The signs that are met most often; the help has all."""
_GLYPHS = {"outside": "·", "none": "-", "zero": "z", "marker": "m", "swap": "s", "migration": "M", "leaf": "L"}
_MARGIN = 5
"""Columns before the cells: ``*000 ``."""


def title(snap: Snapshot, look: Look) -> str:
    """Level below which the cells stand, and where the cursor is."""
    entry = snap.entry
    if entry is None:
        return "page table"
    return f"page table  pte {entry.entry:03x} at {hexa(entry.addr)}"


def row_length(width: int) -> int:
    """PTEs in a row of cells on a pane of ``width`` columns: a multiple of 16, at least 16."""
    return max(16, min(128, (width - _MARGIN) // 16 * 16))


def wanted(width: int, height: int) -> int:
    """How many PTEs a pane of this size (without title) can show."""
    return row_length(width) * max(1, (height - 13) // 2 + 1)


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Cells, brackets, entry and walk; ruler, folio, levels one by one and legend where there is room for them."""
    if not snap.ptes:
        return [((" no fault address here", "dim"),)]
    length = row_length(width)
    cells_ = _cells(snap, length)
    entry = _entry(snap.entry, snap, width)
    line, levels = _walk_line(snap.walk, width), _walk(snap.walk)
    room = height - len(cells_) - min(len(entry), 1) - len(line)
    brackets = _brackets(snap, length, width, max(room, 0))
    room -= len(brackets)
    extra: dict[str, list[Row]] = {
        "folio": entry[1:],
        "ruler": _ruler(snap, length),
        "levels": levels[1:],
        "legend": [((LEGEND, "dim"),)],
    }
    for name, rows in extra.items():
        if len(rows) > room:
            extra[name] = []
        room -= len(extra[name])
    at = 1 + _row_of(snap, length)
    return [
        *extra["ruler"],
        *cells_[:at],
        *brackets,
        *cells_[at:],
        *entry[:1],
        *extra["folio"],
        *(levels if extra["levels"] else line),
        *extra["legend"],
    ]


def _row_of(snap: Snapshot, length: int) -> int:
    """Which row of cells holds the fault address."""
    for at, cell in enumerate(snap.ptes):
        if cell.entry == snap.fault_index:
            return at // length
    return 0


def _ruler(snap: Snapshot, length: int) -> list[Row]:
    """The edges of VMAs, and indices where they leave room."""
    at = _row_of(snap, length) * length
    shown = snap.ptes[at : at + length]
    if not shown:
        return []
    line = [" "] * (len(shown) + 14)
    edges = [(vma.start, "vm_start") for vma in snap.vmas] + [(vma.end, "vm_end") for vma in snap.vmas]
    for place, cell in enumerate(shown):
        for words in (words for edge, words in edges if edge == cell.addr):
            text, begin = (words + "▾", place - len(words)) if place >= len(words) else ("▾" + words, place)
            line[begin : begin + len(text)] = text
    for place, cell in enumerate(shown):
        tick = f"{cell.entry:03x}" if cell.entry % 16 == 0 else "'" if cell.entry % 8 == 0 else ""
        if tick and not "".join(line[max(place - 1, 0) : place + len(tick) + 1]).strip():
            line[place : place + len(tick)] = tick
    return [((" " * _MARGIN, ""), ("".join(line).rstrip(), "dim"))]


def _cells(snap: Snapshot, length: int) -> list[Row]:
    rows: list[Row] = []
    cursor = snap.entry.entry if snap.entry else -1
    for begin in range(0, len(snap.ptes), length):
        part = snap.ptes[begin : begin + length]
        changed = any(cell.changed for cell in part)
        row: list[Seg] = [("*" if changed else " ", "changed"), (f"{part[0].entry:03x} ", "dim")]
        for cell in part:
            glyph, style = _cell(cell, cell.entry == snap.fault_index, cell.entry == cursor)
            if style == row[-1][1]:
                row[-1] = (row[-1][0] + glyph, style)
            else:
                row.append((glyph, style))
        rows.append(tuple(row))
    return rows


def _cell(cell: PteCell, fault: bool, cursor: bool) -> Seg:
    glyph = _GLYPHS.get(cell.kind, "#")
    style = {"outside": "dim", "none": "", "marker": "warn", "swap": "warn", "migration": "warn"}.get(cell.kind, "good")
    if cell.kind == "page":
        glyph = str(cell.order) if 0 <= cell.order <= 9 else "#"
        style = "head" if cell.head else "good"
    if cell.changed:
        glyph, style = "*", "changed"
    if fault and cell.kind in ("none", "outside"):
        glyph, style = "F", "fault"
    elif fault:
        style = "fault"
    return glyph, "cursor" if cursor and not fault else style


def _brackets(snap: Snapshot, length: int, width: int, room: int) -> list[Row]:
    """One row per candidate range, at most ``room``, the one that is being judged among them."""
    found = list(snap.brackets)
    if not found or room <= 0:
        return []
    judged = sum(1 for each in found if each.verdict)
    begin = max(0, min(judged + 1, len(found)) - room)
    at = _row_of(snap, length) * length
    row = snap.ptes[at : at + length]
    return [_bracket(each, row[0].entry, len(row), width) for each in found[begin : begin + room]] if row else []


def _bracket(bracket: Bracket, first: int, length: int, width: int) -> Row:
    begin, end = bracket.first - first, bracket.last - first
    left, right = max(begin, 0), min(end, length - 1)
    style = "good" if bracket.verdict == "ok" else "bad" if bracket.verdict else "here"
    said = ""
    if bracket.verdict == "ok":
        said = "✓"
    elif bracket.verdict:
        said = f"✗ {bracket.why or bracket.verdict}"
    if right < left:
        return ((" " * _MARGIN, ""), (f"order {bracket.order} lies outside this window  {said}", style))
    shape = _shape(bracket.order, right - left + 1, begin < 0, end >= length)
    tail = f" {said}"
    used = _MARGIN + left + cells(shape)
    if used + cells(tail) > width and cells(tail) < left:
        return (
            (" " * _MARGIN, ""),
            (f"{said:>{left - 1}} ", style),
            (shape, style),
        )
    return ((" " * (_MARGIN + left), ""), (shape, style), (tail, style))


def _shape(order: int, span: int, cut_left: bool, cut_right: bool) -> str:
    """``╰── order 4 ───╯`` in exactly ``span`` cells (a label that does not fit stands behind it)."""
    if span == 1:
        return f"╵order {order}"
    inner = span - 2
    labels = (f" order {order} ", f"ord {order}", f"o{order}", str(order))
    label = next((text for text in labels if len(text) <= inner), "")
    line = label.center(inner, "─")
    shape = ("◂" if cut_left else "╰") + line + ("▸" if cut_right else "╯")
    return shape if label else f"{shape} order {order}"


def _entry(entry: EntryView | None, snap: Snapshot, width: int) -> list[Row]:
    """The PTE in hex with its bits by name, then its folio."""
    if entry is None:
        return []
    changed = any(cell.changed and cell.entry == entry.entry for cell in snap.ptes)
    head: Row = (
        ("*" if changed else " ", "changed"),
        (f"pte {entry.entry:03x} ", "bold"),
        (hexa(entry.value, 16), "number"),
        (f" {entry.kind} ", "good" if entry.kind == "page" else ""),
        (" ".join(entry.bits), ""),
    )
    if entry.folio < 0:
        return [head]
    folio: Row = (
        (f"  pfn {hexa(entry.pfn)} ", ""),
        (f"folio {hexa(entry.folio)} order {entry.order} ", "bold"),
        (f"refcount {entry.refcount} mapcount {entry.mapcount} ", ""),
        (" ".join(entry.flags), "dim"),
    )
    return [head, folio]


def _walk(walk: tuple[WalkRow, ...]) -> list[Row]:
    """One row per level."""
    return [
        (
            ("*" if row.changed else " ", "changed"),
            (f"{row.level}[{row.entry:03x}]".ljust(9), ""),
            (hexa(row.value, 16) + " ", "number"),
            (row.kind, "changed" if row.changed else _walk_style(row)),
        )
        for row in walk
    ]


def _walk_line(walk: tuple[WalkRow, ...], width: int) -> list[Row]:
    """All levels in one row: ``pgd[0fe] table › … › pmd[000] none``."""
    if not walk:
        return []
    long = width >= 90
    out: list[Seg] = [(" ", "")]
    for at, row in enumerate(walk):
        out.append((" › " if at and long else "›" if at else "", "dim"))
        out.append(("*" if row.changed else "", "changed"))
        last = at == len(walk) - 1 or row.kind != "table"
        out.append((f"{row.level}[{row.entry:03x}]", ""))
        if long or last:
            out.append((f" {row.kind}", "changed" if row.changed else _walk_style(row)))
    return [tuple(out)]


def _walk_style(row: WalkRow) -> str:
    return "dim" if row.kind == "none" else "good" if row.kind in ("table", "page") else "warn"
