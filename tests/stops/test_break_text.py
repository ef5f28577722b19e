# SPDX-License-Identifier: GPL-2.0-only
"""The text of breakpoints and watchpoints: what is taken, what is refused at which column, and the round trip."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.expr import ExprError
from kernelmodel.stops import Breakpoints
from kernelmodel.stops.breakpoint import Breakpoint
from kernelmodel.stops.locations import LocationError
from kernelmodel.stops.text import BreakText, parse_break, parse_watch, spelled


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("fallback", "fallback"), ("  fallback  if  order > 3 ", "fallback if order > 3"), ("fallback if(order)", "fallback if (order)"),
        ("fallback cpu 1", "fallback cpu 1"), ("fallback temp hits >= 0x2 cpu 0", "fallback cpu 0 hits >= 2 temp"),
        ("* hits %3", "* hits % 3"), ("alloc:NULL( order = 4 )  temp", "alloc:NULL( order = 4 ) temp"),
        ('fallback log "at {addr:x}: {{}}" if i', 'fallback log "at {addr:x}: {{}}" if i'), ('* log"a \\"b\\" if c"', '* log "a \\"b\\" if c"'),
        ("/a b\\/ if c/ temp", "/a b\\/ if c/ temp"), ("alloc_anon_folio:12\tif\ni == 2", "alloc_anon_folio:12 if i == 2"),
        ("policy:4,3", "policy:4,3"), ("fallback if cpu == 0 && hits() > 2", "fallback if cpu == 0 && hits() > 2"),
    ],
)  # fmt: skip
def test_break(text: str, same: str) -> None:
    said = parse_break(text)
    assert spelled(said) == same
    assert parse_break(same) == said


def test_what_the_words_say() -> None:
    said = parse_break('fallback temp cpu 3 hits % 5 log "x" if i')
    assert (said.cpu, said.hits_op, said.temporary) == (3, ("%", 5), True)
    assert said.log is not None
    assert said.log.text == "x"
    assert said.condition is not None
    assert said.condition.text == "i"
    assert parse_break("lock")[1:] == BreakText(said.location)[1:]


@pytest.mark.parametrize(
    ("text", "expr", "rest"),
    [
        ("i", "i", ""), ("orders[i] temp", "orders[i]", "temp"), ("vma->vm_start  if cpu == 0", "vma->vm_start", "if cpu == 0"),
        ("cpu cpu 0", "cpu", "cpu 0"), ("(i) if(x)", "(i)", "if (x)"), ("cpu == 1", "cpu == 1", ""), ("a - cpu", "a - cpu", ""),
        ('mm->anon_pages log "{mm->anon_pages}" hits < 3', "mm->anon_pages", 'hits < 3 log "{mm->anon_pages}"'),
        ("pte(0x7f0000002000)", "pte(0x7f0000002000)", ""), ("a ? hits() : b", "a ? hits() : b", ""),
    ],
)  # fmt: skip
def test_watch(text: str, expr: str, rest: str) -> None:
    said = parse_watch(text)
    assert said.watch is not None
    assert said.watch.text == expr
    assert spelled(said) == f"{expr} {rest}".strip()
    assert parse_watch(spelled(said)) == said


@pytest.mark.parametrize(
    ("text", "col", "words"),
    [
        ("", 0, "empty"), ("  fallbak", 2, "did you mean fallback?"), ("fallback:", 0, "unknown"), ("alloc:null", 6, "did you mean NULL?"),
        ("fallback(order=4, resaon=x)", 18, "did you mean reason=?"), ("fallback(order = x)", 9, "not a number"), ("end(i=1)", 3, "no operands"),
        ("fallback(order=4", 0, "unknown"), ("fallback and", 9, "unexpected and"), ("fallback tmp", 9, "did you mean temp?"), ("lock cpu", 5, "cpu N"),
        ("lock cpu x", 5, "cpu N"), ("lock cpu 64", 9, "0 … 63"), ("lock hits 3", 5, "OP is one of"), ("lock hits = 3", 5, "OP is one of"),
        ("lock hits > 3K3", 12, "not a number"), ("lock hits % 0", 12, "never"), ("lock temp temp", 10, "twice"), ("lock temporary", 5, "did you mean temp?"),
        ("lock log x", 5, "log \""), ('lock log "x', 5, "log \""), ('lock log "x"y', 5, "log \""), ("lock cpu 1 cpu 2", 11, "twice"),
        ("/a(/", 2, "unterminated"), ("/a", 2, "between two slashes"), ("  //", 3, "empty"), ("/[/ temp", 1, "unterminated"),
        ("/(?=a)/", 0, "lookaround is not"), ("/ab/c", 4, "unexpected c"),
    ],
)  # fmt: skip
def test_a_location_error_says_where(text: str, col: int, words: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_break(text)
    assert words in str(caught.value)
    assert (caught.value.col, caught.value.at) == (col, col)


@pytest.mark.parametrize(
    ("text", "at", "col"),
    [
        ("fallback if order = 3", 18, 7), ("fallback  if   order = 3", 21, 7), ("lock if", 7, 1), ("lock temp if 1 +", 16, 4),
        ('lock log "a {order = 3}"', 19, 7), ('lock log "a { order:y}"', 19, 7), ('lock log "}"', 10, 1), ('lock log "a{"', 11, 1),
        ('lock log "{}"', 11, 1),
    ],
)  # fmt: skip
def test_an_expression_error_says_where_in_the_whole_text_and_in_the_expression(text: str, at: int, col: int) -> None:
    with pytest.raises(ExprError) as caught:
        parse_break(text)
    assert (caught.value.at, caught.value.col) == (at, col)


@pytest.mark.parametrize(
    ("text", "at"), [("", 0), ("  i +", 5), ("i if j = 1", 7), ("temp temp temp", None), ("i foo", 2)]
)
def test_errors_of_a_watchpoint(text: str, at: int | None) -> None:
    with pytest.raises((ExprError, LocationError)) as caught:
        parse_watch(text)
    assert at in (None, caught.value.at)


locations = st.sampled_from(
    ["fallback", "alloc:NULL", "map-pte:NULL(leaf)", "alloc( order = 4, cpu=1 )", "alloc_anon_folio:9", "do_anonymous_page", "*", "end",
     "/fall.*back if x/", "/a\\/b/", "alloc-fail", "step-down(from=4, to=3)"]
)  # fmt: skip
exprs = st.sampled_from(
    [
        "order > 3",
        "i",
        "vma->vm_start == 4K && !cpu",
        "changed(i) || was(order) == 4",
        "(cpu)",
        "hits() % 2",
        "a ? b : c",
    ]
)
templates = st.sampled_from(["", "x", "{order} and {addr:x}", 'say \\"if\\" {a ? b : x}', "{{}}", "\\\\", "cpu 3 temp"])
tests = st.tuples(st.sampled_from("== != < <= > >= %".split()), st.integers(1, 1 << 40))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(locations, exprs.map(lambda text: f"watch {text}")), st.none() | exprs, st.integers(-1, 63), st.none() | tests, st.booleans(),
    st.none() | templates, st.randoms(),
)  # fmt: skip
def test_round_trip(
    place: str,
    condition: str | None,
    cpu: int,
    hits: tuple[str, int] | None,
    temp: bool,
    log: str | None,
    random: object,
) -> None:
    words = [f"cpu {cpu}"] * (cpu >= 0) + ([f"hits {hits[0]} {hits[1]}"] if hits else []) + ["temp"] * temp
    words += [] if log is None else [f'log "{log}"']
    random.shuffle(words)  # type: ignore[attr-defined]
    text = " ".join([place.removeprefix("watch "), *words, *([] if condition is None else ["if", condition])])
    breaks = Breakpoints()
    make = breaks.watch if place.startswith("watch ") else breaks.add
    one = make(text)
    other = make(one.text)
    assert one.said == other.said
    assert one.text == other.text
    assert (one.cpu, one.hits_op, one.temporary) == (cpu, hits, temp)
    assert (one.log is None, one.condition is None) == (log is None, condition is None)


pieces = st.lists(
    st.sampled_from("fallback alloc:NULL ( ) order=4 , / /x/ * cpu 1 hits % 3 temp log \" \"x\" {i} { } if i == \\ é \x00 \t \n if( '".split(" ")),
    max_size=25,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), pieces.map(" ".join), pieces.map("".join)))
def test_any_text_is_taken_or_refused_at_a_place(text: str) -> None:
    breaks = Breakpoints()
    for make in (breaks.add, breaks.watch):
        made = made_or_refused(make, text)
        if isinstance(made, Breakpoint):
            assert make(made.text).said == made.said
        else:
            assert 0 <= made.at <= len(text), (text, made)
            assert made.message.isprintable()


def made_or_refused(make: Callable[[str], Breakpoint], text: str) -> Breakpoint | LocationError | ExprError:
    try:
        return make(text)
    except (LocationError, ExprError) as error:
        return error
