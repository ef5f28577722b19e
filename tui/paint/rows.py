# SPDX-License-Identifier: GPL-2.0-only
"""Rows: what every painter returns.  A row is a tuple of (text, style name); ``fit`` gives it an exact width.

All text reaches the screen through ``fit``, and ``fit`` escapes what a terminal would obey instead of show.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

Seg = tuple[str, str]
Row = tuple[Seg, ...]

INKED = frozenset({"cursor", "past", "fault", "fallback", "head", "match", "mutant"})
"""Styles in which a blank is not blank: reverse or underlined."""
_UNITS = ((40, "T"), (30, "G"), (20, "M"), (10, "K"))


@lru_cache(4096)
def clean(text: str) -> str:
    """The text with every character that has no cell of its own (controls, combining marks) escaped as in Python."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _has_cell(char) else escape(char) for char in text)


def _has_cell(char: str) -> bool:
    return char.isprintable() and unicodedata.category(char)[0] != "M"


def escape(char: str) -> str:
    """A character as Python writes it: ``\\x1b``, ``\\u202e``."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(4096)
def cells(text: str) -> int:
    """Width of clean text in terminal cells."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def crop(text: str, width: int) -> str:
    """The longest prefix of clean text that is at most ``width`` cells wide."""
    if text.isascii():
        return text[:width]
    used = 0
    for at, char in enumerate(text):
        used += cells(char)
        if used > width:
            return text[:at]
    return text


@lru_cache(2048)
def fit(row: Row, width: int, fill: str = "") -> Row:
    """The row cut (with an ellipsis) or padded (in style ``fill``) to exactly ``width`` cells, neighbours merged."""
    out: list[Seg] = []
    used = 0
    last: str | None = None
    for text, style in row:
        if not text:
            continue
        if not (text.isascii() and text.isprintable()):
            text = clean(text)
        used += cells(text)
        if style not in INKED and text.isspace():
            style = last or ""
        if used > width:
            return _cut_off(row, width)
        if style == last:
            out[-1] = (out[-1][0] + text, style)
        else:
            out.append((text, style))
            last = style
    if used < width:
        out.append((" " * (width - used), fill))
        if last == fill:
            return merge(out)
    return tuple(out)


def _cut_off(row: Row, width: int) -> Row:
    """A row that is too long, ending in an ellipsis unless only blanks are lost."""
    if width <= 0:
        return ()
    whole = tuple((clean(text), style) for text, style in row)
    shown = cut(whole, 0, width)
    if not plain(cut(whole, width, row_cells(whole))).strip():
        return shown
    return merge([*cut(whole, 0, width - 1), ("…", shown[-1][1])])


def merge(segs: list[Seg]) -> Row:
    """The segments without empty ones, neighbours of one style as one."""
    out: list[Seg] = []
    for text, style in segs:
        if not text:
            continue
        if out and out[-1][1] == style:
            out[-1] = (out[-1][0] + text, style)
        else:
            out.append((text, style))
    return tuple(out)


def spread(left: Row, right: Row, width: int, fill: str = " ", style: str = "") -> Row:
    """``left``, a filler, ``right`` at the right edge; the right part is dropped where both do not fit."""
    size = row_cells(left) + row_cells(right)
    if size > width:
        return left
    return (*left, (fill * (width - size), style), *right)


def row_cells(row: Row) -> int:
    """Width of a row in cells."""
    return sum(cells(clean(text)) for text, _ in row)


def cut(row: Row, begin: int, end: int) -> Row:
    """Cells ``begin`` … ``end`` (exclusive) of a fitted row; half of a wide character becomes a blank."""
    out: list[Seg] = []
    at = 0
    for text, style in row:
        size = cells(text)
        if at < end and at + size > begin:
            left = crop(text, max(begin - at, 0))
            rest = text[len(left) :]
            if cells(left) < begin - at:
                rest = " " + rest[1:]
            part = crop(rest, end - max(at, begin))
            missing = min(end, at + size) - max(at, begin) - cells(part)
            out.append((part + " " * missing, style))
        at += size
    return merge(out)


def plain(row: Row) -> str:
    """The row's text alone."""
    return "".join(text for text, _ in row)


def size(number: int) -> str:
    """Bytes as the kernel writes sizes: ``64K``, ``2M``, ``1T``; a number that is no multiple of 1K as it is."""
    for shift, unit in _UNITS:
        if number and number % (1 << shift) == 0:
            return f"{number >> shift}{unit}"
    return str(number)


def hexa(number: int, width: int = 0) -> str:
    """``0x1a2b``, zero-padded to ``width`` digits; ``-`` for a negative number, which means that there is none."""
    return f"0x{number:0{width}x}" if number >= 0 else "-"
