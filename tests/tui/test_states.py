# SPDX-License-Identifier: GPL-2.0-only
"""No state is told by colour alone: where two snapshots differ in one state, so do their plain texts."""

from __future__ import annotations

import pytest

from kernelmodel.snapshot import CpuView, LockView, NextBlock, Snapshot, TimelineMark, View
from tests.tui.fake import snapshot, watches
from tui.paint import frame
from tui.paint.look import BreakMark, Look
from tui.paint.rows import plain

STOP = snapshot(7, 12, View(ptes=64))
MAPPED = snapshot(12, 14, View(ptes=64))


def _cell(snap: Snapshot, index: int, **others) -> Snapshot:
    cells = list(snap.ptes)
    cells[index] = cells[index]._replace(**others)
    return snap._replace(ptes=tuple(cells))


def _call(snap: Snapshot, **others) -> Snapshot:
    return snap._replace(calls=(*snap.calls[:-1], snap.calls[-1]._replace(**others)))


def _local(snap: Snapshot, **others) -> Snapshot:
    first, *rest = snap.calls[-1].locals
    return _call(snap, locals=(first._replace(**others), *rest))


def _order(**others) -> Snapshot:
    first, *rest = STOP.orders
    return STOP._replace(orders=(first._replace(**others), *rest))


def _zone(**others) -> Snapshot:
    return STOP._replace(zones=(STOP.zones[0]._replace(**others),))


def _mark(step: int, **others) -> Snapshot:
    marks = list(STOP.timeline)
    marks[step] = marks[step]._replace(**others)
    return STOP._replace(timeline=tuple(marks))


def _event(at: int, **others) -> Snapshot:
    events = list(STOP.events)
    events[at] = events[at]._replace(**others)
    return STOP._replace(events=tuple(events))


def _breaks(**others) -> Look:
    return Look(breaks=(BreakMark(1, "f:13", function="alloc_anon_folio", line=13)._replace(**others),))


TWO = STOP._replace(cpus=(CpuView(0, "write a", "stopped", "f", 3), CpuView(1, "read b", "runs", "g", 4)))
WATCH = STOP._replace(watches=watches(7, View(watch=("i",))))
ABSENT = WATCH.watches[0]._replace(ok=False)
SHORT = [(width, height) for width in (36, 80) for height in (4, 16)]


# pane, what a state is, without it, with it; a snapshot or a look
def _ended(ended: bool) -> Snapshot:
    """CPU 0 at a stop, in the middle of an event or behind it, then CPU 1 at two."""
    marks = (
        TimelineMark(0, 0, "step", False, False, ended),
        *(TimelineMark(at, 1, "alloc", False, False) for at in (1, 2)),
    )
    return TWO._replace(step=2, last=2, cpu=1, timeline=marks)


PAIRS = [
    ("source", "current line", _call(STOP, line=13), _call(STOP, line=14)),
    ("source", "cursor", Look(), Look(line=12)),
    ("source", "breakpoint", Look(), _breaks()),
    ("source", "conditional", _breaks(), _breaks(conditional=True)),
    ("source", "disabled", _breaks(), _breaks(enabled=False)),
    ("source", "log point", _breaks(), _breaks(log=True)),
    ("breaks", "conditional", _breaks(), _breaks(conditional=True)),
    ("breaks", "disabled", _breaks(), _breaks(enabled=False)),
    ("breaks", "log point", _breaks(), _breaks(log=True)),
    ("breaks", "disabled log point", _breaks(log=True), _breaks(log=True, enabled=False)),
    ("breaks", "temporary", _breaks(), _breaks(temporary=True)),
    ("breaks", "ignores", _breaks(), _breaks(ignore=2)),
    ("breaks", "the scenario's", _breaks(), _breaks(origin="scenario")),
    ("breaks", "trouble", _breaks(), _breaks(trouble="no value")),
    ("breaks", "cursor", _breaks(), Look(breaks=_breaks().breaks, row={"breaks": 0})),
    ("orders", "changed", _order(changed=False), _order(changed=True)),
    ("orders", "cursor i", _order(cursor=False), _order(cursor=True)),
    ("orders", "taken", _order(bounds=""), _order(bounds="ok")),
    ("orders", "rejected", _order(bounds="ok"), _order(bounds="below-vm_start")),
    ("orders", "cursor", Look(), Look(row={"orders": 0})),
    ("stack", "selected", STOP._replace(frame=3), STOP._replace(frame=2)),
    ("stack", "mechanism", _call(STOP, mechanism=False), _call(STOP, mechanism=True)),
    ("stack", "changed", _local(STOP, changed=False), _local(STOP, changed=True)),
    ("stack", "cursor", Look(), Look(row={"stack": 0})),
    (
        "stack",
        "cursor on a changed one",
        _local(STOP, changed=True),
        (_local(STOP, changed=True), Look(row={"stack": 0})),
    ),
    ("table", "changed", _cell(STOP, 9, changed=False), _cell(STOP, 9, changed=True)),
    ("table", "fault", STOP._replace(fault_index=6), STOP._replace(fault_index=5)),
    ("table", "fault on a page", MAPPED._replace(fault_index=6), MAPPED._replace(fault_index=5)),
    (
        "table",
        "head of a folio",
        _cell(STOP, 9, kind="page", order=2, head=False),
        _cell(STOP, 9, kind="page", order=2, head=True),
    ),
    ("table", "walk changed", STOP, STOP._replace(walk=(STOP.walk[0]._replace(changed=True), *STOP.walk[1:]))),
    (
        "table",
        "verdict",
        STOP._replace(brackets=(STOP.brackets[0]._replace(verdict="ok", why=""),)),
        STOP._replace(brackets=STOP.brackets[:1]),
    ),
    ("allocator", "watermark", _zone(free=400), _zone(free=300)),
    ("allocator", "below min", _zone(free=300), _zone(free=200)),
    ("allocator", "delta", _zone(delta=(0,) * 11), _zone(delta=(1,) + (0,) * 10)),
    ("allocator", "nothing would do", _zone(), _zone(next_block=(NextBlock(-1, -1, "no-block"),) * 11)),
    ("vmas", "the fault's", STOP._replace(vmas=(STOP.vmas[0]._replace(current=False),)), STOP),
    ("vmas", "cursor", Look(), Look(row={"vmas": 0})),
    ("changes", "cursor", (snapshot(9), Look()), (snapshot(9), Look(row={"changes": 0}))),
    ("changes", "a cell that changed", STOP, snapshot(9)),
    ("events", "present", STOP._replace(step=6), STOP),
    ("events", "cursor", Look(), Look(event=5)),
    ("events", "forced", _event(2, forced=False), _event(2, forced=True)),
    ("events", "answered", _event(2, natural=True), _event(2, natural=False)),
    ("events", "stopped by", Look(), Look(stopped={5: 1})),
    ("events", "marked", Look(), Look(marks={"a": 5})),
    ("timeline", "present", STOP._replace(step=6), STOP),
    ("timeline", "cursor", Look(), Look(mark=5)),
    ("timeline", "marked", Look(), Look(marks={"f": 4})),
    ("timeline", "forced", _mark(4, forced=False), _mark(4, forced=True)),
    ("timeline", "rejected", _mark(4, bad=False), _mark(4, bad=True)),
    ("timeline", "fallback", _mark(4, kind="alloc"), _mark(4, kind="fallback")),
    ("timeline", "in an event", _ended(True), _ended(False)),
    ("watch", "changed", WATCH._replace(watches=(WATCH.watches[0]._replace(changed=False),)), WATCH),
    ("watch", "no value", WATCH, WATCH._replace(watches=(ABSENT,))),
    ("watch", "cursor", (WATCH, Look()), (WATCH, Look(row={"watch": 0}))),
    ("cpus", "stopped", TWO._replace(cpu=1), TWO),
    ("cpus", "in view", TWO, TWO._replace(view_cpu=1)),
    ("cpus", "cursor", (TWO, Look(row={"cpus": 0})), (TWO, Look(row={"cpus": 1}))),
    ("cpus", "next", TWO, TWO._replace(cpus=(TWO.cpus[0], TWO.cpus[1]._replace(next=True)))),
    ("cpus", "can run", TWO, TWO._replace(cpus=(TWO.cpus[0], TWO.cpus[1]._replace(enabled=True)))),
    ("cpus", "waits", TWO, TWO._replace(locks=(LockView("ptl", 0, (1,)),))),
]


