# SPDX-License-Identifier: GPL-2.0-only
"""The page table: the walk, the PTEs around the fault as one cell each, candidate ranges as brackets under them,
and the entry under the cursor."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.snapshot import Bracket, PteCell, Snapshot
from tui.paint import walk
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, cells, hexa

LEGEND = "· no VMA - none 0-9 order = tail z zero m marker s swap F@ fault * new"
"""The signs that are met most often; the help has all."""
HELP = (
    "The page-table walk of the fault address (in a system call: of where it is), the PTEs around it, one cell each,",
    "and the entry under the cursor.",
    "· no VMA   - none   0-9 first page of a folio of that order, = its other pages   z zero page   m marker   s swap",
    "M migration   L leaf: mapped by the PMD   F the fault address   @ the same, mapped   * changed",
    "╰── order 4 ──╯ the range of each order that was tried, and the verdict on it; ◂ ▸ it goes on outside the row",
    "arrows move the cursor, Home returns to the fault   p prints the entry   { } where it changed before and next",
)
_GLYPHS = {"outside": "·", "none": "-", "zero": "z", "marker": "m", "swap": "s", "migration": "M", "leaf": "L"}
_MARGIN = 5
"""Columns before the cells: ``*000 ``."""


def title(snap: Snapshot, look: Look) -> str:
    """Whose it is, where there are several processes, and where the cursor is."""
    words = f"page table of {snap.process}" if snap.process else "page table"
    return words if snap.entry is None else f"{words}  pte {snap.entry.entry:03x} at {hexa(snap.entry.addr)}"


def row_length(width: int) -> int:
    """PTEs in a row of cells on a pane of ``width`` columns: a multiple of 16, at least 16."""
    return max(16, min(128, (width - _MARGIN) // 16 * 16))


def wanted(width: int, height: int) -> int:
    """How many PTEs a pane of this size (without title) can show."""
    return row_length(width) * max(1, (height - 13) // 2 + 1)


class _Body(NamedTuple):
    """The rows of the pane: ruler, cells (brackets after the first ``at`` of them), the rest."""

    ruler: list[Row]
    table: list[Row]
    at: int
    brackets: list[Row]
    rest: list[Row]


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Cells, brackets, entry and walk; ruler, folio, levels one by one and legend where there is room for them."""
    if not snap.ptes:
        return [((" no page table in view", "dim"),)]
    body = _body(snap, width, height)
    return [*body.ruler, *body.table[: body.at], *body.brackets, *body.table[body.at :], *body.rest]


def cell_at(snap: Snapshot, width: int, height: int, x: int, y: int) -> PteCell | None:
    """The PTE that column ``x`` of row ``y`` of the painted pane shows."""
    if not snap.ptes:
        return None
    body = _body(snap, width, height)
    y -= len(body.ruler)
    if body.at <= y < body.at + len(body.brackets):
        return None
    y -= len(body.brackets) if y >= body.at else 0
    length = row_length(width)
    place = y * length + x - _MARGIN
    inside = 0 <= y < len(body.table) and 0 <= x - _MARGIN < length and place < len(snap.ptes)
    return snap.ptes[place] if inside else None


def _body(snap: Snapshot, width: int, height: int) -> _Body:
    length = row_length(width)
    table = _cells(snap, length)
    entry = walk.entry(snap.entry, snap, width)
    line, levels = walk.line(snap.walk, width), walk.levels(snap.walk)
    room = height - len(table) - min(len(entry), 1) - len(line)
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
    rest = [*entry[:1], *extra["folio"], *(levels if extra["levels"] else line), *extra["legend"]]
    return _Body(extra["ruler"], table, 1 + _row_of(snap, length), brackets, rest)


def _row_of(snap: Snapshot, length: int) -> int:
    """Which row of cells holds the fault address, where there is none the entry under the cursor."""
    index = snap.fault_index if snap.fault_index >= 0 or snap.entry is None else snap.entry.entry
    for at, cell in enumerate(snap.ptes):
        if cell.entry == index:
            return at // length
    return 0


def _ruler(snap: Snapshot, length: int) -> list[Row]:
    """The edges of VMAs, and indices where they leave room."""
    at = _row_of(snap, length) * length
    shown = snap.ptes[at : at + length]
    if not shown:
        return []
    line = [" "] * (len(shown) + 14)
    places = {cell.addr: place for place, cell in enumerate(shown)}
    edges = [(vma.end, "vm_end") for vma in snap.vmas] + [(vma.start, "vm_start") for vma in snap.vmas]
    edges = [(places[edge], words) for edge, words in edges if edge in places]
    for place, _ in edges:
        line[place] = "▾"
    for place, words in edges:
        for begin in (place - len(words), place + 1):
            end = begin + len(words)
            room = line[max(begin - 1, 0) : end] if begin < place else line[begin : end + 1]
            if begin >= 0 and not "".join(room).strip():
                line[begin:end] = words
                break
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
        glyph = "=" if not cell.head else str(cell.order) if 0 <= cell.order <= 9 else "#"
        style = "head" if cell.head else "good"
    if cell.changed:
        glyph, style = "*", "changed"
    if fault:
        glyph, style = "F" if cell.kind in ("none", "outside") else "@", "fault"
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
