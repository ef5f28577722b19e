# SPDX-License-Identifier: GPL-2.0-only
"""What is under the cursor, and how the cursor moves."""

from __future__ import annotations

import pytest

from kernelmodel.expr.grammar import parse
from kernelmodel.snapshot import Change, CpuView, View
from tests.tui.fake import ALLOC, FAULT, snapshot
from tests.tui.test_frames import MARKS, WATCHED, look
from tui.paint import frame
from tui.paint.layout import PANES
from tui.paint.look import Look
from tui.paint.under import cell, expression, location, number_of, step_of, under
from tui.panes.moves import Eye, Place, move

SNAP = snapshot(9, 12, View(watch=WATCHED, ptes=64))
PLACE = Place(70, 10)


def press(pane: str, *keys: str, snap=SNAP, settings: Look | None = None) -> Eye:
    settings = settings or look(pane)
    settings.focus = pane
    eye = Eye(settings)
    for key in keys:
        move(eye, snap, key, PLACE)
    return eye


@pytest.mark.parametrize("pane", PANES)
@pytest.mark.parametrize("step", [0, 3, 7, 9, 12, 14])
def test_every_expression_under_a_cursor_can_be_parsed(pane, step):
    snap = snapshot(step, 14, View(watch=WATCHED))
    for keys in ([], ["down"], ["right", "down"], ["end"], ["home", "down", "right"]):
        eye = press(pane, *keys, snap=snap)
        text = expression(snap, eye.look)
        if text:
            parse(text)


@pytest.mark.parametrize(
    ("line", "text"), [(4, "prefer"), (11, "addr"), (10, "orders"), (14, "fits"), (2, ""), (15, "")]
)
def test_word_on_the_source_line(line, text):
    assert expression(snapshot(7), Look(line=line)) == text, ALLOC[line - 1]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ([], "orders[2]"),
        (["up"], "orders[2]"),
        (["down"], "orders[0]"),
        (["down", "down"], "orders[1]"),
        (["end"], "orders[2]"),
    ],
)
def test_orders(keys, text):
    assert expression(SNAP, press("orders", *keys).look) == text


def test_locals_left_and_right():
    snap = snapshot(7)
    assert expression(snap, press("stack", "right", snap=snap).look) == "vma"
    assert expression(snap, press("stack", "right", "right", snap=snap).look) == "prefer"
    assert expression(snap, press("stack", "left", snap=snap).look) == "fits"
    eye = press("stack", "right", "down", snap=snap)
    assert eye.frame == snap.frame - 1
    assert "stack" not in eye.look.row


def test_members_of_structs_are_listed_last():
    snap = snapshot(7)
    first = snap.calls[-1].locals[0]
    call = snap.calls[-1]._replace(locals=(first._replace(name="vmf->pmd"), first._replace(name="i")))
    snap = snap._replace(calls=(*snap.calls[:-1], call))
    assert expression(snap, press("stack", "right", snap=snap).look) == "i"
    assert expression(snap, press("stack", "right", "right", snap=snap).look) == "vmf->pmd"


@pytest.mark.parametrize("many", [1, 4, 30])
def test_the_local_under_the_cursor_is_in_sight(many):
    snap = snapshot(7)
    first = snap.calls[-1].locals[0]._replace(text="x" * 20)
    call = snap.calls[-1]._replace(locals=tuple(first._replace(name=f"v{at}") for at in range(many)))
    snap = snap._replace(calls=(*snap.calls[:-1], call))
    for at in range(many):
        settings = Look(row={"stack": at})
        settings.show("stack")
        text = "\n".join(frame.picture(snap, settings, 80, 24))
        assert f"» v{at}" in text


def test_pte_and_free_area():
    assert expression(SNAP, look("table")) == f"pte({FAULT:#x})"
    assert expression(SNAP, look("allocator")) == "zone->nr_free_pages"
    eye = press("allocator", "right", "right", "right")
    assert expression(SNAP, eye.look) == "zone->free_area[2].nr_free"
    assert "» order 2" in frame.TITLE["allocator"](SNAP, eye.look)
    assert expression(SNAP, press("allocator", "left").look) == "zone->free_area[10].nr_free"


def test_watched_expression_and_breakpoint():
    assert expression(SNAP, press("watch", "down", "down").look) == "zone->nr_free_pages"
    assert number_of(SNAP, press("breaks", "down", "down", "down").look) == 3
    assert number_of(SNAP, press("breaks", "end").look) == 6
    assert number_of(SNAP, Look(focus="breaks")) == 0
    assert number_of(snapshot(7), Look(line=13, breaks=MARKS)) == 2
    assert number_of(snapshot(7), Look(line=12, breaks=MARKS)) == 0


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("mm main ->nr_ptes", "mm->nr_ptes"),
        ("vma heap ->anon_vma", "vma->anon_vma"),
        ("zone Normal nr_free_pages", "zone->nr_free_pages"),
        ("Normal free_area[3].nr_free (movable)", "zone->free_area[3].nr_free"),
        ("pte table 4 [0x005]", f"pte({FAULT:#x})"),
        ("pte table 4 [0x005..0x00f]", f"pte({FAULT:#x})"),
        ("pte table 4 [0x1ff]", ""),
        ("memcg_usage", "memcg->usage"),
        ("pgfault", "vmstat->pgfault"),
        ("page 0x100000 _refcount", ""),
    ],
)
def test_cells_as_c_names_them(what, text):
    assert cell(SNAP, what) == text


