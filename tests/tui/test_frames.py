# SPDX-License-Identifier: GPL-2.0-only
"""Whole screens and panes as text."""

from __future__ import annotations

import pytest

from kernelmodel.snapshot import View
from tests.tui.fake import snapshot
from tests.tui.golden import agrees
from tui.paint import frame
from tui.paint.layout import PANES
from tui.paint.layouts import LAYOUTS, choose
from tui.paint.look import BreakMark, Look
from tui.paint.rows import cells, fit, plain
from tui.panes.palette import STYLES

SIZES = [(80, 24), (120, 40), (200, 60)]
MARKS = (
    BreakMark(1, "fallback", "fallback", hits=1),
    BreakMark(2, "alloc_anon_folio:13 if order == 3", function="alloc_anon_folio", line=13, conditional=True),
    BreakMark(3, "alloc_anon_folio:16", function="alloc_anon_folio", line=16, enabled=False),
    BreakMark(4, 'alloc_anon_folio:15 log "i={i}"', function="alloc_anon_folio", line=15, log=True, hits=2),
    BreakMark(5, "watch i", watch=True, ignore=2, origin="scenario"),
    BreakMark(6, "alloc if nosuch", "alloc", conditional=True, temporary=True, trouble="no value of nosuch"),
)
WATCHED = ("i", "zone->nr_free_pages", "nosuch")
CONSOLE = ("(thp) break fallback", "breakpoint 1: fallback", "(thp) continue", "break 1 at #8: fallback vma-bounds")


def look(focus: str = "source", **others) -> Look:
    made = Look(breaks=MARKS, stopped={8: 1}, reason="break 1", marks={"a": 3}, console=CONSOLE, **others)
    made.show(focus)
    return made


def screen(step: int, last: int, width: int, height: int, focus: str = "source", **others) -> list[str]:
    return shown(look(focus, **others), step, last, width, height)


def shown(settings: Look, step: int, last: int, width: int, height: int) -> list[str]:
    snap = snapshot(step, last, frame.view_for(settings, step, width, height)._replace(watch=WATCHED))
    frame.settle(snap, settings, width, height)
    return frame.picture(snap, settings, width, height)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("step", "last"), [(0, 0), (8, 8), (7, 14), (12, 12), (14, 14)])
def test_screen(step, last, width, height):
    lines = screen(step, last, width, height)
    assert len(lines) == height
    assert {cells(line) for line in lines} == {width}
    agrees(f"screen-{width}x{height}-step{step}of{last}", lines)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "auto"])
@pytest.mark.parametrize(("width", "height"), SIZES[:2])
def test_layout(name, width, height):
    settings = look()
    choose(settings, name)
    agrees(f"layout-{name}-{width}x{height}", shown(settings, 9, 12, width, height))


def test_ascii_screen():
    lines = screen(8, 14, 80, 24, ascii=True)
    assert "".join(lines).isascii()
    agrees("screen-80x24-ascii", lines)


@pytest.mark.parametrize("pane", PANES)
@pytest.mark.parametrize("step", [0, 7, 9, 12])
def test_pane(pane, step):
    settings = look(pane)
    rows = frame.PAINT[pane](snapshot(step, 12, View(ptes=128, watch=WATCHED)), settings, 70, 16)
    agrees(f"pane-{pane}-step{step}", [plain(fit(row, 70)) for row in rows])


def test_one_call_in_a_low_pane_hides_no_others():
    snap = snapshot(7)
    one = snap._replace(calls=snap.calls[:1], frame=0)
    assert not any("more" in plain(row) for row in frame.PAINT["stack"](one, look(), 35, 3))


def test_first_screen_has_stack_orders_and_source_at_80x24():
    text = "\n".join(screen(0, 0, 80, 24))
    assert "#0 __handle_mm_fault:6" in text
    assert "policy has not spoken yet" in text
    assert "▶  6   yield Decision('pmd-gate'" in text


def test_past_is_marked_and_present_is_not():
    assert " PAST 7/14 " in screen(7, 14, 80, 24)[0]
    assert "PAST" not in screen(14, 14, 80, 24)[0]


def test_rejected_range_is_drawn_under_the_cells_it_covers():
    lines = screen(8, 8, 80, 24)
    row = next(line for line in lines if line.startswith(" 000 "))
    bracket = lines[lines.index(row) + 1]
    assert bracket.index("╰") == row.index("··")
    assert bracket.index("╯") - bracket.index("╰") == 15
    assert "range starts 0x2000 below vm_start" in bracket


def test_changed_cells_carry_a_mark_besides_the_colour():
    rows = frame.PAINT["allocator"](snapshot(9), look(), 60, 12)
    assert plain(rows[2]).startswith("*delta")
    assert "-1" in plain(rows[2])
    cells_row = next(row for row in frame.PAINT["table"](snapshot(12), look(), 80, 8) if "000" in plain(row))
    assert plain(cells_row)[0] == "*"
    assert plain(frame.PAINT["stack"](snapshot(7), look(), 80, 16)[7]).startswith(" *i ")
    assert plain(frame.PAINT["orders"](snapshot(7), look(), 40, 4)[1])[1] == "*"


@pytest.mark.parametrize(("width", "height"), [(59, 19), (40, 10), (60, 20), (79, 23), (99, 31), (160, 50), (300, 100)])
def test_every_size_is_filled_exactly(width, height):
    for focus in PANES:
        lines = screen(9, 12, width, height, focus)
        assert len(lines) == height
        assert {cells(line) for line in lines} == {width}


@pytest.mark.parametrize(("width", "height"), [(39, 24), (80, 9), (1, 1), (20, 3)])
def test_too_small_for_panes_says_so(width, height):
    lines = screen(9, 12, width, height)
    assert len(lines) == height
    if width > 20:
        assert "too small" in lines[0]


def test_zoomed_pane_has_the_whole_screen():
    settings = look("allocator")
    settings.zoom = True
    lines = frame.picture(snapshot(9), settings, 80, 24)
    assert "5 allocator" in lines[1]
    assert "alloc_anon_folio" not in "\n".join(lines[1:-2])


def test_painters_use_known_styles_only():
    for step in range(15):
        for pane in PANES:
            for row in frame.PAINT[pane](snapshot(step, 14), look(pane), 70, 16):
                assert {style for _, style in row} <= set(STYLES)
