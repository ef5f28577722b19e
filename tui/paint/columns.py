# SPDX-License-Identifier: GPL-2.0-only
"""A table with one column per order."""

from __future__ import annotations

from itertools import zip_longest

from tui.paint.rows import Row, Seg, cells, plain

Line = tuple[str, str, list[Seg]]
"""Label, its style, a text for each column."""
HEAD = "order"
"""Label of the line that names the columns."""


def aligned(lines: list[Line], width: int) -> list[Row]:
    """All columns as wide as the widest if that fits into ``width`` cells, else each as wide as it must be."""
    columns = list(zip_longest(*(texts for _, _, texts in lines), fillvalue=("", "")))
    sizes = [max(len(text) for text, _ in column) + 1 for column in columns]
    label = max(len(name) for name, _, _ in lines)
    wide = max(sizes, default=1)
    if wide * len(sizes) + label <= width:
        sizes = [wide] * len(sizes)
    rows: list[Row] = []
    for name, style, texts in lines:
        name = f"{name:<{label}}"
        head = [("*", "changed"), (name[1:], "dim")] if name[:1] == "*" else [(name, style)]
        rows.append((*head, *((f"{text:>{size}}", how) for (text, how), size in zip(texts, sizes, strict=False))))
    return rows


def column_at(rows: list[Row], x: int) -> int:
    """The column of a table at cell ``x`` of the last row; -1 if that row is in no table, or ``x`` in no column."""
    for head in reversed(rows):
        if plain(head[:1]).strip() == HEAD and len(rows[-1]) - len(head) in (0, 1):
            x -= cells(head[0][0])
            for at, (text, _) in enumerate(head[1:]):
                if 0 <= x < cells(text):
                    return at
                x -= cells(text)
            return -1
    return -1


def gfp_rows(head: str, names: tuple[str, ...], width: int, style: str = "number") -> list[Row]:
    """A label and names joined by ``|``, in as many rows as it takes."""
    rows: list[Row] = []
    row: list[Seg] = [(head, "")]
    used = cells(head)
    for at, name in enumerate(names):
        text = ("|" if at else "") + name
        if used + len(text) > width:
            rows.append(tuple(row))
            row, used = [("   ", "")], 3
        row.append((text, style))
        used += len(text)
    return [*rows, tuple(row)]