def test_changes_and_counters_under_the_cursor():
    snap = snapshot(13)._replace(changes=(Change("pgfault", "0", "1", 13),))
    assert expression(snap, press("changes", "down", snap=snap).look) == "vmstat->pgfault"
    assert expression(snap, press("changes", "end", snap=snap).look) == "vmstat->pgfault"
    assert press("changes", "end", snap=snap).look.row["changes"] == 1


def test_places_to_break_on():
    snap = snapshot(7, 9)
    assert location(snap, Look(line=12)) == "alloc_anon_folio:12"
    assert location(snap, look("source")) == "alloc_anon_folio:13"
    assert location(snap, press("events", "down", snap=snap).look) == "fallback"
    assert location(snap, press("timeline", "left", snap=snap).look) == "step-down"
    assert location(snap, look("stack")) == "alloc_anon_folio:13"
    assert location(snap, look("vmas")) == ""


def test_steps():
    assert step_of(SNAP, press("events", "up").look) == 8
    assert step_of(SNAP, press("timeline", "right", "right").look) == 11
    assert step_of(SNAP, look("timeline")) == 9
    assert step_of(SNAP, look("source")) == -1


def test_under_is_what_the_command_line_takes():
    assert under(SNAP, press("breaks", "down", "down").look, "breaks") == "2"
    assert under(SNAP, press("events", "up").look, "events") == "8"
    assert under(SNAP, look("cpus"), "cpus") == "0"
    assert under(SNAP, look("table"), "table").startswith("pte(")
    assert under(SNAP, look("console"), "console") == ""
    assert under(snapshot(14), look("source"), "source") == ""


@pytest.mark.parametrize("pane", PANES)
def test_cursors_stay_inside(pane):
    keys = ["up", "left", "page_up", "home", "down", "right", "page_down", "end", "down", "right", "page_down"]
    for snap in (SNAP, snapshot(14), snapshot(0)):
        settings = look(pane)
        for key in keys:
            press(pane, key, snap=snap, settings=settings)
            frame.settle(snap, settings, 120, 40)
            frame.picture(snap, settings, 120, 40)
        many = {"breaks": 6, "watch": len(snap.watches), "orders": len(snap.orders), "vmas": 1, "cpus": 1}.get(pane, 99)
        assert settings.row.get(pane, 0) <= max(many - 1, 0)


def test_cursor_row_is_scrolled_into_sight():
    settings = look("breaks")
    settings.row["breaks"] = 5
    frame.settle(SNAP, settings, 80, 24)
    lines = frame.picture(SNAP, settings, 80, 24)
    assert any("» 6 ◐" in line for line in lines)


def test_scrolled_to_the_end_one_up_is_one_up():
    settings = look("allocator")
    press("allocator", "end", settings=settings)
    frame.settle(SNAP, settings, 80, 24)
    end = settings.tops["allocator"]
    press("allocator", "up", settings=settings)
    assert settings.tops["allocator"] == end - 1 < 100


def test_console_scrolls_from_the_newest():
    settings = look("console")
    settings.console = [f"line {at}" for at in range(50)]
    assert "line 49" in "\n".join(frame.picture(SNAP, settings, 120, 40))
    press("console", "up", "up", settings=settings)
    text = "\n".join(frame.picture(SNAP, settings, 120, 40))
    assert "line 47" in text
    assert "line 49" not in text
    assert "↓ 2 below" in text
    press("console", "home", settings=settings)
    frame.settle(SNAP, settings, 120, 40)
    assert "line 0" in "\n".join(frame.picture(SNAP, settings, 120, 40))
    press("console", "end", settings=settings)
    assert "line 49" in "\n".join(frame.picture(SNAP, settings, 120, 40))


def test_long_console_lines_go_on_in_the_next_row():
    settings = look("console")
    settings.console = ["x" * 150]
    rows = frame.PAINT["console"](SNAP, settings, 80, 5)
    assert [len(row[0][0]) - 1 for row in rows] == [79, 71]


def test_cpu_under_the_cursor():
    snap = SNAP._replace(cpus=(*SNAP.cpus, CpuView(3, "", "done", "", 0)))
    assert under(snap, press("cpus", "down", "down", snap=snap).look, "cpus") == "3"
