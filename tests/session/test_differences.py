# SPDX-License-Identifier: GPL-2.0-only
"""What differs between two stops."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.look.differences import differences
from kernelmodel.scenario import load
from kernelmodel.session import Session
from tests.build import cells, finish
from tests.runs import runs


def unfit() -> Session:
    return finish(Session(load("seed/unfit.toml")))


def test_locals_of_shared_calls_and_the_stops_between() -> None:
    rows = differences(unfit(), 7, 9)
    assert (rows[0].what, rows[0].old, rows[0].new) == ("step (2 stops on)", "#7", "#9")
    assert ("alloc_anon_folio: i", "0", "1") in [(row.what, row.old, row.new) for row in rows]
    assert all(row.step == 9 for row in rows)
    back = differences(unfit(), 9, 7)
    assert back[0].what == "step (2 stops back)"
    assert {(r.what, r.old, r.new) for r in back[1:]} == {(r.what, r.new, r.old) for r in rows[1:]}


def test_another_access_shares_no_locals() -> None:
    s = unfit()
    second = next(n for n in range(s.last) if s.access_of(n) == 1)
    assert not [row for row in differences(s, 9, second + 6) if ": " in row.what]
    assert differences(s, 5, 5)[1:] == []


def test_a_function_that_one_of_them_is_not_in_is_left_out() -> None:
    rows = differences(unfit(), 4, 9)
    assert not [row for row in rows if row.what.startswith("alloc_anon_folio")]


@settings(max_examples=20, deadline=None)
@given(runs(), st.data())
def test_the_session_stays_and_a_row_stands_for_each_difference(s: Session, data: st.DataObject) -> None:
    a, b, here = (data.draw(st.integers(0, s.last)) for _ in range(3))
    states = []
    for step in (a, b):
        s.seek(step)
        states.append(cells(s.m)["_refcount"])
    s.seek(here)
    before = cells(s.m)
    rows = differences(s, a, b)
    assert s.step == here
    assert cells(s.m) == before
    told = any("_refcount" in row.what for row in rows)
    assert told == (states[0] != states[1]) or (not told and rows[-1].what.startswith("(and "))


def test_what_is_left_out_is_told() -> None:
    rows = differences(unfit(), 0, 73, most=3)
    assert len(rows) == 5
    assert rows[-1].what.startswith("(and ")


@pytest.mark.parametrize(("a", "b"), [(-1, 3), (3, 74)])
def test_steps_must_be_known(a: int, b: int) -> None:
    with pytest.raises(ValueError, match="is not known"):
        differences(unfit(), a, b)
