# SPDX-License-Identifier: GPL-2.0-only
"""What the mouse points at: always what is seen there."""

from __future__ import annotations

import pytest

from kernelmodel.snapshot import CpuView
from tests.tui.fake import BASE, START, snapshot
from tests.tui.test_frames import WATCHED, look
from tui.paint import frame
from tui.paint.hit import Hit, hit
from tui.paint.layout import PANES
from tui.paint.look import Look
from tui.paint.panes import tab

SIZES = [(80, 24), (120, 40), (200, 60), (45, 12)]


class Screen:
    """A painted screen that can be pointed at."""

    def __init__(self, width: int, height: int, focus: str = "source", step: int = 8, last: int = 14, **others) -> None:
        self.width, self.height = width, height
        self.look: Look = look(focus, **others)
        self.snap = snapshot(step, last, frame.view_for(self.look, step, width, height)._replace(watch=WATCHED))
        self.paint()

    def paint(self) -> None:
        frame.settle(self.snap, self.look, self.width, self.height)
        self.lines = frame.picture(self.snap, self.look, self.width, self.height)

    def at(self, x: int, y: int) -> Hit | None:
        return hit(self.snap, self.look, self.width, self.height, x, y)

    def on(self, text: str, by: int = 0, below: str = "") -> Hit | None:
        """What is at the first place where ``text`` is seen (under the line that has ``below``)."""
        begin = next((y for y, line in enumerate(self.lines) if below in line), 0) if below else 1
        y = next(y for y in range(begin, len(self.lines)) if text in self.lines[y])
        return self.at(self.lines[y].index(text) + by, y)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("focus", PANES)
def test_every_cell_of_every_screen_has_an_answer(width, height, focus):
    screen = Screen(width, height, focus)
    for y in range(height):
        for x in {*range(y % 7, width, 7), 0, width - 1}:
            found = screen.at(x, y)
            assert (found is None) is (y == 0 or y >= height - 2)
            assert found is None or found.pane in PANES


def test_header_and_footer_are_no_pane():
    screen = Screen(80, 24)
    assert screen.at(5, 0) is None
    assert screen.at(5, 23) is None
    assert hit(screen.snap, screen.look, 20, 5, 3, 3) is None


@pytest.mark.parametrize(
    ("words", "pane"),
    [
        ("5 allocator", "allocator"),
        ("8 time", "timeline"),
        ("watch", "watch"),
        ("console", "console"),
        ("[9 events", "events"),
    ],
)
def test_tabs(words, pane):
    assert Screen(80, 24).on(words, 1) == Hit(pane, "tab", pane)


def test_the_dots_are_the_next_tab_that_has_no_room():
    screen = Screen(45, 12, "orders")
    slot = frame.layout(screen.look, 45, 12)[1]
    reached = set()
    for _ in range(len(PANES)):
        assert "…" in screen.lines[slot.y]
        x = screen.lines[slot.y].index("…")
        reached |= {screen.at(at, slot.y).pane for at in range(x)}
        found = screen.at(x, slot.y)
        assert found.what == "tab"
        assert f" {tab(found.pane)} " not in screen.lines[slot.y][:x]
        screen.look.show(found.pane)
        screen.paint()
    assert reached == set(slot.panes)


def test_the_rule_beside_the_tabs_is_the_front_pane():
    screen = Screen(80, 24, "vmas")
    y = next(y for y, line in enumerate(screen.lines) if "[6 vmas]" in line)
    assert screen.at(79, y) == Hit("vmas")


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_source_gutter_and_line(width, height):
    screen = Screen(width, height, step=7)
    row = next(y for y, line in enumerate(screen.lines) if "◐▶ 13" in line)
    assert screen.at(1, row) == Hit("source", "gutter", "alloc_anon_folio:13")
    assert screen.at(20, row + 1) == Hit("source", "line", 14)


