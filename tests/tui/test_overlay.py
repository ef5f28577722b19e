# SPDX-License-Identifier: GPL-2.0-only
"""Boxes over the panes, and the help in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fake import snapshot
from tui.keys import PRESETS, keymap
from tui.paint import footer, frame, helptext
from tui.paint.layout import PANES
from tui.paint.look import Look
from tui.paint.overlay import Overlay, lines, page, paint, row_at
from tui.paint.panes import HELP
from tui.paint.rows import cells, clean, plain, row_cells

COMMANDS = ["motion:", "  step [N]                       to the next decision"]
SIZES = [(40, 10), (80, 24), (200, 60)]


def boxes() -> list[Overlay]:
    rows = [((f"row {at}", ""), (" note", "dim")) for at in range(40)]
    return [
        Overlay("help", "help", rows),
        Overlay("output", "日本", rows[:2]),
        Overlay("choose", "site =", rows[:3], selected=1),
        Overlay("palette", "palette", rows, selected=39, top=30, filter="ro"),
        Overlay("palette", "palette", [], selected=0, filter="nothing"),
    ]


@pytest.mark.parametrize("box", boxes(), ids=lambda box: f"{box.kind}{len(box.rows)}")
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_box_fits_its_screen(box, width, height):
    painted = paint(box, width, height)
    assert {row_cells(row) for row in painted.rows} == {row_cells(painted.rows[0])}
    assert painted.x + row_cells(painted.rows[0]) <= width
    assert painted.y + len(painted.rows) <= height
    assert {cells(line) for line in frame.picture(snapshot(3), Look(), width, height, overlay=box)} == {width}


def test_the_selected_row_has_a_sign():
    text = [plain(row) for row in paint(boxes()[2], 80, 24).rows]
    assert [line for line in text if "»" in line] == [line for line in text if "row 1" in line]
    assert "Enter takes it" in text[-1]


def test_a_palette_shows_its_words_above_the_rows():
    text = [plain(row) for row in paint(boxes()[3], 80, 24).rows]
    assert "> ro" in text[1]
    assert "row 30" in text[2]


def test_a_palette_keeps_its_size_as_rows_get_fewer():
    many, none = boxes()[3], boxes()[4]
    assert len(paint(many, 80, 24).rows) == len(paint(none, 80, 24).rows)


@pytest.mark.parametrize("box", boxes()[:4], ids=lambda box: box.kind)
def test_rows_of_a_box_under_the_mouse(box):
    painted = paint(box, 80, 24)
    for y in range(24):
        at = row_at(box, 80, 24, painted.x + 3, y)
        inside = painted.y <= y < painted.y + len(painted.rows)
        if at >= 0:
            assert f"row {at} " in plain(painted.rows[y - painted.y])
        else:
            assert at == (-1 if inside else -2)
    assert any(row_at(box, 80, 24, painted.x + 3, y) >= 0 for y in range(24))


def test_scrolling_stops_at_both_ends():
    box = boxes()[0]
    rows = page(box, 24)
    box.move(1000, rows)
    assert box.top == 40 - rows
    assert f"40 of {len(box.rows)}" in plain(paint(box, 80, 24).rows[-1])
    box.move(-1000, rows)
    assert box.top == 0


@pytest.mark.parametrize("pane", PANES)
def test_every_pane_has_help_of_a_few_lines(pane):
    assert 2 <= len(HELP[pane]) <= (6 if pane != "allocator" else 13)
    assert all(cells(line) <= 116 for line in HELP[pane])


@pytest.mark.parametrize("pane", PANES)
def test_help_begins_with_the_focused_pane_then_keys_then_commands(pane):
    lines = [plain(row) for row in helptext.paint(pane, keymap(), COMMANDS)]
    text = "\n".join(lines)
    first = HELP[pane][0][:40]
    places = [text.index(first), text.index("to the next decision, into every"), text.index("step [N]")]
    assert places == sorted(places)
    for other in PANES:
        assert text.count(HELP[other][0][:40]) == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_help_is_wrapped_not_cut(width):
    long = ["  command [ARGUMENT]               " + "and what it does " * 12]
    for pane in PANES:
        rows = helptext.paint(pane, keymap(), long, width)
        assert [plain(row) for row in rows if row_cells(row) > width - 2] == []
        words = " ".join(" ".join(plain(row) for row in rows).split())
        for line in HELP[pane]:
            assert all(word in words for word in line.split())


@given(st.text(max_size=60), st.integers(1, 30))
def test_wrapping_loses_nothing_but_blanks(text, room):
    assert "".join(helptext.wrapped(text, room)).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.text(max_size=90), max_size=4), st.integers(20, 60))
def test_output_lines_are_wrapped_to_the_box(texts, width):
    rows = lines(texts, width)
    assert all(row_cells(row) <= width - 2 for row in rows)
    shown = "".join(plain(row) for row in rows).replace(" ", "")
    assert shown == "".join(map(clean, texts)).replace(" ", "")


@pytest.mark.parametrize("preset", PRESETS)
def test_help_has_every_key_of_the_preset(preset):
    keys = keymap(preset)
    text = "\n".join(plain(row) for row in helptext.paint("source", keys, COMMANDS, 200))
    for action in keys.actions:
        if action.keys:
            assert f"{keys.shown(action.id, every=True):<12} {action.help}" in text


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_footer_fits_and_shows_help(preset, width):
    text = plain(footer.paint(width, keymap(preset)))
    assert cells(text.rstrip()) <= width
    assert f"{keymap(preset).shown('help')} help" in text
