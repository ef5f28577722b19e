# SPDX-License-Identifier: GPL-2.0-only
"""Locations: what each form matches, and what is refused with which hint."""

from __future__ import annotations

import pytest

from kernelmodel.stops.locations import LocationError, parse_location

from .fake import FakeRun, story


def matched(text: str) -> list[int]:
    run = FakeRun(story(), known=len(story()))
    where = parse_location(text)
    found = [at for at in range(run.last) if where.matches(run, at, run.event(at))]
    run.seek(run.last)
    return found + [run.last] * where.matches(run, run.last, run.event(run.last))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("fallback", [5, 10]), (" fallback ", [5, 10]), ("fallback:alloc", [10]), ("fallback(reason=vma-bounds)", [5]),
        ("fallback( order = 4 )", [5]), ("fallback(order=2, reason=alloc)", [10]), ("fallback(order=2, reason=policy)", []),
        ("fallback(order=0x4)", [5]), ("map-pte:NULL", [4]), ("map-pte:NULL(leaf)", [4]), ("map-pte:NULL(none)", []),
        ("map-pte(found=leaf)", [4]), ("map-pte:mapped", []), ("alloc:NULL", [9]), ("alloc-fail", [9]), ("alloc:folio", []),
        ("step-down(from=4, to=3)", [3]), ("step-down(to=2)", []), ("vma-bounds(i=0, outcome=outside)", [2]),
        ("policy:4,3", [1]), ("install(cpu=1)", []), ("end", [12]), ("blocked", []), ("bug", []),
        ("alloc_anon_folio", [2, 9]), ("do_anonymous_page", [1, 11]), ("handle_pte_fault", [0, 8]),
        ("alloc_anon_folio:12", [2]), ("alloc_anon_folio:13", []), ("do_anonymous_page:9", [6]), ("lock:locked", [6]),
    ],
)  # fmt: skip
def test_match(text: str, steps: list[int]) -> None:
    assert matched(text) == steps


@pytest.mark.parametrize("kind", ["bug", "blocked"])
def test_final_stops(kind: str) -> None:
    run = FakeRun(story(), known=len(story()), end=kind)
    run.seek(run.last)
    assert parse_location(kind).matches(run, run.last, run.event(run.last))
    assert not parse_location("end").matches(run, run.last, run.event(run.last))


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("", "empty", "KIND"), ("x" * 201, "longer", "KIND"), ("fallbak", "unknown", "did you mean fallback?"),
        ("FALLBACK", "unknown", "did you mean fallback?"), ("map_pte", "unknown", "did you mean map-pte?"),
        ("alloc:null", "no outcome null", "did you mean NULL?"), ("charge:ENOMEM", "no outcome", "did you mean -ENOMEM?"),
        ("lock:12", "no outcome 12", "it has locked, NULL"), ("fallback(resaon=alloc)", "no attribute", "did you mean reason=?"),
        ("fallback(order>3)", "expected attr=value", "fallback if order>3"), ("fallback(order)", "expected attr=value", "order"),
        ("fallback()", "expected attr=value", "attributes"), ("fallback(order=x)", "not a number", "fallback if order > 3"),
        ("fallback(order=4", "unknown", "fallback"), ("end(i=0)", "no operands", "write end"), ("f:0", "count from 1", "line 1"),
        ("a b c", "unknown", "KIND"), ("\x1b[31m", "unknown location \\x1b", "KIND"),
    ],
)  # fmt: skip
def test_refused(text: str, words: str, hint: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_location(text)
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert str(caught.value).isprintable()


def test_known_functions() -> None:
    known = ("alloc_anon_folio", "do_anonymous_page")
    assert parse_location("alloc_anon_folio:3", known).line == 3
    with pytest.raises(LocationError) as caught:
        parse_location("alloc_anon_foilo", known)
    assert caught.value.hint == "did you mean alloc_anon_folio?"
