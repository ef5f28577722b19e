# SPDX-License-Identifier: GPL-2.0-only
"""What is under the cursor: an expression, a place to break on, a breakpoint, a step."""

from __future__ import annotations

import re

from kernelmodel.snapshot import CallView, Snapshot
from tui.paint import events, source, stack
from tui.paint.look import Look
from tui.paint.rows import hexa

_WORD = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CELLS = (
    (re.compile(r"mm \S+ ->(\w+)"), r"mm->\1"),
    (re.compile(r"vma \S+ ->(\w+)"), r"vma->\1"),
    (re.compile(r"zone \S+ (nr_free_pages)"), r"zone->\1"),
    (re.compile(r"\S+ free_area\[(\d+)\]\.nr_free.*"), r"zone->free_area[\1].nr_free"),
    (re.compile(r"memcg_usage"), "memcg->usage"),
    (re.compile(r"([A-Za-z]\w+)"), r"vmstat->\1"),
)
"""How the panes name a cell, and how C does."""
_PTE = re.compile(r"pte table \d+ \[0x([0-9a-f]+)")


def under(snap: Snapshot, look: Look, pane: str) -> str:
    """What is under the cursor of a pane, as the command line takes it; '' if nothing is."""
    if pane == "breaks":
        return str(number_of(snap, look, pane) or "")
    if pane in ("events", "timeline"):
        step = step_of(snap, look, pane)
        return str(step) if step >= 0 else ""
    if pane == "cpus":
        return str(snap.cpus[_row(look, pane, len(snap.cpus))].cpu) if snap.cpus else ""
    return expression(snap, look, pane)


def expression(snap: Snapshot, look: Look, pane: str = "") -> str:
    """The variable, cell or watched expression under the cursor of a pane (the focused one), in C; '' if none is."""
    found = _EXPRESSIONS.get(pane or look.focus)
    return found(snap, look) if found else ""


def location(snap: Snapshot, look: Look, pane: str = "") -> str:
    """Where a breakpoint would be set: ``alloc_anon_folio:13``, or the kind of the event under the cursor."""
    pane = pane or look.focus
    step = step_of(snap, look, pane)
    if step >= 0:
        kinds = {mark.step: mark.kind for mark in snap.timeline} | {each.step: each.kind for each in snap.events}
        return kinds.get(step, "")
    call = source.selected(snap)
    if call is None or pane not in ("source", "stack"):
        return ""
    return f"{call.function}:{source.cursor_line(snap, look) if pane == 'source' else call.line}"


def number_of(snap: Snapshot, look: Look, pane: str = "") -> int:
    """Number of the breakpoint under the cursor, in the list or on the source line; 0 if there is none."""
    pane = pane or look.focus
    if pane == "breaks":
        return look.breaks[_row(look, pane, len(look.breaks))].number if look.breaks else 0
    call = source.selected(snap)
    if call is None or pane != "source":
        return 0
    line = source.cursor_line(snap, look)
    return next((each.number for each in look.breaks if (each.function, each.line) == (call.function, line)), 0)


def step_of(snap: Snapshot, look: Look, pane: str = "") -> int:
    """The step under the cursor of the events or the timeline, -1 elsewhere."""
    pane = pane or look.focus
    if pane == "events":
        return events.cursor_step(snap, look)
    if pane == "timeline":
        return look.mark if look.mark >= 0 else snap.step
    return -1


def _row(look: Look, pane: str, many: int) -> int:
    return max(0, min(look.row.get(pane, 0), many - 1))


def _source(snap: Snapshot, look: Look) -> str:
    """The first name on the line that begins with a local of the call."""
    call = source.selected(snap)
    line = source.cursor_line(snap, look)
    if call is None or not line:
        return ""
    known = {local.name for local in call.locals}
    words: list[str] = _WORD.findall(source.code_of(call, line))
    return next((_in_c(word, call) for word in words if word.split(".")[0] in known), "")


def _in_c(word: str, call: CallView) -> str:
    """``vmf.address`` is ``vmf->address``, if that has a value; else what it begins with."""
    parts = word.split(".")
    known = {local.name for local in call.locals}
    while len(parts) > 1 and "->".join(parts) not in known and not _member(parts):
        parts.pop()
    return "->".join(parts)


def _member(parts: list[str]) -> bool:
    """Can this be a member in C?  Methods of the model are none."""
    return len(parts) == 2 and parts[0] in ("vmf", "vma", "folio", "mm", "zone") and parts[1] not in ("m", "get")


def _stack(snap: Snapshot, look: Look) -> str:
    call = source.selected(snap)
    return stack.in_order(call)[_row(look, "stack", len(call.locals))].name if call and call.locals else ""


def _orders(snap: Snapshot, look: Look) -> str:
    if not snap.orders:
        return ""
    here = next((at for at, row in enumerate(snap.orders) if row.cursor), 0)
    at = look.row.get("orders", here)
    return f"orders[{max(0, min(at, len(snap.orders) - 1))}]"


def _table(snap: Snapshot, look: Look) -> str:
    return f"pte({hexa(snap.entry.addr)})" if snap.entry else ""


def _allocator(snap: Snapshot, look: Look) -> str:
    if snap.zone_at:
        return ""  # ``zone`` is the first one
    order = look.row.get("allocator", -1)
    return f"zone->free_area[{order}].nr_free" if order >= 0 else "zone->nr_free_pages"


def _vmas(snap: Snapshot, look: Look) -> str:
    current = [vma.current for vma in snap.vmas]
    at = _row(look, "vmas", len(current))
    return "vma->vm_start" if current and current[at] else hexa(snap.vmas[at].start) if current else ""


def _watch(snap: Snapshot, look: Look) -> str:
    return snap.watches[_row(look, "watch", len(snap.watches))].text if snap.watches else ""


def _changes(snap: Snapshot, look: Look) -> str:
    at = look.row.get("changes", 0)
    behind = at - max(len(snap.changes), 1)
    if 0 <= behind < len(snap.counters):
        return f"vmstat->{snap.counters[behind][0]}"
    return cell(snap, snap.changes[at].what) if 0 <= at < len(snap.changes) else ""


def cell(snap: Snapshot, what: str) -> str:
    """The expression for a cell that the changes name; '' for one that C can't reach from here."""
    pte = _PTE.match(what)
    if pte:
        entry = int(pte.group(1), 16)
        return next((f"pte({hexa(each.addr)})" for each in snap.ptes if each.entry == entry), "")
    for pattern, text in _CELLS:
        if found := pattern.fullmatch(what):
            return found.expand(text)
    return ""


_EXPRESSIONS = {
    "source": _source, "stack": _stack, "orders": _orders, "table": _table, "allocator": _allocator, "vmas": _vmas,
    "watch": _watch, "changes": _changes,
}  # fmt: skip
