# SPDX-License-Identifier: GPL-2.0-only
"""Text that is searched for, in a row: where it stands, and how it is shown."""

from __future__ import annotations

from tui.paint.rows import Row, Seg, merge, plain


def highlight(row: Row, text: str) -> Row:
    """The row with every occurrence of ``text``, in upper or lower case, in style ``match``."""
    line = plain(row)
    found = matches(line, text)
    if not found:
        return row
    out: list[Seg] = []
    at = 0
    for begin in found:
        out += (*_letters(row, at, begin), (line[begin : begin + len(text)], "match"))
        at = begin + len(text)
    return merge([*out, *_letters(row, at, len(line))])


def matches(line: str, text: str) -> list[int]:
    """Where ``text`` stands in ``line``, in upper or lower case."""
    if not text:
        return []
    line, text = _lower(line), _lower(text)
    out = []
    at = line.find(text)
    while at >= 0:
        out.append(at)
        at = line.find(text, at + len(text))
    return out


def _lower(text: str) -> str:
    """Lower case, letter by letter, so that places stay what they are."""
    return text.lower() if text.isascii() else "".join(low if len(low := c.lower()) == 1 else c for c in text)


def _letters(row: Row, begin: int, end: int) -> list[Seg]:
    """Characters (not cells) ``begin`` … ``end`` of a row."""
    out: list[Seg] = []
    for text, style in row:
        if begin < len(text) and end > 0:
            out.append((text[max(begin, 0) : end], style))
        begin -= len(text)
        end -= len(text)
    return out
