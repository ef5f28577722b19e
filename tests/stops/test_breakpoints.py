# SPDX-License-Identifier: GPL-2.0-only
"""Breakpoints: conditions, counts, and conditions that have no value."""

from __future__ import annotations

import pytest

from kernelmodel.expr import ExprError
from kernelmodel.machine import Machine
from kernelmodel.stops import Breakpoints
from kernelmodel.stops.locations import LocationError
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
    assert breaks.add("lock", temporary=True).text == "lock temp"
    assert breaks.watch(" i  if cpu == 0").command == "watch i if cpu == 0"
    assert breaks.add("lock cpu 1").command == "break lock cpu 1"
    assert breaks.get(5) is not None
    assert breaks.get(6) is None


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("*", list(range(12))), ("* cpu 0", list(range(12))), ("* cpu 1", []), ("fallback cpu 0 if order == 4", [5]),
        ("alloc_anon_folio hits == 2", [9]), ("* hits % 5", [4, 9]), ("* hits <= 2", [0, 1]), ("* hits > 10", [10, 11]), ("* hits != 1", list(range(1, 12))),
        ("* hits < 2", [0]), ("* hits >= 11", [10, 11]), ("fallback hits % 2", [10]), ("* if hits() == 3", []), ("* if hits() >= 0 && step() == 7", [7]),
    ],
)  # fmt: skip
def test_words_of_a_breakpoint(text: str, steps: list[int]) -> None:
    breaks = Breakpoints()
    breaks.add(text)
    run = at(0)
    found = [step for step in range(12) if breaks.match(run, step)]
    assert found == steps


def test_hits_in_a_condition_are_those_before() -> None:
    breaks = Breakpoints()
    made = breaks.add("fallback if hits() == 0")
    assert [step for step in range(12) if breaks.match(at(0), step)] == [5]
    assert made.hits == 1


def test_a_broken_condition_stops_whatever_else_is_asked() -> None:
    breaks = Breakpoints()
    hits = breaks.add("fallback hits > 100 if nothing")
    assert breaks.match(at(0), 5) is hits
    breaks.delete(1)
    log = breaks.add('fallback log "never" if nothing')
    assert breaks.match(at(0), 5) is log
    assert "nothing has no value" in log.words
    assert breaks.take_log() == []
    breaks.delete(2)
    watch = breaks.watch("order if nothing")
    assert breaks.match(at(0), 6) is None
    assert breaks.match(at(0), 4) is watch
    assert watch.words == "watchpoint 3: order: 4 -> 3 (its condition has no value: nothing has no value here)"


def test_what_can_be_changed_afterwards() -> None:
    breaks = Breakpoints(["alloc_anon_folio"])
    made = breaks.add("fallback if order > 3")
    breaks.match(at(0), 5)
    assert breaks.set_condition(1, "order > 9") is made
    assert breaks.match(at(0), 5) is None
    assert breaks.set_condition(1, None) is made
    assert made.text == "fallback"
    assert breaks.set_ignore(1, 1) is made
    assert (breaks.match(at(0), 5), made.hits, made.ignore) == (None, 2, 0)
    breaks.set_commands(1, ["print order", " info orders "])
    assert breaks.replace(1, "lock cpu 0 temp") is made
    assert (made.number, made.hits, made.text, made.commands) == (1, 2, "lock cpu 0 temp", ["print order", "info orders"])
    for change in (breaks.set_condition, breaks.replace):
        assert change(9, "lock") is None
    assert breaks.set_ignore(9, 1) is breaks.set_commands(9, []) is None
    with pytest.raises(LocationError):
        breaks.replace(1, "alloc_anon_foilo")
    with pytest.raises(ExprError) as caught:
        breaks.set_condition(1, " order = 3")
    assert (caught.value.at, made.text) == (7, "lock cpu 0 temp")
    watch = breaks.watch("order")
    assert breaks.replace(2, "i if cpu == 0") is watch
    assert (watch.watch is not None, watch.text) == (True, "i if cpu == 0")


def test_script_makes_them_again() -> None:
    breaks = Breakpoints()
    breaks.add("lock", origin="scenario")
    breaks.add('fallback cpu 0 log "{order}" if i')
    breaks.add("alloc temp")
    watch = breaks.watch("order if cpu == 0")
    breaks.enable(watch.number, False)
    breaks.set_ignore(watch.number, 3)
    breaks.set_commands(2, ["print order", "continue"])
    assert breaks.script() == [
        'break fallback cpu 0 log "{order}" if i', "commands 1", "print order", "continue", "end",
        "watch order if cpu == 0", "disable 2", "ignore 2 3",
    ]  # fmt: skip
    assert breaks.script(first=2)[1] == "commands 2"
    assert Breakpoints().script() == []
