# SPDX-License-Identifier: GPL-2.0-only
"""Breakpoints: conditions, counts, and conditions that have no value."""

from __future__ import annotations

import pytest

from kernelmodel.expr import ExprError
from kernelmodel.locations import LocationError
from kernelmodel.machine import Machine
from kernelmodel.stops import Breakpoints
from kernelmodel.structs import Mm, Vma, VmFault

from .fake import FakeRun, story


class Handle(Vma):
    """A VMA without a machine."""

    __slots__ = ()

    @property
    def vm_mm(self) -> Mm:
        return Mm(None, 3)  # type: ignore[arg-type]


def at(step: int) -> FakeRun:
    run = FakeRun(story(), known=len(story()))
    run.seek(step)
    return run


def stops(text: str, **local: object) -> list[int]:
    breaks = Breakpoints()
    breaks.add(text)
    found = []
    for step in range(len(story())):
        run = at(step)
        run.locals = dict(local)
        if breaks.match(run):
            found.append(step)
    return found


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("fallback if order > 3", [5]), ("fallback if order > 3 && cpu == 0", [5]), ("fallback if fault", [10]),
        ("step-down if from == 4 && to == 3", [3]), ("fallback if order(256K) == order", [5]), ("fallback if PAGE_SIZE == 16K", [5, 10]),
        ("fallback if HPAGE_PMD_ORDER == 11", [5, 10]), ("fallback if gfp & 2", [5, 10]), ("fallback if !folio", [5, 10]),
        ("fallback if orders[1] == 3", [5, 10]), ("fallback if ret == -ENOMEM", [5, 10]), ("fallback if line == 30", [5]),
    ],
)  # fmt: skip
def test_condition(text: str, steps: list[int]) -> None:
    assert stops(text, gfp=2, folio=0, orders=[4, 3, 0], ret=-12, order=99) == steps


def test_a_field_that_does_not_apply_is_looked_up_among_the_locals() -> None:
    assert stops("policy if order == 99", order=99) == [1]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("nothing > 3", "nothing has no value here"), ("1 / cpu", "division by zero"), ("i > 3", "i has no value here"),
        ("orders[7]", "index 7 is beyond the 2 elements"), ("orders->x", "no member x"), ("vma->m", "struct vm_area_struct has no member m"),
        ("vma->vm_strat", "did you mean vm_start?"), ("vma->__class__", "no member"), ("vma[0]", "not an array"),
        ("vmf->m", "struct vm_fault has no member m"), ("name", "name is not a number"), ("vmf->shown", "no member"),
    ],
)  # fmt: skip
def test_a_condition_without_a_value_stops_and_says_why(condition: str, words: str) -> None:
    run = at(10)
    vma = Handle(None, 0)  # type: ignore[arg-type]
    vmf = VmFault.__new__(VmFault)
    run.locals = {"orders": [4, 3], "vma": vma, "vmf": vmf, "name": "text"}
    breaks = Breakpoints()
    made = breaks.add("fallback", condition)
    assert breaks.match(run) is made
    assert words in made.trouble


def test_trouble_goes_when_the_condition_has_a_value_again() -> None:
    run = at(5)
    breaks = Breakpoints()
    made = breaks.add("fallback if flags == 1")
    breaks.match(run)
    run.locals["flags"] = 1
    assert breaks.match(run) is made
    assert made.trouble == ""


def test_members() -> None:
    run = at(5)
    vmf = VmFault.__new__(VmFault)
    vmf.address, vmf.vma = 0x5000, Handle(None, 0)  # type: ignore[arg-type]
    run.locals = {"vmf": vmf}
    breaks = Breakpoints()
    made = breaks.add("fallback if vmf->address == 0x5000 && vmf->vma->vm_mm")
    assert breaks.match(run) is made
    assert made.trouble == ""


def test_an_element_of_the_machine_is_no_name() -> None:
    run = at(5)
    run.locals = {"m": Machine.__new__(Machine)}
    breaks = Breakpoints()
    made = breaks.add("fallback if m")
    assert breaks.match(run) is made
    assert made.trouble == "m is not a number"


def test_the_first_that_stops_is_returned_and_all_are_counted() -> None:
    breaks = Breakpoints()
    first, second, third = breaks.add("lock"), breaks.add("fallback"), breaks.add("fallback(order=4)")
    assert breaks.match(at(5)) is second
    assert [each.hits for each in breaks] == [0, 1, 1]
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    breaks.clear_hits()
    assert [each.hits for each in breaks] == [0, 0, 0]


def test_ignore_disable_delete_temporary() -> None:
    breaks = Breakpoints()
    made = breaks.add("fallback")
    made.ignore = 1
    assert breaks.match(at(5)) is None
    assert breaks.match(at(5)) is made
    assert (made.hits, made.ignore) == (2, 0)
    assert breaks.enable(1, False)
    assert breaks.match(at(5)) is None
    assert breaks.delete(1)
    assert not breaks.delete(1)
    assert not breaks.enable(1)
    once = breaks.add("fallback", temporary=True)
    assert once.number == 2
    assert breaks.match(at(5)) is once
    assert len(breaks) == 0


def test_bad_text_adds_nothing() -> None:
    breaks = Breakpoints(["alloc_anon_folio"])
    with pytest.raises(LocationError):
        breaks.add("alloc_anon_foilo")
    with pytest.raises(ExprError) as caught:
        breaks.add("fallback if order = 3")
    assert caught.value.col == 7
    with pytest.raises(ExprError, match="empty"):
        breaks.add("fallback", "")
    assert len(breaks) == 0


def test_text() -> None:
    breaks = Breakpoints()
    assert breaks.add("fallback  if  order > 3").text == "fallback if order > 3"
    assert breaks.add("lock").text == "lock"
    assert breaks.get(2) is not None
    assert breaks.get(3) is None
