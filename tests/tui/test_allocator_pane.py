# SPDX-License-Identifier: GPL-2.0-only
"""The allocator's pane: its views, what they say of real machines, and the keys and the mouse in them."""

from __future__ import annotations

import pytest

from kernelmodel.look import request as look_request
from kernelmodel.look.asked import Asked
from kernelmodel.look.names import find_local
from kernelmodel.mm.stages import parse
from kernelmodel.session import Session
from kernelmodel.snapshot import NextBlock, Snapshot, View
from kernelmodel.structs import Folio
from tests.build import session
from tests.tui.shell import FakeShell
from tui.paint import allocator, blockmap, frame, request
from tui.paint.allocator import VIEWS, taken, views
from tui.paint.columns import aligned, column_at
from tui.paint.hit import Hit, hit
from tui.paint.look import Look
from tui.paint.rows import plain

TYPES = """[memory]
size = "64M"
free = { Movable = { 0 = 30, 1 = 2, 4 = 1 }, Unmovable = { 4 = 1, 9 = 1 }, Reclaimable = { 0 = 5 } }
min = "64K"
"""
AGED = '[memory]\nsize = "1G"\nfragment = { seed = 1, unmovable = 0.1, free = 0.2 }\n'
NODES = """
[[memory.node]]
[[memory.node.zone]]
name = "DMA32"
size = "1G"
free = { 9 = 20 }
min = "1M"
[[memory.node.zone]]
name = "Normal"
size = "64M"
free = { 0 = 300 }
min = "1M"
[[memory.node]]
[[memory.node.zone]]
name = "Normal"
size = "64M"
"""


def at_alloc(text: str, **others: str) -> Session:
    """At the first allocation."""
    s = session(text, **others)
    while s.event(s.step).kind != "alloc":
        s.advance()
    return s


def rows(s: Session, name: str, width: int = 100, height: int = 21, **others) -> list[str]:
    """A view as text."""
    look = Look(allocator=name, **others)
    snap = seen(s, look, width, height)
    return [plain(row).rstrip() for row in frame.PAINT["allocator"](snap, look, width, height)]


def seen(s: Session, look: Look, width: int, height: int) -> Snapshot:
    parts = {"allocator": tuple(views(look, height)), "cells": allocator.cells(look, width, height)}
    view = View(**parts, zone=look.zone, order=look.row.get("allocator", -1), cell_at=look.cell_at, scale=look.scale)
    return s.snapshot(view)


def shell(text: str, *keys: str, width: int = 100, height: int = 24) -> FakeShell:
    """The pane on the whole screen."""
    return FakeShell(width, height, session(text)).press("5", "z", *keys)


# -- which views -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("first", VIEWS)
@pytest.mark.parametrize("height", [1, 5, 9, 15, 21, 40, 57])
def test_the_chosen_view_is_first_and_all_rows_are_given_away(first, height):
    given = views(Look(allocator=first), height)
    assert next(iter(given)) == first
    assert sum(given.values()) == height
    assert all(given[name] == allocator.ROWS[name] for name in given if name != first)
    assert len(given) == 1 or given[first] >= allocator.FIRST[first]


def test_a_low_pane_has_one_view_and_a_high_one_all():
    assert list(views(Look(), 9)) == ["lists"]
    assert set(views(Look(), 57)) == set(VIEWS)


def test_keys_turn_views_and_zones():
    desk = FakeShell(100, 24, session(NODES)).press("V").desk
    assert desk.look.focus == "allocator"  # from another pane only the way there
    assert desk.look.allocator == "lists"
    for name in (*VIEWS[1:], VIEWS[0]):
        desk.shell.press("V")
        assert desk.look.allocator == name
        assert f"allocator {name} (V)" in frame.TITLE["allocator"](desk.snap, desk.look)
    titles = []
    for _ in range(4):
        titles.append(frame.TITLE["allocator"](desk.snap, desk.look).partition("(V)  ")[2])
        desk.shell.press("Z")
    assert titles == [
        "node 0 zone Normal (Z 1/3)", "node 0 zone DMA32 (Z 2/3)", "node 1 zone Normal (Z 3/3)",
        "node 0 zone Normal (Z 1/3)",
    ]  # fmt: skip


