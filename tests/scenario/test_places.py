# SPDX-License-Identifier: GPL-2.0-only
"""Places of values, against a TOML parser that knows them; limits; and that no text at all is too much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kernelmodel.scenario import Problem, ScenarioError, loads
from kernelmodel.scenario.places import Places
from kernelmodel.scenario.text import MAX_INTEGER, MIN_INTEGER, Text, limits
from tests.scenario.broken_cases import CASES

EXAMPLE = (Path(__file__).parents[2] / "scenarios/example.toml").read_text(encoding="utf-8")

TRICKY = '''
a = 1
"q.x".b = { c = [1, {d = 2}, [ ] ], e.f = 'x#y' } # [not] = here
"\\u0041\\"" = "k"
[t] # a comment
x = [ "a", # c ]
 """b]
""", \'\'\'[c]\'\'\' ,
 1979-05-27 07:32:00, 2 ]
y . z = true
[[v]]
n = 1
[v.sub]
z = 2
[[v.w]]
k = 0
[[v.w]]
k = 1
[[v]]
n = 2
free = { 0 = 30, 4 = 2 }
[[v.w]]
k = 2
[expect.variant."6.9"]
text = """"quoted" and a "" pair\\"""""
"" = 1
'''


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Every value in the parsed file, with its path."""
    found = [(path, value)] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        found += paths(item, (*path, name))
    return found


def check_places(text: str) -> None:
    """Each scalar's place holds a token that parses to the scalar."""
    places = Places(Text(text, "x").tokens)
    for path, value in paths(tomli.loads(text)):
        assert path in places.values
        start = places.values[path]
        if not isinstance(value, dict | list):
            rest = text[start:]
            ends = (i for i in range(1, len(rest) + 1) if i == len(rest) or rest[i] in ",]} \t\n\"'#")
            assert any(_parses(rest[:i], value) or _parses(rest[: i + 1], value) for i in ends)


def _parses(text: str, value: Any) -> bool:
    try:
        return bool(tomli.loads(f"x = {text}\n")["x"] == value)
    except tomli.TOMLDecodeError:
        return False


def test_places_hold_their_values() -> None:
    """In a file with everything in it, and in the example."""
    check_places(TRICKY)
    check_places(EXAMPLE)


def test_places_of_keys_and_tables() -> None:
    """Keys stand where they are written, tables at their header."""
    text = Text(TRICKY, "x")
    lines = TRICKY.split("\n")

    def at(path: tuple[str | int, ...], key: bool = False) -> str:
        place = text.place(path, key=key)
        return lines[place.line - 1][place.col - 1 :]

    assert at(("v", 1)) == "[[v]]"
    assert text.place(("v", 1)).line == lines.index("[[v]]", lines.index("[[v]]") + 1) + 1
    assert at(("v", 1, "w", 0, "k")) == "2"
    assert at(("v", 0, "w", 1, "k")) == "1"
    assert at(("v", 0, "sub", "z"), key=True) == "z = 2"
    assert at(("expect", "variant", "6.9"), key=True) == '"6.9"]'
    assert at(("q.x", "b", "e", "f"), key=True).startswith("f = 'x#y'")
    assert at(('A"',), key=True).startswith('"\\u0041')
    assert at(("t", "y", "z")) == "true"
    assert at(("t", "x", 4)) == "2 ]"
    assert at(("v", 1, "free", "4"), key=True) == "4 = 2 }"
    assert at(("v", 1, "no", "such")) == "[[v]]"


def test_places_inside_strings() -> None:
    """An offset counts in a string without escapes only; elsewhere the string itself is the place."""
    text = Text("a = 'xyz'\nb = \"\\u0041yz\"\nc = '''xyz'''\nd = 12345\n", "x")
    assert (text.place(("a",), offset=2).col, text.place(("a",), offset=99).col) == (8, 9)
    assert [text.place((name,), offset=2).col for name in "bcd"] == [5, 5, 5]


