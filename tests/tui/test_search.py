# SPDX-License-Identifier: GPL-2.0-only
"""Search in panes and boxes, and how a match is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelmodel.snapshot import View
from tests.tui.fake import snapshot
from tests.tui.test_frames import MARKS, WATCHED, look
from tui.paint import frame
from tui.paint.layout import PANES
from tui.paint.look import Look
from tui.paint.match import highlight, matches
from tui.paint.overlay import Overlay, page
from tui.paint.rows import plain
from tui.paint.search import content, find, find_row
from tui.paint.source import top_line

SNAP = snapshot(9, 12, View(watch=WATCHED))


@given(st.text(max_size=12), st.text(max_size=3))
def test_matches_stand_where_the_text_is(line, text):
    for at in matches(line, text):
        assert len(line[at : at + len(text)].lower()) >= 1
        assert line[at : at + len(text)].lower() == text.lower() or not line.isascii() or not text.isascii()


@given(
    st.lists(st.tuples(st.text("aAbß ", max_size=5), st.sampled_from(["", "dim", "bold"])), max_size=4).map(tuple),
    st.text("aAß", max_size=2),
)
def test_highlighting_changes_styles_alone(row, text):
    shown = highlight(row, text)
    assert plain(shown) == plain(row)
    marked = sum(len(part) for part, style in shown if style == "match")
    assert marked == len(text) * len(matches(plain(row), text))


def test_case_is_put_aside():
    assert matches("Fallback FALLBACK", "fallback") == [0, 9]
    assert highlight((("a Fall", "dim"),), "fall") == (("a ", "dim"), ("Fall", "match"))


@pytest.mark.parametrize(
    ("start", "direction", "found"), [(-1, 1, 0), (0, 1, 2), (2, 1, 0), (2, -1, 0), (0, -1, 2), (3, -1, 2), (1, 1, 2)]
)
def test_search_goes_round(start, direction, found):
    assert find_row(["a1", "b", "a2"], "A", start, direction) == found


def test_search_without_a_match():
    assert find_row(["a"], "x", 0, 1) is None
    assert find_row([], "x", 0, 1) is None
    assert not find(SNAP, look("vmas"), "nosuch", 1, 80, 24)


def test_source_is_searched_to_its_end_and_shown():
    settings = look()
    snap = snapshot(7, 9)
    assert find(snap, settings, "eagain", 1, 80, 24)
    assert settings.line == 21
    top = top_line(snap, settings, 10)
    assert top <= 20 < top + 10
    assert find(snap, settings, "orders[i]", 1, 80, 24)
    assert settings.line == 10
    assert find(snap, settings, "orders[i]", -1, 80, 24)
    assert settings.line == 17


@pytest.mark.parametrize(
    ("pane", "text", "row"),
    [("breaks", "watch i", 4), ("watch", "NR_FREE", 1), ("changes", "refcount", 1), ("orders", "32k", 1)],
)
def test_the_cursor_goes_to_the_match(pane, text, row):
    settings = look(pane)
    assert find(SNAP, settings, text, 1, 120, 40)
    assert settings.row[pane] == row


def test_next_and_previous_match_in_a_list():
    settings = look("breaks")
    rows = [at for at, mark in enumerate(MARKS) if "alloc" in mark.text]
    seen = []
    for direction in (1, 1, 1, 1, -1):
        assert find(SNAP, settings, "alloc", direction, 120, 40)
        seen.append(settings.row["breaks"])
    assert seen == [*rows, rows[-2]]


def test_console_is_scrolled_to_the_match():
    settings = look("console")
    settings.console = [f"line {at}" for at in range(300)]
    assert find(SNAP, settings, "line 7", 1, 120, 40)
    frame.settle(SNAP, settings, 120, 40)
    assert "line 7" in "\n".join(frame.picture(SNAP, settings, 120, 40))
    assert find(SNAP, settings, "line 7", 1, 120, 40)
    assert "line 70" in "\n".join(frame.picture(SNAP, settings, 120, 40))


@pytest.mark.parametrize("pane", PANES)
def test_what_is_seen_is_what_is_searched(pane):
    settings = look(pane)
    rows = content(SNAP, settings, pane, 70)
    for row in frame.PAINT[pane](SNAP, settings, 70, 5 if pane not in ("stack", "timeline", "table", "source") else 99):
        assert any(plain(row).strip() in each for each in rows) or pane in ("source", "console")
    assert rows


def test_matches_are_marked_in_every_pane_in_sight():
    settings = Look(search="order")
    lines = frame.compose(snapshot(7, 9), settings, 120, 40).lines
    marked = ["".join(text if style == "match" else "|" for piece in line for text, style in piece) for line in lines]
    found = [word.lower() for line in marked for word in line.split("|") if word]
    assert len(found) > 5
    assert set(found) == {"order"}


def test_a_box_is_searched_and_scrolled():
    box = Overlay("help", "help", [((f"row {at}", ""),) for at in range(100)])
    rows = page(box, 24)
    assert box.find("row 50", 1, rows)
    assert box.top <= 50 < box.top + rows
    assert box.find("ROW 5", 1, rows)
    assert box.found == 51
    assert box.find("row 5", -1, rows)
    assert box.found == 50
    assert not box.find("nosuch", 1, rows)


def test_a_search_in_a_choice_moves_the_selection():
    box = Overlay("choose", "x", [(("folio", ""),), (("NULL", ""),)], selected=0)
    assert box.find("null", 1, 5)
    assert box.selected == 1
