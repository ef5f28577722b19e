# SPDX-License-Identifier: GPL-2.0-only
"""What keys, mouse and palette do to the screen: focus, layouts, search, marks, copies, and that each action does something."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelmodel.session import Session
from tests.runs import shipped
from tests.tui.shell import FakeShell
from tui import actions, boxes
from tui.commands import parse
from tui.keys import PRESETS, keymap
from tui.paint.layout import PANES
from tui.paint.layouts import LAYOUTS
from tui.paint.rows import clean, plain


@pytest.fixture
def shell():
    made = FakeShell()
    made.press("]")
    return made


# -- actions -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("preset", PRESETS)
def test_every_action_has_a_body_or_a_line_that_parses(preset):
    for action in keymap(preset).actions:
        if action.keys and action.id not in actions.ACTIONS:
            assert action.command
            assert parse(action.command)
    assert set(actions.ACTIONS) <= {each.id for each in keymap(preset).actions}
    assert set(actions.PENDING) <= set(actions.ACTIONS)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_key_of_every_preset_is_answered(preset):
    keys = keymap(preset)
    known = set() if preset == "gdb" else {(each.id, key) for each in keymap("gdb").actions for key in each.keys}
    for action in keys.actions:
        for key in action.keys:
            if action.id in ("edit", "shot") or (action.id, key) in known:  # as in the first preset
                continue
            shell = FakeShell(keys=keys)
            shell.press("]" if preset == "gdb" else "right_square_bracket")
            shell.press(key)
            assert shell.left == (action.id == "quit")
            assert shell.stopped == (action.id == "suspend")


@pytest.mark.parametrize(
    ("preset", "key", "step"),
    [("cgdb", "f8", 12), ("cgdb", "f10", 11), ("cgdb", "f6", 73), ("cgdb", "shift+up", 9), ("vscode", "f11", 11), ("vscode", "f5", 73),
     ("vscode", "ctrl+f11", 9), ("vim", "o", 12), ("vim", "O", 9)],
)  # fmt: skip
def test_presets_move(preset, key, step):
    shell = FakeShell(keys=keymap(preset))
    shell.type("goto 10")
    shell.press("s", "S", key)
    assert shell.session.step in (step, 11 if step == 12 else step)


def test_help_lists_every_key_and_command():
    big = FakeShell(120, 200)
    big.press("?")
    for action in keymap().actions:
        if action.keys:
            assert action.help in big.text
    assert "reverse-continue" in big.text
    big.press("escape")
    assert "┏━" not in big.text
    big.type("help")
    assert "┏━ help: source" in big.text


def test_q_hints_and_capital_q_quits(shell):
    shell.press("q")
    assert not shell.left
    assert shell.message == "Q quits (q alone does nothing)"
    shell.press("s")
    assert "Q quits (q" not in shell.text
    shell.press("Q")
    assert shell.left


@pytest.mark.parametrize("line", ["quit", "q"])
def test_quit_at_the_prompt(shell, line):
    shell.type(line)
    assert shell.left


def test_redraw_and_suspend(shell):
    shell.press("ctrl+l", "ctrl+z")
    assert (shell.repaints, shell.stopped) == (1, 1)


# -- one more key ------------------------------------------------------------------------------------
def test_marks_by_letter(shell):
    shell.press("m")
    assert shell.message == "mark: a letter, Esc for none"
    shell.press("a")
    assert shell.message == "mark a = #10"
    shell.press("g", "'", "a")
    assert shell.session.step == 10
    shell.press("'", "'")
    assert shell.session.step == 0


@pytest.mark.parametrize("key", ["escape", "1", "down", "é", "'"])
def test_a_mark_is_a_letter(shell, key):
    shell.press("m", key)
    assert shell.message == "a mark is a letter: nothing was marked"
    assert not shell.console.places.marks
    shell.press("s")
    assert shell.session.step == 11


def test_a_mark_that_is_not_there_is_told(shell):
    shell.press("'", "z")
    assert "no mark 'z'" in shell.text
    shell.press("'", "escape")
    assert shell.message == "a mark is a letter"
    assert shell.session.step == 10


# -- focus, sizes, layouts ---------------------------------------------------------------------------
@pytest.mark.parametrize(("key", "pane"), [*zip("1234567890", PANES, strict=False)])
def test_digits_focus_panes(shell, key, pane):
    shell.press(key)
    assert shell.desk.look.focus == pane
    assert any(pane in slot.panes and shell.desk.look.front(slot.panes) == pane for slot in shell.desk.slots())


def test_tab_goes_round_all_panes_and_back(shell):
    seen = []
    for _ in PANES:
        seen.append(shell.desk.look.focus)
        shell.press("tab")
    assert tuple(seen) == PANES
    assert shell.desk.look.focus == "source"
    shell.press("shift+tab")
    assert shell.desk.look.focus == PANES[-1]


def test_w_and_v_focus_the_stack(shell):
    for key in "wv":
        shell.press("1", key)
        assert shell.desk.look.focus == "stack"


@pytest.mark.parametrize("pane", PANES)
def test_zoom_and_escape(shell, pane):
    shell.type(f"pane {pane}").press("z")
    assert len(shell.desk.slots()) == 1
    assert shell.desk.slots()[0].panes[0] == pane or pane in shell.desk.slots()[0].panes
    shell.press("escape")
    assert len(shell.desk.slots()) > 1
    shell.press("z", "z")
    assert len(shell.desk.slots()) > 1


def size(shell, pane):
    slot = next(slot for slot in shell.desk.slots() if pane in slot.panes)
    return slot.width, slot.height


def test_panes_are_resized():
    shell = FakeShell(120, 40)
    shell.press("4")
    width, height = size(shell, "table")
    shell.press("+")
    assert size(shell, "table") == (width, height + 1)
    shell.press("-", "-")
    assert size(shell, "table") == (width, height - 1)
    shell.press(")")
    assert size(shell, "table")[0] == width + 2
    shell.press("(", "(")
    assert size(shell, "table")[0] == width - 2
    shell.press("_")
    assert size(shell, "table")[1] < height - 1
    shell.press(*"+++++++++++++++++++++++++++++++++++++++++++++++++++")
    assert len(shell.lines) == 40


def test_layouts_go_round_and_by_name(shell):
    names = [shell.desk.look.layout]
    for _ in LAYOUTS:
        shell.press("L")
        names.append(shell.desk.look.layout)
    assert names == [*LAYOUTS, names[0]]
    shell.type("layout memory")
    assert shell.message == "layout memory"
    assert shell.console.settings.layout == "memory"
    shell.type("set layout code")
    assert shell.desk.look.layout == "code"


def test_themes_and_ascii(shell):
    shell.type("theme light")
    assert shell.desk.look.theme == shell.console.settings.theme == "light"
    assert shell.repaints == 1
    shell.type("set theme dark")
    assert shell.desk.look.theme == "dark"
    assert not "".join(shell.lines).isascii()
    shell.type("set ascii on")
    assert "".join(shell.lines).isascii()
    shell.type("set ascii off")
    assert not "".join(shell.lines).isascii()


def test_compare_goes_round(shell):
    shell.press("m", "a")
    said = []
    for _ in range(3):
        shell.press("~")
        said.append(shell.message)
    assert said == ["diff = start", "diff = a", "diff = last"]
    shell.type("set diff 3")
    assert shell.desk.look.since == 3
    shell.press("~")
    assert shell.console.settings.diff == "last"


def test_the_panes_compare_with_what_was_chosen():
    shell = FakeShell(120, 40)
    shell.type("goto end").type("goto 60").type("pane changes")
    before = shell.text
    shell.type("set diff start")
    assert shell.text != before
    assert "nr_anon_pages" in shell.text or "anon" in shell.text


def test_escape_puts_everything_back(shell):
    shell.type("search order").press("u", "z", "escape")
    assert shell.desk.look.search == ""
    assert shell.console.frame == -1
    assert not shell.desk.look.zoom


# -- search ------------------------------------------------------------------------------------------
def test_search_in_the_source_goes_round_and_backwards(shell):
    shell.press("/", *"orders[i]", "enter")
    first = shell.desk.look.line
    assert "orders[i]" in shell.desk.snap.calls[shell.desk.snap.frame].source[first - 1]
    lines = [first]
    while True:
        shell.press(".")
        if shell.desk.look.line == first:
            break
        lines.append(shell.desk.look.line)
    assert len(lines) > 3
    shell.press(",")
    assert shell.desk.look.line == lines[-1]


def test_search_in_events_and_timeline(shell):
    shell.press("G", "9", "/", *"fallback", "enter")
    assert shell.desk.look.event == 10
    shell.press(".")
    assert shell.desk.look.event == 64
    shell.press(".")
    assert shell.desk.look.event == 10
    shell.press(",")
    assert shell.desk.look.event == 64
    shell.press("8", "escape").type("search step-down")
    seen = [shell.desk.look.mark]
    for key in "...,":
        shell.press(key)
        seen.append(shell.desk.look.mark)
    assert seen == [8, 43, 62, 8, 62]


PRESENT = {
    "source": "orders", "orders": "32K", "stack": "alloc_anon", "table": "order 4", "allocator": "pfn", "vmas": "heap",
    "changes": "the last step", "timeline": "fallback", "events": "policy", "breaks": "uffd", "watch": "order",
    "console": "uffd", "cpus": "heap",
}  # fmt: skip


@pytest.mark.parametrize("pane", PANES)
def test_search_in_each_pane(pane):
    shell = FakeShell(120, 40)
    shell.type("goto 10").type("break uffd").type("display order").type(f"pane {pane}")
    for direction in ("", ".", ","):
        shell.press(*(direction or ["/", *PRESENT[pane], "enter"]))
        assert "has no" not in shell.message
    shell.press("/", *"no such thing", "enter")
    assert shell.message == f"{pane} has no 'no such thing'"
    assert shell.desk.look.focus == pane


def test_search_without_words(shell):
    shell.press(".")
    assert shell.message == "search for what?  / begins one"
    shell.press("/", *"order", "enter", "/", "enter")
    assert shell.desk.look.search == ""
    shell.press("/", "x", "escape")
    assert shell.desk.look.search == ""


def test_search_in_a_box():
    shell = FakeShell()
    shell.press("?", "/", *"transcript", "enter")
    assert "transcript" in shell.text
    assert "┏━ help" in shell.text
    shell.press("/", *"no such thing", "enter")
    assert shell.message == "'no such thing' is not there"


# -- the palette -------------------------------------------------------------------------------------
def palette(shell, words):
    return shell.press("ctrl+p", *words)


def test_the_palette_takes_an_action(shell):
    palette(shell, "to the end")
    assert "to the end (runs there)" in shell.text
    shell.press("enter")
    assert shell.session.stop.kind == "end"
    assert not shell.desk.asking


def test_the_palette_opens_the_prompt_for_a_command_that_takes_something(shell):
    palette(shell, "save-scenario").press("enter")
    assert shell.lines[-2].startswith("(thp) save-scenario")
    shell.press("escape")
    palette(shell, "print[/f]").press("enter")
    assert shell.lines[-2].startswith("(thp) print ")


def test_the_palette_executes_a_command_that_takes_nothing(shell):
    palette(shell, ":token").press("enter")
    assert shell.console.log[-2] == "(thp) token"


def test_the_palette_knows_marks_events_panes_themes(shell):
    shell.type("mark alpha 3")
    palette(shell, "jump alpha").press("enter")
    assert shell.session.step == 3
    shell.press("]")
    palette(shell, ":goto 9 bounds").press("enter")
    assert shell.session.step == 9
    palette(shell, ":pane allocator").press("enter")
    assert shell.desk.look.focus == "allocator"
    palette(shell, ":theme light").press("enter")
    assert shell.desk.look.theme == "light"


def test_the_palette_narrows_down_scrolls_and_is_left(shell):
    palette(shell, "")
    everything = shell.desk.overlay.rows
    shell.press("down", "down", "pagedown", "up")
    assert shell.desk.overlay.selected > 2
    shell.press(*"zzz")
    assert "nothing has these words" in shell.text
    shell.press("enter")
    assert shell.desk.overlay is None
    palette(shell, "z").press("backspace")
    assert shell.desk.overlay.rows == everything
    shell.press("escape")
    assert shell.desk.overlay is None
    assert not shell.desk.asking
    palette(shell, "").press("backspace")
    assert shell.desk.overlay is None
    palette(shell, "").press("ctrl+c")
    assert shell.desk.overlay is None
    assert not shell.desk.asking


def test_every_entry_of_the_palette_can_be_taken():
    many = len(boxes.entries(FakeShell().desk))
    for at in range(many):
        shell = FakeShell()
        entry = boxes.entries(shell.desk)[at]
        if not entry.words.startswith(("shot", "edit")) and entry.name not in (":shot [FILE.svg]", ":edit"):
            entry.do(shell.desk)
            assert shell.lines


# -- copies ------------------------------------------------------------------------------------------
def file_of(shell):
    return Path(shell.message.rpartition(" ")[2])


@pytest.mark.parametrize("pane", PANES)
def test_a_copy_is_the_same_in_clipboard_and_file(pane):
    shell = FakeShell(200, 60)
    shell.type("goto 10").type(f"pane {pane}").press("y")
    (text,) = shell.copied
    assert shell.message.startswith(f"copied {pane} (")
    assert file_of(shell).read_text() == text
    assert text.strip()
    assert all(line == clean(line).rstrip() for line in text.splitlines())


def test_a_transcript_is_copied():
    shell = FakeShell(200, 60)
    shell.type("goto 10").press("Y")
    assert "#10  fallback" in shell.copied[0]
    assert file_of(shell).read_text() == shell.copied[0]
    shell.type("copy transcript")
    assert shell.copied[1] == shell.copied[0]
    shell.type("copy")
    assert shell.message.startswith("copied source")
    assert len({each.name for each in Path().glob("thp-debug-unfit*")}) == 3


def test_a_copy_without_a_file_is_told(shell, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tui.take.save", full)
    shell.press("y")
    assert shell.copied
    assert "no file could be written: No space left" in shell.message


def test_a_shot_is_a_picture_and_a_text():
    shell = FakeShell(200, 60)
    shell.type("goto 10")
    before = [line.rstrip() for line in shell.lines]
    shell.press("P")
    picture, text = (Path(each.strip()) for each in shell.message.removeprefix("written: ").split(","))
    assert picture.read_text().startswith("<svg")
    assert text.read_text().splitlines()[:50] == before[:50]
    shell.type("shot mine")
    assert Path("mine.svg").exists()
    assert Path("mine.txt").exists()
    shell.type("shot mine.svg")
    assert "no picture: File exists" in shell.message
    shell.type("shot 'my own'")
    assert Path("my own.svg").exists()


@pytest.mark.parametrize("name", ["~0", "no/where", "a\0b", "x" * 300])
def test_a_shot_that_can_not_be_written_is_told(shell, name):
    shell.desk.execute(f"shot {name}")
    assert shell.message.startswith("no picture: ")


# -- the mouse ---------------------------------------------------------------------------------------
def find(shell, words, width=80):
    """Cell where some words begin."""
    y = next(n for n, line in enumerate(shell.lines) if words in line)
    return shell.lines[y].index(words), y


def test_a_click_focuses_a_pane_and_turns_its_tabs(shell):
    shell.desk.click(60, 2)
    assert shell.desk.look.focus == "orders"
    shell.desk.click(*find(shell, "allocator"))
    assert shell.desk.look.focus == "allocator"
    shell.desk.click(0, 0)
    shell.desk.click(5, 23)
    assert shell.desk.look.focus == "allocator"


def test_a_click_beside_a_line_toggles_a_breakpoint(shell):
    x, y = find(shell, " 69 ")
    shell.desk.click(x, y)
    assert [each.text for each in shell.breaks] == ["alloc_anon_folio:69"]
    shell.desk.click(x, y)
    assert not len(shell.breaks)
    shell.desk.click(x + 12, y)
    assert shell.desk.look.line == 69


def test_a_click_on_an_event_a_step_a_call_an_entry(shell):
    shell.desk.click(*find(shell, "#9  vma-bounds"))
    assert shell.desk.look.event == 9
    shell.desk.click(*find(shell, "#1 do_anonymous_page"))
    assert shell.desk.look.focus == "stack"
    assert shell.desk.snap.calls[shell.desk.snap.frame].function == "do_anonymous_page"
    shell.press("8")
    x, y = find(shell, "gbota")
    shell.desk.click(x + 2, y)
    assert shell.session.step == 2
    shell.press("4")
    x, y = find(shell, " 000 ")
    shell.desk.click(x + 5 + 8, y)
    assert shell.desk.snap.entry.addr == 0x7F0000008000


def test_a_click_on_a_row_puts_the_cursor_there(shell):
    shell.type("break uffd").type("break alloc").press("0")
    shell.desk.click(*find(shell, "alloc  "))
    assert shell.desk.look.row["breaks"] == 1


def test_a_click_in_a_box_takes_a_row_and_one_outside_closes_it(shell):
    shell.type("goto 11").press("a")
    x, y = find(shell, "NULL  ")
    shell.desk.click(x, y)
    assert shell.session.answers == {11: "NULL"}
    shell.press("?")
    shell.desk.click(5, 5)
    assert shell.desk.overlay is None


def test_clicks_do_nothing_while_the_prompt_is_open(shell):
    shell.press(":", "s")
    shell.desk.click(60, 2)
    assert shell.desk.look.focus == "source"
    assert shell.lines[-2].startswith("(thp) s")


def test_the_wheel_moves_the_pane_under_the_pointer(shell):
    line = shell.desk.look.line
    shell.desk.scroll(5, 5, "up")
    assert shell.desk.look.focus == "source"
    assert shell.desk.look.line != line
    shell.desk.scroll(*find(shell, "#9  vma-bounds"), "up")
    assert shell.desk.look.focus == "events"
    assert shell.desk.look.event == 9
    shell.press("?")
    top = shell.desk.overlay.top
    shell.desk.scroll(5, 5, "down")
    assert shell.desk.overlay.top == top + 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (45, 12), (30, 8)])
def test_clicks_are_harmless_anywhere(size):
    shell = FakeShell(*size, session=Session(shipped("seed/unfit.toml")))
    shell.press("]", "S")
    for x in range(0, size[0], 17):
        for y in range(size[1]):
            shell.desk.click(x, y)
            shell.desk.scroll(x, y, "down")
    assert ["".join(plain(piece) for piece in line) for line in shell.desk.frame().lines] == shell.lines
