# SPDX-License-Identifier: GPL-2.0-only
"""Editing one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.paint.rows import cells, clean, plain
from tui.prompt import MAX_TEXT, Prompt

WORDS = ["break", "breakpoints", "brief", "step"]


def words(text, at):
    begin = text.rfind(" ", 0, at) + 1
    return begin, [word for word in WORDS if word.startswith(text[begin:at])]


def press(prompt, *keys):
    """One character is typed as such; longer words are key names.  What the last key answered."""
    done = ""
    for key in keys:
        done = prompt.key(key, key if len(key) == 1 else None)
    return done


def typed(text, *keys, history=(), complete=None):
    prompt = Prompt(list(history), complete)
    prompt.open()
    press(prompt, *text, *keys)
    return prompt


def state(prompt):
    return prompt.text[: prompt.at] + "|" + prompt.text[prompt.at :]


def test_enter_submits_and_escape_cancels():
    prompt = Prompt()
    prompt.open()
    assert press(prompt, *"step", "enter") == "submit"
    assert prompt.text == "step"
    assert press(prompt, "escape") == "cancel"
    prompt.open("x")
    assert press(prompt, "backspace") == ""
    assert press(prompt, "backspace") == "cancel"
    prompt.open()
    assert press(prompt, "ctrl+d") == "cancel"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["left", "left", "X"], "one two thrX|ee"),
        (["home", "delete"], "|ne two three"),
        (["ctrl+a", "right", "ctrl+d"], "o|e two three"),
        (["ctrl+left"], "one two |three"),
        (["ctrl+left", "ctrl+left"], "one |two three"),
        (["home", "ctrl+right"], "one| two three"),
        (["home", "ctrl+right", "ctrl+right"], "one two| three"),
        (["ctrl+right"], "one two three|"),
        (["home", "left"], "|one two three"),
        (["ctrl+w"], "one two |"),
        (["ctrl+left", "ctrl+w"], "one |three"),
        (["ctrl+left", "ctrl+k"], "one two |"),
        (["ctrl+left", "ctrl+u"], "|three"),
        (["ctrl+w", "ctrl+y", "ctrl+y"], "one two threethree|"),
        (["ctrl+w", "ctrl+w", "home", "ctrl+y"], "two three|one "),
        (["ctrl+left", "ctrl+k", "ctrl+u", "ctrl+y"], "one two three|"),
        (["ctrl+w", "left", "ctrl+w", "end", "ctrl+y"], "one  two|"),
    ],
)
def test_edits(keys, expected):
    assert state(typed("one two three", *keys)) == expected


def test_history_comes_back_and_so_does_the_draft():
    prompt = typed("dra", "left", "up", history=["first", "second"])
    assert state(prompt) == "second|"
    press(prompt, "up", "up")
    assert prompt.text == "first"
    press(prompt, "down")
    assert prompt.text == "second"
    press(prompt, "down", "down")
    assert prompt.text == "dra"


def test_history_is_read_only_and_live():
    history = ["a"]
    prompt = Prompt(history)
    prompt.open()
    press(prompt, *"new", "enter")
    assert history == ["a"]
    history.append("new")
    prompt.open()
    press(prompt, "up")
    assert prompt.text == "new"


HISTORY = ["break fallback", "step 3", "break map-pte", "print x"]


def test_search_of_the_history():
    prompt = typed("draft", "ctrl+r", *"bre", history=HISTORY)
    assert state(prompt) == "|break map-pte"
    assert plain(prompt.row()).startswith("(search) bre: break map-pte")
    press(prompt, "ctrl+r")
    assert prompt.text == "break fallback"
    press(prompt, "ctrl+r")
    assert prompt.text == "break fallback"
    assert plain(prompt.row()).startswith("(no more) bre: ")
    assert press(prompt, "enter") == "submit"
    assert prompt.text == "break fallback"


def test_search_narrows_and_widens():
    prompt = typed("", "ctrl+r", *"break f", history=HISTORY)
    assert prompt.text == "break fallback"
    press(prompt, "backspace")
    assert prompt.text == "break map-pte"
    press(prompt, "Z")
    assert "no more" in plain(prompt.row())


def test_search_given_up_brings_the_draft_back():
    prompt = typed("draft", "ctrl+r", *"step", history=HISTORY)
    assert press(prompt, "escape") == ""
    assert state(prompt) == "draft|"
    assert plain(prompt.row()).startswith("(thp) draft")


def test_an_edit_goes_on_with_the_line_that_was_found():
    prompt = typed("", "ctrl+r", *"step", "end", "0", history=HISTORY)
    assert state(prompt) == "step 30|"
    assert plain(prompt.row()) == "(thp) step 30 "


def test_one_candidate_is_completed_with_a_blank():
    assert state(typed("s", "tab", complete=words)) == "step |"


def test_common_prefix_then_the_list():
    prompt = typed("b", "tab", complete=words)
    assert (state(prompt), prompt.candidates) == ("br|", [])
    press(prompt, "tab")
    assert (state(prompt), prompt.candidates) == ("br|", ["break", "breakpoints", "brief"])
    press(prompt, "e")
    assert prompt.candidates == []
    press(prompt, "tab")
    assert (state(prompt), prompt.candidates) == ("break|", [])


def test_the_first_tab_lists_nothing():
    prompt = typed("break", "tab", complete=words)
    assert prompt.candidates == []
    press(prompt, "left", "right", "tab")
    assert prompt.candidates == []
    press(prompt, "tab")
    assert prompt.candidates == ["break", "breakpoints"]


def test_completion_in_the_middle():
    prompt = typed("s 3", "left", "left", "tab", complete=words)
    assert state(prompt) == "step| 3"


def test_no_blank_behind_a_folder_or_an_arrow():
    assert state(typed("sc", "tab", complete=lambda text, at: (0, ["scenarios/"]))) == "scenarios/|"
    assert state(typed("vm", "tab", complete=lambda text, at: (0, ["vmf->"]))) == "vmf->|"


def test_nothing_to_complete():
    assert state(typed("zz", "tab", complete=words)) == "zz|"
    assert state(typed("s", "tab")) == "s|"


def test_a_bare_line_has_no_history_and_no_completion():
    prompt = Prompt(HISTORY, words)
    prompt.open("s", "/", bare=True)
    press(prompt, "up", "tab", "ctrl+r", "x")
    assert state(prompt) == "sx|"
    assert plain(prompt.row()) == "/sx "
    prompt.open(prompt="(thp) ")
    press(prompt, "up")
    assert prompt.text == "print x"


def test_paste():
    prompt = typed("a")
    prompt.paste("b\nc\td\x1b[31m\x00")
    assert prompt.text == "ab c d[31m"
    prompt.paste("x" * (2 * MAX_TEXT))
    assert len(prompt.text) == MAX_TEXT


def test_keys_without_a_character_do_nothing():
    assert state(typed("a", "f7", "ctrl+x")) == "a|"


def test_a_line_that_is_too_wide_shows_the_cursor():
    prompt = typed("x" * 50 + "END")
    row = prompt.row(20)
    assert plain(row) == "(thp) " + "x" * 10 + "END "
    assert "cursor" in [style for _, style in row]
    press(prompt, "home")
    assert plain(prompt.row(20)) == "(thp) " + "x" * 14


TEXTS = st.text(st.sampled_from("ab 日\u0301é"), max_size=30)


@given(TEXTS, st.lists(st.sampled_from(["left", "right", "home", "end"]), max_size=10), st.integers(14, 40))
def test_a_row_never_is_wider_than_asked(text, keys, width):
    prompt = Prompt()
    prompt.open(text)
    press(prompt, *keys)
    assert cells(clean(plain(prompt.row(width)))) <= width


KEYS = ["enter", "tab", "up", "down", "left", "right", "ctrl+left", "ctrl+right", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+y", "ctrl+r", "ctrl+g", "backspace", "delete", "home", "end", "a", " ", "b"]  # fmt: skip


@given(st.lists(st.sampled_from(KEYS), max_size=60))
def test_the_cursor_never_leaves_the_text(keys):
    prompt = Prompt(HISTORY, words)
    prompt.open()
    for key in keys:
        press(prompt, key)
        assert 0 <= prompt.at <= len(prompt.text)
