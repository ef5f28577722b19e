# SPDX-License-Identifier: GPL-2.0-only
"""Source of the selected call: gutter, line numbers, code, hits."""

from __future__ import annotations

import re
from functools import lru_cache

from kernelmodel.snapshot import CallView, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, crop, hexa

HELP = (
    "The modelled function of the selected call; numbers count from its def line, as in FUNCTION:LINE.",
    "▶ the current line   ● breakpoint   ◐ conditional   ◆ log point   ○ disabled   » your cursor",
    "3× at the right: a decision stopped here three times in this run",
    "b sets or deletes a breakpoint   t runs to the cursor, T back to it   u d show caller and callee   ← → scroll",
)
_KEYWORDS = (
    "and as assert break class continue def del elif else except for from global if import in is lambda None not or "
    "pass raise return True False try while with yield"
).split()
_TOKEN = re.compile(
    r"(?P<comment>#.*)|(?P<string>\"[^\"]*\"|'[^']*')|(?P<number>\b0x[0-9a-f]+\b|\b\d+\b)"
    rf"|(?P<keyword>\b(?:{'|'.join(_KEYWORDS)})\b)"
)
GUTTER = 6
_HITS = 5


def selected(snap: Snapshot) -> CallView | None:
    """The call in view, None before the first and after the last."""
    return snap.calls[snap.frame] if 0 <= snap.frame < len(snap.calls) else None


def title(snap: Snapshot, look: Look) -> str:
    """Name of the function shown."""
    call = selected(snap)
    return f"{call.function}()" if call else "no call"


def cursor_line(snap: Snapshot, look: Look) -> int:
    """The line (from 1) under the cursor: the user's, else the current one; 0 if no source is shown."""
    call = selected(snap)
    return 0 if call is None else min(look.line or call.line, len(call.source))


def top_line(snap: Snapshot, look: Look, height: int) -> int:
    """First line shown (from 0): moves only as far as the line under the cursor needs, with a margin of two."""
    call = selected(snap)
    if call is None:
        return 0
    line, top = cursor_line(snap, look) - 1, look.tops.get("source", 0)
    margin = min(2, (height - 1) // 2)
    if not top <= line < top + height:
        top = line - height // 3
    top = min(top, line - margin)
    top = max(top, line + margin - height + 1)
    return max(0, min(top, len(call.source) - height))


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """At most ``height`` rows, each one line of the function."""
    call = selected(snap)
    if call is None:
        return [((f" {_nothing(snap)}", "dim"),)]
    top = top_line(snap, look, height)
    marks = {mark.line: mark for mark in reversed(look.breaks) if mark.function == call.function and mark.line}
    code_width = width - GUTTER - _HITS
    code = _coloured(call.source, width < 60)
    rows = []
    for at in range(top, min(top + height, len(call.source))):
        number = at + 1
        here = number == call.line
        mark = marks.get(number)
        under = number == look.line
        gutter = (
            (mark.glyph if mark else " ", "break"),
            ("▶" if here else "»" if under else " ", "here"),
            (f"{number:>3} ", "cursor" if under else "dim"),
        )
        text = _shift(code[at], look.left, code_width)
        if here:
            text = (("".join(part for part, _ in text), "here"),)
        used = sum(len(part) for part, _ in text)
        count = call.hits[at] if at < len(call.hits) else 0
        hits = f"{count:>4}×" if count else ""
        fill = max(code_width - used, 0)
        rows.append((*gutter, *text, (" " * fill, "here" if here else ""), (hits, "dim")))
    return rows


def _nothing(snap: Snapshot) -> str:
    """Why there is no source: a system call returns, the CPU in view does nothing, the run is over."""
    event = snap.event
    if event is None:
        return "no kernel function is running: the scenario has ended"
    verb = event.kind.removesuffix("-return")
    if verb == event.kind or snap.view_cpu != snap.cpu:
        return f"no kernel function is running on cpu{snap.view_cpu}"
    address = verb in ("mmap", "mremap") and event.outcome == "0"
    return f"{verb} returns {hexa(event.addr) if address else event.outcome}"


def code_of(call: CallView, line: int) -> str:
    """A line (from 1) without its strings, comments and keywords."""
    return " ".join(text for text, style in _coloured(call.source, False)[line - 1] if not style)


def _shift(code: Row, left: int, width: int) -> Row:
    """The part of a coloured line from column ``left`` on, at most ``width`` cells."""
    out = []
    for text, style in code:
        if left >= len(text):
            left -= len(text)
            continue
        text = crop(text[left:], width)
        left = 0
        width -= len(text)
        out.append((text, style))
        if width <= 0:
            break
    return tuple(out)


@lru_cache(64)
def _coloured(source: tuple[str, ...], narrow: bool) -> tuple[Row, ...]:
    """Every line as segments.  On a narrow pane an indent of four columns is drawn as two."""
    rows: list[Row] = []
    inside = False
    for line in source:
        quotes = line.count('"""')
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        pad = " " * (indent // 2 if narrow else indent)
        if inside or quotes:
            rows.append(((pad + body, "dim"),))
            inside ^= quotes % 2 == 1
        else:
            rows.append(_tokens(pad + body))
    return tuple(rows)


def _tokens(line: str) -> Row:
    out, last = [], 0
    for found in _TOKEN.finditer(line):
        out.append((line[last : found.start()], ""))
        kind = found.lastgroup or ""
        out.append((found.group(), {"comment": "dim"}.get(kind, kind)))
        last = found.end()
    out.append((line[last:], ""))
    return tuple(seg for seg in out if seg[0])
