# SPDX-License-Identifier: GPL-2.0-only
"""The user's configuration: all faults at once, each with its place."""

from __future__ import annotations

import pytest

from kernelmodel.scenario.faults import ScenarioError
from tui.config import MAX_BYTES, Config, init_script, load
from tui.keys import keymap


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "config.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def problems(path):
    """(line, column, message, hint) of each."""
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert all(each.file == str(path) for each in caught.value.errors)
    return [(each.line, each.col, each.message, each.hint) for each in caught.value.errors]


def test_no_file_means_the_defaults(tmp_path):
    assert load(tmp_path / "nothing.toml") == Config()
    assert Config()[:6] == ("ansi", "gdb", "auto", True, False, False)


def test_an_empty_file_means_the_defaults(write):
    assert load(write("# nothing\n")) == Config()


GOOD = """
theme = "dark"
keymap = "vscode"
layout = "memory"
mouse = false
ascii = true
plain = true

[keys]
"exec.step" = "s,f11"
exec.restart = "R"

[alias]
ff = "continue fallback"
"""


def test_every_key(write):
    config = load(write(GOOD))
    assert config[:6] == ("dark", "vscode", "memory", False, True, True)
    assert config.keys == {"exec.step": "s,f11", "exec.restart": "R"}
    assert config.alias == {"ff": "continue fallback"}
    assert keymap(config.keymap, config.keys).action("R") == "exec.restart"


def test_it_cannot_be_changed(write):
    config = load(write(GOOD))
    with pytest.raises(TypeError):
        config.keys["exec.step"] = "x"


def test_it_is_found_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load() == Config()
    (tmp_path / "thp-debug").mkdir()
    (tmp_path / "thp-debug" / "config.toml").write_text('theme = "light"\n')
    assert load().theme == "light"


BAD = """\
theme = "darkk"
mouse = 1
colour = "red"
ascii = "true"
layout = 3
[keys]
"exec.step" = "n"
exec.next = 5
"exec.stepp" = "x"
"exec.cont" = "ctrl+i"
quit = ""
[alias]
"a b" = "step"
empty = " "
control = "a\\u001b"
"""


def test_all_faults_at_once(write):
    found = problems(write(BAD))
    assert [(line, col) for line, col, _, _ in found] == [
        (1, 9), (2, 9), (3, 1), (4, 9), (5, 10), (7, 15), (8, 13), (9, 16), (10, 15), (11, 8), (13, 1), (14, 9), (15, 11),
    ]  # fmt: skip
    words = [message for _, _, message, _ in found]
    assert words[0] == "theme can't be 'darkk'"
    assert words[2] == "there is no 'colour' here"
    assert words[5] == "exec.step: n is the key of exec.next"
    assert words[7] == "exec.stepp: no such action; did you mean exec.step?"
    assert words[9] == "quit: needs a key"
    hints = [hint for _, _, _, hint in found]
    assert hints[0] == "did you mean 'dark'?"
    assert hints[1] == hints[3] == "true or false, without quotes"


def test_a_key_of_the_preset_that_is_taken_twice(write):
    assert problems(write('keymap = "cgdb"\n[keys]\n"view.zoom" = "n"\n')) == [
        (3, 15, "view.zoom: n is the key of search.next", 'like "exec.step" = "s,f11"')
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("theme = dark\n", (1, 9)),
        ('theme = "dark"\ntheme = "light"\n', (2, 1)),
        (b"theme = \xff\n", (1, 9)),
        ("keys = 3\n", (1, 8)),
        ("[keys.exec.step]\nx = 'y'\n", (1, 1)),
        ("[" * 40, (1, 33)),
    ],
)
def test_what_is_no_configuration(write, text, place):
    found = problems(write(text))
    assert len(found) == 1
    assert abs(found[0][0] - place[0]) + abs(found[0][1] - place[1]) <= 8
    assert "scenario" not in found[0][2] + found[0][3]


def test_a_file_that_is_too_large(write):
    assert problems(write("#" * (MAX_BYTES + 1))) == [(1, 1, "can't be read: it has more than 65,536 bytes", "")]


def test_a_folder_in_its_place(tmp_path):
    assert problems(tmp_path) == [(1, 1, "can't be read: it is not a regular file", "")]


def test_init_script(tmp_path):
    path = tmp_path / "init.thp"
    assert init_script(path) == []
    path.write_text("# mine\n\n  break fallback  # why\nset ascii on\r\n   # more\n")
    assert init_script(path) == ["break fallback  # why", "set ascii on"]


def test_init_script_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "thp-debug").mkdir()
    (tmp_path / "thp-debug" / "init.thp").write_text("step\n")
    assert init_script() == ["step"]


def test_init_script_that_cannot_be_read(tmp_path):
    path = tmp_path / "init.thp"
    path.write_bytes(b"step\n\xff\n")
    with pytest.raises(ScenarioError) as caught:
        init_script(path)
    assert str(caught.value) == f"{path}:2:1: byte 0xff is not UTF-8"
