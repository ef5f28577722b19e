# SPDX-License-Identifier: GPL-2.0-only
"""Rows: exact width, escaped text, cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fake import snapshot
from tui.paint import frame
from tui.paint.look import Look
from tui.paint.rows import cells, clean, crop, cut, fit, plain, row_cells, size

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROWS = st.lists(st.tuples(TEXT, st.sampled_from(["", "dim", "cursor"])), max_size=6).map(tuple)


@given(ROWS, st.integers(0, 40))
def test_fit_gives_the_exact_width(row, width):
    assert row_cells(fit(row, width)) == width


@given(ROWS, st.integers(0, 30), st.integers(0, 30))
def test_cut_pieces_make_the_row_again(row, a, b):
    whole = fit(row, 60)
    begin, end = sorted((a, b))
    pieces = [cut(whole, 0, begin), cut(whole, begin, end), cut(whole, end, 60)]
    assert [row_cells(piece) for piece in pieces] == [begin, end - begin, 60 - end]
    if all(cells(char) == 1 for char in plain(whole)):
        assert "".join(plain(piece) for piece in pieces) == plain(whole)


@given(TEXT)
def test_clean_leaves_nothing_that_a_terminal_obeys(text):
    assert all(char.isprintable() for char in clean(text))
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("e\u0301", "e\\u0301"),
        ("\u202egnp", "\\u202egnp"),
        ("日本", "日本"),
    ],
)
def test_clean(text, shown):
    assert clean(text) == shown


def test_cells_and_crop_count_wide_characters_twice():
    assert cells("a日") == 3
    assert crop("a日b", 2) == "a"


@pytest.mark.parametrize(
    ("number", "words"), [(65536, "64K"), (2 << 20, "2M"), (1 << 40, "1T"), (4096, "4K"), (100, "100"), (0, "0")]
)
def test_size(number, words):
    assert size(number) == words


def test_long_rows_end_in_an_ellipsis_unless_only_blanks_are_lost():
    assert plain(fit((("abcdef", ""),), 4)) == "abc…"
    assert plain(fit((("abcd  ", ""),), 4)) == "abcd"


@given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=["C", "M", "Z"]),
        min_size=1,
        max_size=20,
    )
)
def test_any_model_string_appears_verbatim(name):
    snap = snapshot(7, 9)
    calls = (
        *snap.calls[:-1],
        snap.calls[-1]._replace(function=name, locals=(snap.calls[-1].locals[0]._replace(name="x", text=name),)),
    )
    vma = snap.vmas[0]._replace(name=name)
    event = snap.events[-1]._replace(why=name)
    snap = snap._replace(calls=calls, vmas=(vma,), events=(*snap.events[:-1], event), stop_text=name)
    lines = frame.picture(snap, Look(), 200, 60)
    assert name in lines[0]
    assert sum(name in line for line in lines) >= 4


@pytest.mark.parametrize("name", ["orders[i]", "free_area[order].nr_free", "a[/b]", "[bold]x", "[/", "page[PMD]"])
def test_brackets_survive(name):
    snap = snapshot(7)
    snap = snap._replace(
        calls=(snap.calls[-1]._replace(locals=(snap.calls[-1].locals[0]._replace(name=name),)),), frame=0
    )
    assert name in "\n".join(frame.picture(snap, Look(), 80, 24))