def test_a_title_without_room_still_names_the_view():
    fake = FakeShell(80, 24, session(TYPES)).press("5")
    assert "[5 allocator]" in fake.text
    assert "[5 allocator: test]" in fake.press("V").text


def test_a_cpu_that_there_is_not_is_the_one_that_stopped():
    s = session(TYPES)
    assert s.snapshot(View(cpu=5, allocator=VIEWS)).request == s.snapshot(View(allocator=VIEWS)).request


def test_one_zone_needs_no_key():
    assert "(Z" not in shell(TYPES).text


def test_a_snapshot_holds_few_zones_of_many():
    text = "".join('[[memory.node]]\nsize = "4M"\n' for _ in range(40))
    snap = session(text).snapshot(View())
    assert (len(snap.zones), len(snap.zone_names)) == (4, 40)


# -- lists -----------------------------------------------------------------------------------------------
def test_lists_by_type_and_what_the_last_step_changed():
    s = at_alloc(TYPES)
    assert rows(s, "lists", height=12)[:6] == [
        " order   0  1  2  3  4  5  6  7  8  9 10",
        " free   35  2  0  0  2  0  0  0  0  1  0",
        " delta   .  .  .  .  .  .  .  .  .  .  .",
        " Unmov   0  0  0  0  1  0  0  0  0  1  0",
        " Mov    30  2  0  0  1  0  0  0  0  0  0",
        " Recl    5  0  0  0  0  0  0  0  0  0  0",
    ]
    assert "▶next order 4: pfn" in "\n".join(rows(s, "lists", height=12))
    s.advance()
    shown = rows(s, "lists", height=12)
    assert shown[2] == "*delta   .  .  .  . -1  .  .  .  .  .  ."
    at = next(n for n, row in enumerate(shown) if row.startswith(" Mov"))
    assert shown[at + 1] == shown[2]
    assert not any(row.startswith("*delta") for row in shown[at + 2 :])


def test_a_plain_machine_has_no_rows_by_type():
    assert [row[:6] for row in rows(session('[memory]\nsize = "64M"\n'), "lists", height=9)][:4] == [
        " order", " free ", " delta", " free ",
    ]  # fmt: skip


def test_the_order_under_the_cursor_comes_first():
    shown = rows(at_alloc(TYPES), "lists", height=14, row={"allocator": 9})
    found = [row for row in shown if "next order" in row]
    assert "next order 9:" in found[0]
    assert "next order 4:" in found[1] + found[2]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (NextBlock(16, 4), "pfn 0x10 as it is"),
        (NextBlock(16, 6), "pfn 0x10 split from order 6"),
        (NextBlock(16, 4, "pcp"), "pfn 0x10 from the CPU's own list"),
        (NextBlock(16, 4, "cma"), "pfn 0x10 as it is, of cma"),
        (NextBlock(0, 9, "claim", "Unmovable", 1, 500),
         "pfn 0x0 split from order 9, claimed from Unmovable: the pageblock changes type, 500 pages move"),
        (NextBlock(0, 10, "claim", "Unmovable", 2), "pfn 0x0 split from order 10, claimed from Unmovable: 2 pageblocks change type"),
        (NextBlock(16, 4, "steal", "Reclaimable", 0, 16), "pfn 0x10 as it is, stolen from Reclaimable"),
        (NextBlock(-1, -1, "watermark"), "✗ the watermarks forbid it"),
        (NextBlock(-1, -1, "nofragment"), "✗ only a block that would have to be stolen"),
        (NextBlock(-1, -1, "new-reason"), "✗ new-reason"),
    ],
)  # fmt: skip
def test_where_a_block_comes_from(block, words):
    assert "".join(text for text, _ in taken(block, 4)) == words


def test_the_next_block_is_the_one_that_is_taken():
    s = at_alloc(TYPES)
    block = s.snapshot(View()).zones[0].next_block[4]
    s.advance()
    assert block.how == "own"
    assert find_local(s, Folio).id == block.pfn


