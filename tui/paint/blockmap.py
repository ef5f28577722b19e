# SPDX-License-Identifier: GPL-2.0-only
"""The map of pageblocks: type by letter and colour, how full by shade."""

from __future__ import annotations

from itertools import groupby

from kernelmodel.snapshot import Snapshot
from kernelmodel.snapshot_memory import MapView
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, hexa, size

SHADES = "·▁▂▃▄▅▆▇█"
LETTERS = "UmEHCI"
"""By migratetype; movable cells have shades instead."""
_STYLES = ("bad", "good", "number", "forced", "mark", "warn")
MOVABLE = 1
_LABEL = 12
_BESIDE = 2
"""Rows besides the cells: the head and the cell under the cursor."""


def row_length(width: int) -> int:
    """Cells in a row of a pane of ``width`` columns: a multiple of 8."""
    return max(8, (width - _LABEL) // 8 * 8)


def wanted(width: int, height: int) -> int:
    """How many cells a pane of this size can show."""
    return row_length(width) * max(1, height - _BESIDE)


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """A head, the cells, the cell under the cursor."""
    shown = snap.blocks
    if shown is None:
        return []
    length = row_length(width)
    page = snap.page_size
    part = f"cells {shown.before}-{shown.before + len(shown.fill) - 1} of " if len(shown.fill) < shown.total else ""
    head: Row = (
        (f" node {shown.node} zone {shown.zone}  ", "bold"),
        (f"a cell is {size(shown.size * page)}", ""),
        (f", {1 << shown.scale} pageblock{'s' if shown.scale else ''}  ", "dim"),
        (f"{part}{shown.total}{'' if part else ' cells'}", "dim"),
    )
    rows = [_line(shown, begin, min(begin + length, len(shown.fill))) for begin in range(0, len(shown.fill), length)]
    return [head, *rows, _cell(shown, page)]


def cell_at(snap: Snapshot, width: int, x: int, y: int) -> int:
    """The pfn of the cell in column ``x`` of row ``y`` of the painted map, -1 if there is none."""
    shown, length = snap.blocks, row_length(width)
    if shown is None or not 0 <= x - _LABEL < length or y < 1:
        return -1
    n = (y - 1) * length + x - _LABEL
    return pfn_of(shown, n) if n < len(shown.fill) else -1


def pfn_of(shown: MapView, n: int) -> int:
    """The first pfn of a cell that lies within the zone."""
    return max(shown.first + n * shown.size, shown.start)


def _line(shown: MapView, begin: int, end: int) -> Row:
    """One row of cells: neighbours of one style are one piece."""
    row: list[Seg] = [(f" {hexa(shown.first + begin * shown.size):>{_LABEL - 2}} ", "dim")]
    marks = {
        n: seg
        for n, seg in (
            (shown.next, ("+", "here")),
            (shown.here, ("@", "fault")),
        )
        if begin <= n < end
    }
    kinds = zip(shown.types[begin:end], shown.fill[begin:end], strict=True)
    signs = [_SIGNS[mt][full] for mt, full in kinds]
    for n, seg in marks.items():
        signs[n - begin] = seg
    if begin <= shown.at < end:
        signs[shown.at - begin] = (signs[shown.at - begin][0], "cursor")
    for style, group in groupby(signs, key=lambda seg: seg[1]):
        row.append(("".join(text for text, _ in group), style))
    return tuple(row)


def _cell(shown: MapView, page: int) -> Row:
    """The cell under the cursor in words."""
    cell = shown.cell
    types = "  ".join(f"{name} {many}" for name, many in cell.types)
    uses = "  ".join(f"{name} {many}" for name, many in cell.uses)
    return (
        ("»", "here"),
        (f"{hexa(cell.first)}-{hexa(cell.last)}", "number"),
        (f"  free {cell.free} of {cell.pages}  ", ""),
        (types, ""),
        (f"  in use: {uses}" if uses else "", "dim"),
    )


def _sign(mt: int, full: int) -> Seg:
    if mt == MOVABLE:
        return SHADES[full], _STYLES[mt] if full else "dim"
    letter = LETTERS[mt]
    return letter if full > 4 else letter.lower(), _STYLES[mt]


_SIGNS = tuple(tuple(_sign(mt, full) for full in range(len(SHADES))) for mt in range(len(LETTERS)))