def _paint(pane: str, state, width: int = 80, height: int = 16):
    snap, look = (
        state
        if isinstance(state, tuple) and type(state) is tuple
        else (STOP, state)
        if isinstance(state, Look)
        else (state, Look())
    )
    return frame.PAINT[pane](snap, look, width, height)


@pytest.mark.parametrize(("pane", "what", "without", "having"), PAIRS, ids=[f"{p[0]}-{p[1]}" for p in PAIRS])
def test_a_state_can_be_read_without_colour(pane, what, without, having):
    assert [plain(row) for row in _paint(pane, without)] != [plain(row) for row in _paint(pane, having)]


@pytest.mark.parametrize(("width", "height"), SHORT)
def test_changed_locals_are_starred_on_the_smallest_pane(width, height):
    star = [plain(row) for row in _paint("stack", _local(STOP, changed=True, name="zz"), width, height)]
    assert any("*zz" in row for row in star)


def test_styles_that_tell_states_are_all_covered():
    """Each style that a painter gives to a state appears in one of the pairs."""
    seen = {style for pane, _, *states in PAIRS for state in states for row in _paint(pane, state) for _, style in row}
    states = {
        "here",
        "cursor",
        "changed",
        "break",
        "good",
        "head",
        "bad",
        "warn",
        "fault",
        "fallback",
        "forced",
        "mark",
        "past",
    }
    assert states <= seen


def _header(look: Look, snap: Snapshot = STOP) -> str:
    return frame.picture(snap, look, 160, 50)[0]


@pytest.mark.parametrize(
    ("look", "snap", "words"),
    [
        (Look(), STOP, " PAST 7/12 "),
        (Look(since=3, marks={"a": 3}), STOP, "since a=#3"),
        (Look(since=3), STOP, "since #3"),
        (Look(), STOP._replace(view_cpu=1), "CPU view cpu1"),
        (Look(), STOP._replace(edited=("variant = v3-off",)), "(edited)"),
        (Look(reason="break 1"), STOP, "break 1: "),
        (Look(), STOP._replace(mutants=(("drop R1", "no second look"),)), " MUTANT drop R1: no second look "),
        (Look(), STOP._replace(event=STOP.event._replace(forced=True)), "FORCED"),
    ],
)
def test_header_says_it_in_words(look, snap, words):
    assert words in _header(look, snap)
    assert words not in _header(Look(), snapshot(12))


def test_focus_is_a_heavy_rule_and_the_front_tab_is_in_brackets():
    look = Look()
    look.show("changes")
    lines = "\n".join(frame.picture(STOP, look, 120, 40))
    assert "[7 changes] ━━" not in lines
    assert "[7 changes]" in lines
    assert "━" in next(line for line in lines.splitlines() if "[7 changes]" in line)
    assert "━" not in next(line for line in lines.splitlines() if "9 events" in line)