# -- test and path ---------------------------------------------------------------------------------------
def test_the_watermark_test_is_written_out():
    s = at_alloc('[memory]\nfree = { 0 = 500, 4 = 1 }\nmin = "1800K"\n')
    text = "\n".join(rows(s, "test"))
    assert " order 4  gfp " in text
    assert " Normal: free 516 - unusable 15 = 501 > low 562 + reserve 0  ✗" in text
    assert " Normal: free 516 - unusable 15 = 501 > min 450 + reserve 0  ✓  block ✓" in text
    assert "low mark  ALLOC_CMA|ALLOC_NOFRAGMENT" in text
    assert "▶Normal: pfn 0x" in text


def test_a_request_that_gets_nothing():
    s = at_alloc('[memory]\nfree = { 0 = 500, 1 = 1 }\nmin = "4K"\n')
    text = "\n".join(rows(s, "test"))
    assert "✓  block ✗" in text
    assert "▶NULL: ✗ no block is large enough" in text
    assert "extfrag" in text
    path = rows(s, "path")
    assert path[0].split()[:3] == ["fast", "freelist@low", "no-block"]
    assert len({row.index("no-block") for row in path if "no-block" in row}) == 1


def test_each_zone_that_was_tried():
    s = at_alloc(NODES)
    text = "\n".join(rows(s, "test", width=110))
    assert "node 0 Normal: free 300 - unusable 15 = 285 > low" in text
    assert "▶node 0 DMA32: pfn" in text
    assert "split from order 9, a half to orders 8 … 4" in text
    narrow = rows(s, "test", width=40)
    assert any(row.startswith("    > low") for row in narrow)


def test_the_zone_of_the_folio_at_hand_is_followed():
    s = at_alloc(NODES)
    assert s.snapshot(View()).zone_at == 0
    s.advance()
    snap = s.snapshot(View(allocator=("map",), cells=512))
    assert snap.zone_names[snap.zone_at] == (0, "DMA32")
    assert snap.blocks.here >= 0
    assert s.snapshot(View(zone=0)).zone_at == 0


def test_no_slow_path_where_the_fast_one_finds_a_page():
    assert rows(at_alloc(TYPES), "path")[0] == " the fast path finds a page: no slow path"


def test_the_way_that_was_gone_is_told_as_it_went():
    s = at_alloc('[memory]\nsize = "64M"\npcp = true\n')
    stage = "S2 compact async: success (moved) 512; S2 freelist@min: found 9"
    told = parse(stage)
    asked = Asked(s, s.snapshot(View()).orders, -1, View())
    asked.path = told
    found = look_request._path(s.m, asked)
    assert found[0] == ("S2 compact async", "success (moved)", "512", 1)
    snap = s.snapshot(View(allocator=("path",)))
    snap = snap._replace(request=snap.request._replace(path=found))
    assert [plain(row) for row in request.path(snap, Look(), 60, 9)] == [
        " S2 compact async  success (moved)  512", " S2 freelist@min   found  9",
    ]  # fmt: skip


# -- pcp -------------------------------------------------------------------------------------------------
def test_the_cpus_own_lists():
    assert rows(session(TYPES), "pcp", height=5) == [" no per-CPU lists in this machine"]
    s = session('[memory]\nsize = "64M"\npcp = true\n')
    assert rows(s, "pcp", height=5)[1] == " all of them are empty"
    s = at_alloc('[memory]\nsize = "64M"\npcp = true\n[thp]\nenabled = "never"\n')
    s.advance()
    head, movable = rows(s, "pcp", height=5)
    assert head.startswith(" cpu0 node 0 zone Normal: count ")
    assert movable.startswith(" order 0 Movable ")
    block = s.snapshot(View(allocator=("pcp",))).zones[0].next_block[0]
    assert block.how == "pcp"
    assert f" {block.pfn:#x} " in movable + " "


# -- the map ---------------------------------------------------------------------------------------------
def test_the_map_of_an_aged_machine():
    s = session(AGED)
    shown = rows(s, "map", width=80)
    assert shown[0] == " node 0 zone Normal  a cell is 2M, 1 pageblock  512 cells"
    assert len(shown) == 1 + 512 // 64 + 1
    cells = "".join(row[12:] for row in shown[1:9])
    assert len(cells) == 512
    assert set(cells) <= set("·▁▂▃▄▅▆▇█UuEe+")
    assert sum(map(cells.count, "Uu")) == 51
    assert shown[9].startswith("»0x100000-0x1001ff  free ")


