# SPDX-License-Identifier: GPL-2.0-only
"""The screen in ASCII: a twin of one cell for every sign that a painter can draw."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tui.paint
from tests.tui.fake import snapshot
from tests.tui.golden import FOLDER
from tests.tui.test_frames import WATCHED, look
from tui.keys import PRESETS, keymap
from tui.paint import ascii, frame, helptext, rows, table, timeline
from tui.paint.layout import PANES
from tui.paint.look import Look
from tui.paint.overlay import Overlay
from tui.paint.rows import cells, plain, row_cells

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def strings_of(path: Path) -> list[str]:
    """Every string of a module but docstrings: what it can draw."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


@pytest.mark.parametrize("path", sorted(Path(tui.paint.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_every_sign_of_a_painter_has_a_twin(path):
    signs = {char for text in strings_of(path) for char in text if not char.isascii()}
    assert signs <= set(ascii.TWINS)


def test_twins_are_one_cell_of_ascii_for_one_cell():
    assert {cells(sign) for sign in ascii.TWINS} == {1}
    assert all(len(twin) == 1 and " " < twin <= "~" for twin in ascii.TWINS.values())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_golden_frames_keep_their_width(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        assert ascii.spell(line).isascii()
        assert len(ascii.spell(line)) == cells(line)


@pytest.mark.parametrize("signs", ["●◐○◆", "▶»", "✓✗·", "▲┴", "─━", "▶▲", "·─!▲", "┴#-▲"])
def test_signs_that_share_a_column_have_twins_of_their_own(signs):
    assert len(set(ascii.spell(signs))) == len(signs)


def test_kinds_and_ptes_are_letters_already():
    assert all(glyph.isascii() for glyph in timeline.GLYPHS.values())
    assert len(set(ascii.spell("".join(table._GLYPHS.values())))) == len(table._GLYPHS)


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (120, 40), (200, 60), (20, 5)])
@pytest.mark.parametrize("focus", PANES)
def test_a_screen_in_ascii_is_as_wide_and_nothing_else(width, height, focus):
    settings = look(focus)
    snap = snapshot(9, 14, frame.view_for(settings, 9, width, height)._replace(watch=WATCHED))
    name = "日本e\u0301→\x1b"
    snap = snap._replace(vmas=(snap.vmas[0]._replace(name=name),), name=name)
    help_ = Overlay("help", "help ✓", helptext.paint(focus, keymap(), ["motion:", "  step  s"]))
    for box in (None, help_, Overlay("choose", "→", [(("… ✓", ""),)], selected=0)):
        unicode = frame.compose(snap, settings, width, height, overlay=box)
        settings.ascii = True
        lines = frame.compose(snap, settings, width, height, overlay=box).lines
        settings.ascii = False
        assert all(plain(piece).isascii() for line in lines for piece in line)
        assert [[row_cells(piece) for piece in line] for line in lines] == [
            [row_cells(piece) for piece in line] for line in unicode.lines
        ]


def test_model_text_is_escaped_like_pythons():
    snap = snapshot(3)._replace(name="日e\u0301")
    assert "\\u65e5e\\u0301" in frame.picture(snap, Look(ascii=True), 120, 40)[0]


@given(st.lists(st.tuples(TEXT, st.sampled_from(["", "cursor"])), max_size=5).map(tuple), st.integers(0, 30))
def test_rows_in_ascii_have_the_exact_width(row, width):
    fitted = ascii.fit(row, width)
    assert row_cells(fitted) == width
    assert plain(fitted).isascii()


@given(TEXT)
def test_text_that_is_ascii_already_is_what_it_was(text):
    if text.isascii():
        assert ascii.spell(text) == rows.clean(text)


@pytest.mark.parametrize("preset", PRESETS)
def test_footers_are_ascii(preset):
    line = frame.picture(snapshot(3), Look(ascii=True), 80, 24, keys=keymap(preset))[-1]
    assert line.isascii()
    assert "help" in line
