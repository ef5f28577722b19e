# SPDX-License-Identifier: GPL-2.0-only
"""What a command line could go on with."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelmodel.stops.locations import parse_location
from tui.complete import MOST, complete
from tui.filenames import filenames


class Command(NamedTuple):
    name: str
    usage: str
    takes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


COMMANDS = (
    Command("break", "break [LOC] [if EXPR]", ("location",), ("b",)),
    Command("until", "until LOC", ("location",)),
    Command("log", 'log LOC "text {expr}"', ("location",)),
    Command("edit-break", "edit-break N LOC …", ("break", "location")),
    Command("delete", "delete [N ...]", ("break",), ("d",)),
    Command("condition", "condition N [EXPR]", ("break", "expr")),
    Command("print", "print[/F] EXPR", ("expr",), ("p",)),
    Command("goto", "goto N|MARK|start|end", ("mark",)),
    Command("set", "set KEY VALUE", ("setting",)),
    Command("source", "source FILE", ("file",)),
    Command("transcript", "transcript [-o FILE] [--since STOP] [--mail|--md]", ("flag", "file")),
    Command("step", "step [N]", ("number",), ("s",)),
    Command("save-scenario", "save-scenario FILE", ("file",)),
    Command("help", "help [COMMAND]", ("command",), ("h",)),
    Command("alias", "alias [NAME = COMMAND …]", ("", "command")),
    Command("reverse-step", "reverse-step [N]", ("number",)),
)


KNOWN = {
    "location": ["alloc_anon_folio", "do_anonymous_page", "alloc_anon_folio:12"],
    "expr": ["vmf->vma", "vmf->address", "order(", "orders[0]"],
    "mark": ["here", "start", "end"],
    "break": ["1", "2", "12"],
    "setting": ["theme", "thp.enabled"],
    "theme": ["dark", "light"],
    "cpu": ["0", "1"],
    "command": ["mine"],
}


class Names:
    """Names of a made-up session; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def candidates(self, kind, word):
        self.asked.append((kind, word))
        return KNOWN.get(kind, [])


def found(text, at=None):
    """The candidates, and what of the text they replace."""
    at = len(text) if at is None else at
    begin, candidates = complete(text, at, Names(), COMMANDS)
    return text[begin:at], candidates


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("st", "st", ["step"]),
        ("  st", "st", ["step"]),
        ("m", "m", ["mine"]),
        ("s", "s", ["set", "source", "step", "save-scenario"]),
        ("step 3; go", "go", ["goto"]),
        ('log fallback "a; b" ; go', "go", ["goto"]),
        ("zzz", "zzz", []),
        ("zzz a", "a", []),
        ("s h", "h", []),
        ("# st", "", []),
        ("!st", "", []),
    ],
)
def test_commands(text, word, expected):
    assert found(text) == (word, expected)


def test_an_empty_line_offers_every_command():
    assert found("") == ("", [*(each.name for each in COMMANDS), "mine"])


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("break fall", "fall", ["fallback"]),
        ("b all", "all", ["alloc", "alloc-fail", "alloc_anon_folio", "alloc_anon_folio:12"]),
        ("break alloc_", "alloc_", ["alloc_anon_folio", "alloc_anon_folio:12"]),
        ("break pte-range:", "pte-range:", ["pte-range:none", "pte-range:populated"]),
        ("break fallback:v", "fallback:v", ["fallback:vma-bounds"]),
        ("break nonsense:", "nonsense:", []),
        ("until bl", "bl", ["blocked"]),
        ("break fallback ", "", ["if", "cpu", "hits", "temp", "log"]),
        ("break fallback cpu 1 ", "", ["if", "hits", "temp", "log"]),
        ("break fallback cpu ", "", ["0", "1"]),
        ("break fallback hits ", "", []),
        ("break fallback hits >= ", "", []),
        ("break fallback hits >= 2 t", "t", ["temp"]),
        ("break pte-range(order=4, i=0) ", "", ["if", "cpu", "hits", "temp", "log"]),
        ("break /a b/ i", "i", ["if"]),
        ("break fallback if vm", "vm", ["vmf->vma", "vmf->address"]),
        ("break fallback if order > 3 && vmf->a", "vmf->a", ["vmf->address"]),
        ("break if vm", "vm", ["vmf->vma", "vmf->address"]),
        ("break fallback cpu 0 if o", "o", ["order(", "orders[0]"]),
        ("until fallback ", "", []),
        ('log fallback "o', '"o', []),
        ('log fallback "now {vm', "vm", ["vmf->vma", "vmf->address"]),
        ('log fallback "now {vmf->vma} o', '"now {vmf->vma} o', []),
        ("edit-break 1", "1", ["1", "12"]),
        ("edit-break 1 fall", "fall", ["fallback"]),
    ],
)  # fmt: skip
def test_breakpoints(text, word, expected):
    assert found(text) == (word, expected)


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("print ", "", KNOWN["expr"]),
        ("print/x vmf->v", "vmf->v", ["vmf->vma"]),
        ("p 1+vmf->", "vmf->", ["vmf->vma", "vmf->address"]),
        ("p a>vm", "vm", ["vmf->vma", "vmf->address"]),
        ("p orders[", "", KNOWN["expr"]),
        ("p orders[i].vm", "orders[i].vm", []),
        ("p 0x1", "", []),
        ("p (x)->v", "", []),
        ("condition 1 o", "o", ["order(", "orders[0]"]),
        ("condition 1", "1", ["1", "12"]),
    ],
)
def test_expressions(text, word, expected):
    assert found(text) == (word, expected)


