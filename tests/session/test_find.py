# SPDX-License-Identifier: GPL-2.0-only
"""Text search over the log: the clever way finds what reading every line would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.look.find import may_hold
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.trace import found_line
from tests.build import finish
from tests.runs import runs


def lines(s: Session) -> list[str]:
    size = s.m.arch.page_size
    return [found_line(s.event(n), size) if s.event(n).kind else "" for n in range(s.last + 1)]


def slowly(found: list[str], text: str, start: int, direction: int) -> int:
    total = len(found)
    order = [(start + direction * n) % total for n in range(1, total + 1)]
    return next((n for n in order if text.lower() in found[n].lower()), -1)


@settings(max_examples=60, deadline=None)
@given(runs(), st.data())
def test_a_piece_of_a_line_is_found_where_it_stands(s: Session, data: st.DataObject) -> None:
    found = lines(s)
    line = data.draw(st.sampled_from([line for line in found if line]))
    first = data.draw(st.integers(0, len(line) - 1))
    text = line[first : data.draw(st.integers(first + 1, len(line)))]
    text = data.draw(st.sampled_from([text, text.upper(), text[::-1], text.replace("0", "1"), f"{text}~"]))
    start, direction = data.draw(st.integers(0, s.last)), data.draw(st.sampled_from([1, -1]))
    assert s.find_event(text, start, direction) == slowly(found, text, start, direction)


@settings(max_examples=40, deadline=None)
@given(runs(), st.text("0123456789abcdefx-+K,)[ :", min_size=1, max_size=8), st.sampled_from([1, -1]))
def test_numbers_are_found_too(s: Session, text: str, direction: int) -> None:
    assert s.find_event(text, 3, direction) == slowly(lines(s), text, 3, direction)


def unfit() -> Session:
    return finish(Session(load("seed/unfit.toml")))


def test_the_search_goes_round_and_comes_to_its_start_last() -> None:
    s = unfit()
    first = s.find_event("below vm_start", 0, 1)
    again = s.find_event("below vm_start", first, 1)
    assert 0 < first < again
    last = s.find_event("FALLBACK", 0, -1)
    assert s.find_event("fallback", last - 1, 1) == last
    only = s.find_event("cpu0 __handle_mm_fault:10 pmd-gate     order", 0, 1)
    assert s.find_event("cpu0 __handle_mm_fault:10 pmd-gate     order", only, 1) == only
    assert s.find_event("no such words", 0, 1) == s.find_event("", 0, 1) == -1


def test_what_was_settled_otherwise_is_found_as_it_is() -> None:
    s = unfit()
    step = s.find_event("alloc        order=4", 0, 1)
    s.seek(step)
    s.advance("NULL")
    assert s.find_event("NULL (answered)", 0, 1) == step


def test_a_search_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelmodel.look import find as find

    monkeypatch.setattr(find, "_EVERY", 8)
    seen: list[int] = []
    assert unfit().find_event("no such words", 0, 1, lambda n: seen.append(n) or len(seen) == 2) == -1  # type: ignore[func-returns-value]
    assert seen == [7, 15]


@pytest.mark.parametrize(
    ("pattern", "text", "may"),
    [
        ("at \0, then \0 end", "at 0x12, then 0xff end", True),
        ("at \0, then \0 end", "3f, then 4", True),
        ("at \0, then \0 end", "3f,  then 4", False),
        ("at \0", "0x7f0000", True),
        ("at \0", "0x7f ", False),
        ("fall\0k", "fallback", True),
        ("fall\0", "fallback", False),
    ],
)
def test_holes_take_digits_only(pattern: str, text: str, may: bool) -> None:
    assert may_hold(pattern, text) is may
