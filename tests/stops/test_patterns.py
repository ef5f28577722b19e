# SPDX-License-Identifier: GPL-2.0-only
"""Patterns: which are searched for, and which are refused because a search could take too long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.scenario import loads
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.stops.locations import LocationError, line_of, parse_location
from kernelmodel.stops.patterns import MAX_LINE, PatternError, check, occurs

from .fake import FakeRun, story


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("/NULL/", [4, 9]), ("/null/", []), ("/(?i)null/", [4, 9]), ("/cpu0 alloc_anon_folio:12 /", [2]), ("/^cpu0 do_/", [1, 6, 11]),
        ("/alloc.*order=[34].*(NULL|folio)/", [4, 9]), ("/vma-bounds|lock/", [2, 6]), ("/[(]leaf[)]/", [4]), ("/x/", []), (r"/:\d+ fallback/", [5, 10]),
        ("/./", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ],
)  # fmt: skip
def test_match(pattern: str, steps: list[int]) -> None:
    run = FakeRun(story(), known=len(story()))
    where = parse_location(pattern)
    assert (where.kind, where.function, where.pattern) == ("", "", pattern[1:-1])
    assert [at for at in range(run.last + 1) if where.matches(run, at, run.event(at))] == steps


def test_the_line_that_is_searched() -> None:
    run = FakeRun(story(), known=9)
    assert line_of(run, run.event(9)) == "cpu0 alloc_anon_folio:0 alloc        order=4 NULL"


@pytest.mark.parametrize(
    "pattern",
    [
        "a.*b", "(a|b)c", "(?:ab|cd)", "[^ ]+ x+", "a{2,5}", "x?y?z?", "(a+)?", "(?>a+)b", "a*+b", "(?x) a b", "[[a]", "é", "\\d+\\.\\d+",
        "(one|two|three|four|five|six)", "a{1000}", ".*?x", "(?P<name>x)",
    ],
)  # fmt: skip
def test_taken(pattern: str) -> None:
    check(pattern)
    occurs(pattern, "cpu0 alloc_anon_folio:12")


@pytest.mark.parametrize(
    ("pattern", "words", "pos"),
    [
        ("", "empty", 0), ("x" * 201, "longer than 200", 200), ("(a*)*", "a repeat inside a repeat", -1), ("(a?){9}", "a repeat inside a repeat", -1),
        ("(ab|a)*", "alternatives inside a repeat", -1), ("(x(a|b.)y){2}", "alternatives inside", -1), ("(a)\\1", "backreferences", -1),
        ("(x)?(?(1)a|b)", "backreferences", -1), ("(?=x)", "lookaround", -1), ("(?<!x)y", "lookaround", -1), ("a*b*c*", "more than 2 unbounded", -1),
        (".{0,99}" * 3, "more than 2 unbounded", -1), ("a?" * 20 + "a" * 20, "too many alternatives", -1), (("(a|b.)" * 9), "too many", -1),
        ("x[", "unterminated character set", 1), ("(", "unterminated subpattern", 0), ("a**", "multiple repeat", 2), ("\\", "bad escape", 0),
        ("(?L)a", "flags", 3), ("a{99999999999999}", "too large", -1), ("(?(1)a|b)", "invalid group", 3),
    ],
)  # fmt: skip
def test_refused(pattern: str, words: str, pos: int) -> None:
    with pytest.raises(PatternError) as caught:
        check(pattern)
    assert words in caught.value.message
    assert caught.value.pos == pos


def test_a_refused_pattern_is_a_location_error_at_its_place() -> None:
    with pytest.raises(LocationError) as told:
        parse_location(" /ab[/")
    assert (told.value.col, told.value.message) == (4, "in the pattern: unterminated character set")


def test_a_scenario_may_use_them() -> None:
    text = (
        'variant = "v3"\n[[event]]\nwrite = 0x1000\n[[break]]\non = "/NULL.*x/"\nif = "changed(order) || hits() < 3"\n'
    )
    assert loads(text, "x.toml").breaks[0].on == "/NULL.*x/"
    with pytest.raises(ScenarioError) as told:
        loads(text.replace("NULL.*x", "(a*)*"), "x.toml")
    assert [(each.line, each.message) for each in told.value.errors] == [
        (5, "a repeat inside a repeat is not supported in patterns")
    ]


def test_only_the_beginning_of_a_long_line_is_searched() -> None:
    assert occurs("x$", " " * (MAX_LINE - 1) + "x" + "y" * 1000)
    assert not occurs("y", " " * MAX_LINE + "y")


parts = st.lists(
    st.sampled_from(["a", ".", "*", "+", "?", "{2}", "{1,9}", "(", ")", "|", "[a-c]", "[^x]", "\\w", "\\1", "(?:", "(?=", "^", "$", " "]), max_size=14
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(parts.map("".join), st.text(max_size=20)))
def test_any_pattern_is_refused_or_searched_soon(pattern: str) -> None:
    error = refusal(pattern)
    if error is not None:
        assert error.message
        assert -1 <= error.pos <= len(pattern)
        return
    for line in ("a" * MAX_LINE, "ab" * (MAX_LINE // 2) + "!"):
        occurs(pattern + "!!", line)


def refusal(pattern: str) -> PatternError | None:
    try:
        check(pattern)
    except PatternError as error:
        return error
    return None