def test_the_whole_chain_is_asked_for():
    names = Names()
    complete("print x + vmf->vma->vm_st", 25, names, COMMANDS)
    assert names.asked == [("expr", "vmf->vma->vm_st")]


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("goto h", "h", ["here"]),
        ("delete 1 ", "", ["1", "2", "12"]),
        ("goto here ", "", ["here", "start", "end"]),
        ("set the", "the", ["theme"]),
        ("set theme ", "", ["dark", "light"]),
        ("set theme = l", "l", ["light"]),
        ("set theme dark ", "", []),
        ("help go", "go", ["goto"]),
        ("alias x = go", "go", ["goto"]),
        ("transcript -", "-", ["-o", "--since", "--mail", "--md"]),
        ("transcript --m", "--m", ["--mail", "--md"]),
        ("transcript --since h", "h", ["here"]),
        ("step 3 ", "", []),
    ],
)
def test_arguments(text, word, expected):
    assert found(text) == (word, expected)


def test_only_what_is_before_the_cursor_counts():
    assert found("goto hzzz", at=6) == ("h", ["here"])
    assert found("st foo", at=2) == ("st", ["step"])


def test_every_offered_location_is_one():
    kinds = complete("until ", 6, Names(), COMMANDS)[1]
    words = [word for kind in kinds for word in (kind, *found(f"until {kind}:")[1])]
    assert len(words) > 60
    for word in words:
        parse_location(word)


def test_no_more_than_fit():
    class Many:
        def candidates(self, kind, word):
            return [f"x{n}" for n in range(1000)]

    assert len(complete("goto x", 6, Many(), COMMANDS)[1]) == MOST


@given(st.text(st.sampled_from('break if"({[;/->. 0x)]}\\é '), max_size=60))
def test_candidates_begin_with_the_word(text):
    begin, candidates = complete(text, len(text), Names(), COMMANDS)
    assert 0 <= begin <= len(text)
    assert all(each.startswith(text[begin:]) for each in candidates)


def test_a_long_line_takes_no_long_time():
    for text in ("print " + "a" * 9000, "break " + "(" * 9000, "print 1" + "a[x]->" * 1500, 'break "' + ";" * 9000):
        assert found(text)[1] == []
    assert found("print " + "a[" * 4000)[1] == found('log x "' + "{" * 9000)[1] == KNOWN["expr"]


def test_the_table_of_the_program():
    from tui.commands import table

    names = complete("", 0, Names())[1]
    assert [each.name for each in table()] == names[:-1]
    assert complete("break fallback ", 15, Names())[1] == ["if", "cpu", "hits", "temp", "log"]
    assert complete("transcript --since h", 20, Names())[1] == ["here"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.toml").touch()
    for name in ("script.thp", "scenario.toml", ".hidden", "with blank", "odd\x1bname"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_file_names(folder):
    assert found("source s") == ("s", ["scenario.toml", "script.thp", "sub/"])
    assert found("source sub/")[1] == ["sub/deep.toml"]
    assert found("source ./sc")[1] == ["./scenario.toml", "./script.thp"]
    assert found("transcript -o sub/d")[1] == ["sub/deep.toml"]
    assert found(f"source {folder}/sub/d")[1] == [f"{folder}/sub/deep.toml"]


def test_hidden_and_odd_names_are_left_out(folder):
    assert filenames("") == ["scenario.toml", "script.thp", "sub/"]
    assert filenames(".h") == [".hidden"]


def test_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert filenames("~") == ["~/"]
    assert filenames("~/sc") == ["~/scenario.toml", "~/script.thp"]


@pytest.mark.parametrize("word", ["nowhere/x", "script.thp/x", "\0/x", "a" * 5000 + "/"])
def test_what_is_no_folder(folder, word):
    assert filenames(word) == []


def test_a_large_folder(tmp_path):
    for n in range(300):
        (tmp_path / f"f{n}").touch()
    assert len(filenames(f"{tmp_path}/")) == 200


def test_a_link_that_leads_nowhere(tmp_path):
    os.symlink(tmp_path / "nothing", tmp_path / "link")
    assert filenames(f"{tmp_path}/l") == [f"{tmp_path}/link"]