def test_the_cursor_moves_over_the_map():
    fake = shell(AGED, "V", "V")
    look, snap = fake.desk.look, lambda: fake.desk.snap.blocks
    length = blockmap.row_length(100)
    fake.press("right", "right", "down")
    assert snap().at == 2 + length
    assert look.cell_at == snap().cell.first == (1 << 20) + (2 + length) * 512
    fake.press("end")
    assert snap().at == 511
    fake.press("down", "right")
    assert snap().at == 511
    fake.press("home")
    assert (look.cell_at, snap().at) == (-1, 0)
    fake.press("left", "up")
    assert snap().at == 0


def test_the_map_is_made_finer_and_coarser_around_the_cursor():
    fake = shell(AGED.replace("1G", "64G"), "V", "V")
    snap = lambda: fake.desk.snap.blocks  # noqa: E731
    fits = snap().scale
    fake.press("right", "right", "right", "i")
    assert snap().scale == fits - 1
    assert snap().cell.first == (1 << 20) + 3 * (512 << fits)
    assert snap().before + snap().at == 6
    fake.press(*["i"] * 20)
    assert snap().scale == 0
    assert snap().before + snap().at == 3 << fits
    fake.press("pagedown")
    assert snap().before >= len(snap().fill)
    fake.press(*["I"] * 20)
    assert (snap().scale, snap().before) == (fits, 0)
    fake.press("enter")
    assert snap().scale == fits - 1


def test_the_mouse_in_the_map_and_on_a_column():
    fake = shell(AGED, "V", "V")
    fake.desk.click(12 + 5, 2 + 1 + 2)
    assert fake.desk.snap.blocks.at == 5 + 2 * blockmap.row_length(100)
    assert hit(fake.desk.snap, fake.desk.look, 100, 24, 3, 5) == Hit("allocator")
    fake = shell(TYPES)
    y = next(n for n, row in enumerate(fake.lines) if row.startswith(" Mov"))
    fake.desk.click(fake.lines[y].index(" 30") + 2, y)
    assert fake.desk.look.row["allocator"] == 0
    fake.desk.click(fake.lines[y].rindex("0"), y)
    assert fake.desk.look.row["allocator"] == 10
    assert hit(fake.desk.snap, fake.desk.look, 100, 24, 60, y + 2) == Hit("allocator")


def test_columns_are_as_wide_as_they_must_be():
    lines = [(" order ", "", [("0", ""), ("10", "")]), ("*free ", "", [("12345", ""), ("1", "")])]
    assert [plain(row) for row in aligned(lines, 40)] == [" order      0    10", "*free   12345     1"]
    assert [plain(row) for row in aligned(lines, 17)] == [" order      0 10", "*free   12345  1"]
    painted = aligned(lines, 17)
    assert [column_at(painted, x) for x in (0, 7, 12, 13, 15, 16)] == [-1, 0, 0, 1, 1, -1]


def test_the_map_tells_types_without_colour_and_in_ascii():
    signs = {blockmap._SIGNS[mt][full][0] for mt in range(6) for full in range(9)}
    assert signs == set("·▁▂▃▄▅▆▇█UuEeHhCcIi")
    fake = shell(AGED, "V", "V")
    fake.desk.look.ascii = True
    fake.desk.refresh()
    assert fake.text.isascii()
    assert set("1357") <= set("".join(line[12:] for line in fake.lines[3:9]))


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (200, 60)])
@pytest.mark.parametrize("text", [NODES, AGED])
def test_every_view_fits_every_size(text, width, height):
    s = at_alloc(text)
    for name in VIEWS:
        fake = FakeShell(width, height, s)
        fake.desk.look.allocator = name
        fake.press("5")
        assert len(fake.lines) == height
        assert "Traceback" not in fake.press("z").text


def test_as_text_the_pane_has_all_views():
    fake = FakeShell(100, 30, at_alloc(AGED))
    result = fake.console.execute("info allocator")
    text = "\n".join(result.lines)
    for part in ("▶next order 4", "─ test", "─ map", "─ pcp", "─ path"):
        assert part in text