def test_places_agree_with_tree_sitter() -> None:
    """A second opinion on where the pairs of the example stand."""
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_toml")
    data = EXAMPLE.encode()
    root = tree_sitter.Parser(tree_sitter.Language(grammar.language())).parse(data).root_node
    places = Places(Text(EXAMPLE, "x").tokens)
    theirs = set()
    todo = [root]
    while todo:
        node = todo.pop()
        todo += node.named_children
        if node.type == "pair":
            theirs.add(tuple(len(data[: part.start_byte].decode()) for part in node.named_children[:2]))
    ours = {(places.keys[path], places.values[path]) for path in places.values if not isinstance(path[-1], int)}
    assert theirs
    assert theirs <= ours


@pytest.mark.parametrize("number", [MAX_INTEGER, MIN_INTEGER, 0, hex(MAX_INTEGER), bin(MAX_INTEGER), "0_1", "+5"])
def test_integers_of_64_bits_are_within_limits(number: int | str) -> None:
    """The largest and the smallest, in any base."""
    assert limits(Text(f"a = {number}\n", "x")) == []


def test_limits_look_past_strings_comments_and_keys() -> None:
    """Brackets, dots and digits that mean nothing are not counted; 32 of each are fine."""
    deep, long, wide = "[" * 40, ".".join("a" * 40), "9" * 30
    text = f'# {deep} {long} {wide}\na = \'{deep} {long} {wide}\'\nb = """\n{deep}\n{wide}"""\n{wide} = 1\n'
    text += "c = " + "[" * 32 + "]" * 32 + "\n" + ".".join("d" * 32) + " = 1\n" + "e = []\n" * 50
    assert limits(Text(text, "x")) == []


# -- any text -------------------------------------------------------------------------------------------
def survives(text: str) -> None:
    """A scenario, or an error that is fit to be printed."""
    found: list[Problem] = []
    try:
        assert loads(text, "x.toml").events
    except ScenarioError as error:
        found = error.errors
    lines = text.replace("\r\n", "\n").split("\n")
    for each in found:
        assert each.message
        assert each.hint
        assert (str(each) + each.hint).isprintable()
        assert 1 <= each.line <= len(lines)
        assert 1 <= each.col <= len(lines[each.line - 1]) + 1


TOMLISH = st.lists(
    st.sampled_from(
        "[ ] [[ ]] { } = , . # \" ' \"\"\" ''' \\ \n \r\n \t a event vma write read heap variant 'v3' 0x 1e9 -1 true inf "
        "nan 1979-05-27 07:32:00 99999999999999999999999 name start size free expect \x00 \x1b é \u202e 𝄞".split(" ")
    ),
    max_size=60,
).map("".join)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.text(max_size=200) | TOMLISH)
@example("\ufeff")
@example("\r")
@example('"\\')
@example("'''")
@example("a = '\ud800'")
def test_any_text_is_told_about(text: str) -> None:
    """Nothing but a ScenarioError comes of a text."""
    survives(text)


SEEDS = [EXAMPLE, TRICKY, *(each.text for each in CASES if len(each.text) < 2000)]
_VALUES = (
    "' ' \n = [ ] { } \" # 0 -1 true 1e400 'x' [] {} [1] 'heap+1' 1979-05-27 inf nan 99999999999999999999 '\\u0000'"
)
PIECES = st.sampled_from(["", " ", '"\\u0000"', "[[event]]\n", "[[vma]]\n", "\x07", *_VALUES.split(" ")])


@QUICK
@given(st.data())
def test_mutated_scenarios_are_told_about(data: st.DataObject) -> None:
    """A good or broken scenario with a few pieces replaced."""
    text = data.draw(st.sampled_from(SEEDS))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(PIECES) + text[end:]
    survives(text)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["at", "name", "0", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def spelled(value: Any) -> str:
    """A value as TOML."""
    import json

    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {spelled(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    if isinstance(value, float):
        return repr(value) if value == value and abs(value) != float("inf") else "inf"
    return "1979-05-27" if value is None else json.dumps(value).replace("\x7f", "\\u007f")


KEYS = [(), *sorted({path for path, _ in paths(tomli.loads(EXAMPLE))}, key=repr)]


@QUICK
@given(st.sampled_from(KEYS[1:]), JSONISH)
def test_any_value_anywhere_is_told_about(path: tuple[str | int, ...], value: Any) -> None:
    """Each value of the example replaced by one of any type."""
    tree = tomli.loads(EXAMPLE)
    inner: Any = tree
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    survives("\n".join(f"{name} = {spelled(item)}" for name, item in tree.items()) + "\n")
