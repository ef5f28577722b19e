# SPDX-License-Identifier: GPL-2.0-only
"""Presets of keys: nothing means two things, everything has a key, the footer fits."""

from __future__ import annotations

import string
import subprocess
import sys

import pytest

from tui.commands import find
from tui.keynames import NEVER, PUNCTUATION, KeyNameError, name_of, names_of, shown
from tui.keys import PRESETS, KeymapError, keymap
from tui.keytable import MOVE_KEYS

ACTIONS = keymap().actions
IDS = [each.id for each in ACTIONS if not each.of]


def bound(preset):
    """Every (key, id) of a preset, movement keys and digits included."""
    keys = keymap(preset)
    pairs = [(key, name) for name in (*IDS, *MOVE_KEYS) for key in keys.keys(name)]
    return [*pairs, *((digit, "digit") for digit in string.digits)]


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_means_two_things(preset):
    keys = [key for key, _ in bound(preset)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_action_has_a_key(preset):
    keys = keymap(preset)
    assert [name for name in (*IDS, *MOVE_KEYS) if not keys.keys(name)] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_keys_arrive_from_every_terminal(preset):
    keys = [key for key, _ in bound(preset)]
    assert [key for key in keys if key.startswith("alt+") or key in NEVER or key == "ctrl+s"] == []
    assert [key for key in keys if key not in string.digits and name_of(key) != key] == []


def test_key_names_are_those_of_the_terminal_library():
    from textual.keys import _character_to_key

    assert {char: _character_to_key(char) for char in string.punctuation} == {
        char: name for name, char in PUNCTUATION.items()
    }


@pytest.mark.parametrize(
    ("sent", "key"),
    [("\x1b[23;2~", "shift+f11"), ("\x1b[23;5~", "ctrl+f11"), ("\x1b[15;6~", "ctrl+shift+f5"), ("\x1b[1;2D", "shift+left"), ("\x1b[13;2~", "shift+f3"), ("\x1b[19~", "f8")],
)  # fmt: skip
def test_what_terminals_send_for_the_presets_keys(sent, key):
    from textual._xterm_parser import XTermParser

    parser = XTermParser()
    assert [event.key for event in [*parser.feed(sent), *parser.feed("")]] == [key]
    assert any(keymap(preset).action(key) for preset in PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_footer_fits_80_columns(preset):
    footer = keymap(preset).footer(80)
    assert len(" " + " ".join(f"{each.shown} {each.label}" for each in footer)) <= 80
    labels = {each.label for each in footer}
    assert labels >= {"help", "step", "next", "fin", "cont", "back", "break", "cmd", "quit"}


@pytest.mark.parametrize("width", [10, 20, 40])
def test_footer_of_a_narrow_terminal_keeps_help(width):
    footer = keymap().footer(width)
    assert "help" in [each.id for each in footer]
    assert len(" " + " ".join(f"{each.shown} {each.label}" for each in footer)) <= width


@pytest.mark.parametrize(("width", "gap", "wanted"), [(80, 1, {"x"}), (120, 2, {"x", "< >"})])
def test_footer_has_the_keys_of_several_cpus_where_there_are_several(width, gap, wanted):
    assert not wanted & {each.shown for each in keymap().footer(width, gap)}
    assert wanted <= {each.shown for each in keymap().footer(width, gap, True)}


def test_footer_stands_in_the_order_of_the_table():
    names = [each.id for each in keymap("vscode").footer(120, gap=2)]
    assert names == [each.id for each in ACTIONS if each.id in names]


def test_an_action_stands_for_a_command_of_the_table():
    lines = [each.command for each in ACTIONS if each.command]
    assert [line for line in lines if find(line.split()[0], line).name != line.split()[0]] == []
    commands = {each.id: each.command for each in ACTIONS}
    assert commands["exec.step"] == "step"
    assert commands["nav.first"] == "goto start"
    assert commands["cmd.print"] == "print "


def test_what_a_key_means():
    keys = keymap()
    assert keys.action("s") == "exec.step" == keys.action("f11")
    assert keys.action("left_square_bracket") == "nav.fallback_prev"
    assert keys.action("k") == ""
    assert keys.move("k") == "up"
    assert keys.move("s") == ""
    assert keys.action("f12") == ""


def test_presets_differ_as_their_users_expect():
    assert keymap("cgdb").action("f8") == "exec.next"
    assert keymap("cgdb").action("space") == "bp.toggle"
    assert not keymap("cgdb").move("space")
    assert keymap("cgdb").action("n") == "search.next"
    assert keymap("vscode").action("shift+f5") == "quit"
    assert keymap("vscode").action("ctrl+f11") == "exec.rstep"
    assert keymap("vim").move("ctrl+f") == "page_down"


@pytest.mark.parametrize(
    ("preset", "name", "text"),
    [("gdb", "exec.step", "s"), ("gdb", "palette", "^P"), ("gdb", "nav.fallback", "[ ]"), ("gdb", "exec.back", "SNFC"), ("vscode", "exec.cont", "F5"), ("vscode", "exec.finish", "S-F11"), ("vscode", "exec.rstep", "^F11"), ("vscode", "exec.back", "SNFC"), ("vim", "exec.back", "SOFC"), ("gdb", "move.page_up", "PgUp"), ("gdb", "cursor", "↑↓←→"), ("gdb", "nothing", "")],
)  # fmt: skip
def test_how_keys_are_written(preset, name, text):
    assert keymap(preset).shown(name) == text


def test_every_key_of_an_action():
    assert keymap().shown("exec.finish", every=True) == "f S-F11"
    assert keymap("cgdb").shown("bp.toggle", every=True) == "Space b"


def test_actions_carry_the_keys_of_the_keymap():
    step = next(each for each in keymap("vscode").actions if each.id == "exec.step")
    assert (step.keys, step.shown, step.command) == (("f11", "s"), "F11", "step")


def test_the_users_own_keys():
    keys = keymap(
        "gdb", {"exec.step": "X, F11", "search.next": "comma", "search.prev": ".", "move.page_down": "pagedown"}
    )
    assert keys.action("X") == keys.action("f11") == "exec.step"
    assert keys.action("s") == ""
    assert keys.action("comma") == "search.next"
    assert keys.action("full_stop") == "search.prev"
    assert keys.move("space") == ""
    assert keymap().action("s") == "exec.step"


def test_a_key_can_be_taken_away():
    keys = keymap("gdb", {"exec.restart": ""})
    assert keys.action("r") == ""
    assert keys.shown("exec.restart") == ""


@pytest.mark.parametrize(
    ("preset", "overrides", "words"),
    [
        ("emacs", {}, "no preset 'emacs'; known are gdb, cgdb, vscode, vim"),
        ("gdb", {"exec.stop": "x"}, "exec.stop: no such action; did you mean exec.step?"),
        ("gdb", {"exec.step": "n"}, "exec.step: n is the key of exec.next"),
        ("gdb", {"exec.step": "j"}, "exec.step: j is the key of move.down"),
        ("gdb", {"exec.step": "5"}, "exec.step: 5 is the key of the pane of that number"),
        ("gdb", {"move.down": "s"}, "move.down: s is the key of exec.step"),
        ("gdb", {"exec.back": "x"}, "exec.back: no such action"),
        ("gdb", {"exec.step": "hyper+x"}, "exec.step: 'hyper+x' is no key"),
        ("gdb", {"exec.step": "f25"}, "exec.step: 'f25' is no key"),
        ("gdb", {"exec.step": "s,,x"}, "exec.step: '' is no key"),
        ("gdb", {"exec.step": "shift+s"}, "exec.step: 'shift+s' arrives as the character"),
        ("gdb", {"exec.step": "ctrl+i"}, "exec.step: a terminal sends tab for ctrl+i"),
        ("gdb", {"exec.step": "\x1b"}, "exec.step: '\\x1b' is no key"),
        ("gdb", {"quit": ""}, "quit: needs a key"),
    ],
)
def test_faults(preset, overrides, words):
    with pytest.raises(KeymapError) as caught:
        keymap(preset, overrides)
    assert str(caught.value).startswith(words)


def test_all_faults_at_once():
    with pytest.raises(KeymapError) as caught:
        keymap("gdb", {"exec.step": "n", "exec.stop": "x", "exec.cont": "alt+"})
    assert {name for name, _ in caught.value.faults} == {"exec.step", "exec.stop", "exec.cont"}


@pytest.mark.parametrize(
    ("text", "name"),
    [("s", "s"), ("S", "S"), ("[", "left_square_bracket"), ("+", "plus"), (" ", "space"), ("Ctrl+P", "ctrl+p"), ("Shift+F11", "shift+f11"), ("shift+ctrl+F5", "ctrl+shift+f5"), ("PageUp", "pageup"), ("ö", "ö"), ("ctrl+]", "ctrl+right_square_bracket")],
)  # fmt: skip
def test_names_that_users_write(text, name):
    assert name_of(text) == name


def test_lists_of_keys():
    assert names_of("s, f11") == ("s", "f11")
    assert names_of(",") == ("comma",)
    assert names_of("s,s") == ("s",)
    assert names_of("  ") == ()
    with pytest.raises(KeyNameError):
        names_of("s,")


def test_shown_of_modifiers():
    assert [shown(key) for key in ("ctrl+p", "shift+f11", "ctrl+shift+f5", "alt+x")] == ["^P", "S-F11", "^S-F5", "M-x"]


def test_the_terminal_library_is_not_imported():
    code = "import sys, tui.keys; print('textual' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