def test_below_the_last_line_there_is_none():
    screen = Screen(80, 24, step=8)
    assert screen.at(10, 10) == Hit("source")


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_events(width, height):
    screen = Screen(width, height)
    assert screen.on("#7 ", 3, "9 events") == Hit("events", "event", 7)
    assert screen.on("*#8 ", 3, "9 events") == Hit("events", "event", 8)


def test_events_where_the_cursor_has_scrolled_them():
    screen = Screen(80, 24, "events", event=2)
    assert screen.on("»#2 ", 2) == Hit("events", "event", 2)


def test_timeline_columns_are_steps():
    screen = Screen(120, 40)
    assert screen.on("gotOuVdV!", 8) == Hit("timeline", "step", 8)
    assert screen.on("gotOuVdV!", 0) == Hit("timeline", "step", 0)
    assert screen.on(" cpu0  got", 2) == Hit("timeline")


def test_overview_columns_are_buckets_of_steps():
    look_ = look("timeline", layout="time")
    snap = snapshot(8, 14, frame.view_for(look_, 8, 40, 10))
    marks = tuple(snap.timeline[0]._replace(step=step) for step in range(330))
    snap = snap._replace(timeline=marks[100:140], last=329, step=110)
    lines = frame.picture(snap, look_, 40, 10)
    y = next(y for y, line in enumerate(lines) if line.startswith(" all "))
    assert hit(snap, look_, 40, 10, 7 + 33 // 2, y) == Hit("timeline", "step", 160)
    present = lines[y + 2].index("▲")
    assert hit(snap, look_, 40, 10, present, y + 1) == Hit("timeline", "step", 110)


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_ptes(width, height):
    screen = Screen(width, height, "table")
    assert screen.on("··---F", 5, "4 page table") == Hit("table", "pte", START + 0x3000)
    assert screen.on("··---F", 0, "4 page table") == Hit("table", "pte", BASE)
    assert screen.on("order 4", 0, "4 page table") == Hit("table")
    assert screen.on("000 ··", 0) == Hit("table")


def test_ptes_below_the_brackets():
    screen = Screen(120, 40, "table", layout="memory")
    first = BASE + 0x40 * 4096
    assert screen.on(" 040 ----", 5) == Hit("table", "pte", first)


@pytest.mark.parametrize(
    ("pane", "text", "row"),
    [
        ("breaks", "3 ○", 2),
        ("watch", "zone->nr_free", 1),
        ("orders", "[1] 3", 1),
        ("vmas", "VM_READ", 0),
        ("cpus", "cpu0", 0),
    ],
)
def test_rows(pane, text, row):
    assert Screen(200, 60, pane).on(text, 1, "watch (3)" if pane == "watch" else "") == Hit(pane, "row", row)


def test_rows_of_a_list_that_is_scrolled():
    screen = Screen(80, 24, "breaks")
    screen.look.row["breaks"] = 5
    screen.paint()
    assert screen.on("6 ◐") == Hit("breaks", "row", 5)
    assert screen.on("5 ●") == Hit("breaks", "row", 4)


@pytest.mark.parametrize(("width", "height"), SIZES[:3])
def test_calls(width, height):
    screen = Screen(width, height, "stack", step=7)
    assert screen.on("#0 alloc_anon_folio", 4) == Hit("stack", "frame", 3)
    assert screen.on("#2 handle_pte_fault", 4) == Hit("stack", "frame", 1)
    assert screen.on("*i") == Hit("stack")


def test_changes_and_counters():
    screen = Screen(200, 60, "changes", step=9)
    assert screen.on("page 0x123 refcount") == Hit("changes", "row", 1)


def test_cpus_row_of_several():
    screen = Screen(120, 40, "cpus", cpus=2)
    screen.snap = screen.snap._replace(cpus=(*screen.snap.cpus, CpuView(1, "read b", "runs", "f", 3)))
    screen.paint()
    assert screen.on("cpu1") == Hit("cpus", "row", 1)
