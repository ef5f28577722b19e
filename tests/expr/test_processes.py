# SPDX-License-Identifier: GPL-2.0-only
"""Expressions where there are several processes, and what a breakpoint refuses of structs."""

from __future__ import annotations

import pytest

from kernelmodel.expr import ExprError, parse
from kernelmodel.expr.unknown import checker
from kernelmodel.motion import cont
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tests.build import HEAP, session

FAMILY = """
[[event]]
write = "heap+0x5000"
[[event]]
fork = "child"
[[event]]
process = "child"
write = "heap+0x5000"
[[event]]
write = "heap+0x5000"
"""


@pytest.fixture
def family() -> Session:
    return session(head='variant = "6.18"', vma=HEAP, events=FAMILY)


def shown(s: Session, text: str) -> str:
    from kernelmodel.look.names import value_of

    return value_of(s, text).text


def test_a_process_has_a_number_and_a_name(family: Session) -> None:
    assert (shown(family, "mm->id"), shown(family, "mm->name"), shown(family, "mm")) == ("0", "main", "main")
    breaks = Breakpoints()
    breaks.add("wp if mm->id == 1")
    assert cont(family, breaks).hit is not None
    assert (shown(family, "mm->id"), shown(family, "mm->name"), shown(family, "vma->vm_mm->name")) == (
        "1", "child", "child",
    )  # fmt: skip
    assert shown(family, "vma->vm_mm == mm") == "1"


def test_the_process_at_work_is_followed_where_it_changes(family: Session) -> None:
    breaks = Breakpoints()
    watch = breaks.watch("mm->id")
    steps = []
    while cont(family, breaks).hit is watch:
        steps.append((family.event(family.step).kind, watch.shown))
    assert steps[:2] == [("pmd-gate", ("0", "1")), ("pmd-gate", ("1", "0"))]


@pytest.mark.parametrize(
    ("text", "col", "words"),
    [
        ("mm == 1", 4, "a struct or a name can be compared"), ("1 != mm", 3, "a struct or a name can be compared"),
        ("mm->name == EINVAL", 10, "a struct or a name can be compared"), ("order > 2 && mm", 0, ""), ("mm + 1", 1, "mm is not a number"),
        ("-vma", 2, "vma is not a number"), ("size(mm)", 6, "mm is not a number"), ("zone->free_area[mm]", 17, "mm is not a number"),
        ("mm == NULL || !vma", 0, ""), ("vma->vm_mm == mm", 0, ""), ("mm->name->x", 11, "a name has no member x"), ("mm->id == 1", 0, ""),
        ("zone->free_area[1].nr_free", 0, ""), ("changed(mm)", 0, ""),
    ],
)  # fmt: skip
def test_what_no_stop_can_answer_is_refused_when_it_is_said(text: str, col: int, words: str) -> None:
    check = checker(())
    if not col:
        check(parse(text), False)
        return
    with pytest.raises(ExprError, match=words) as error:
        check(parse(text), False)
    assert error.value.col == col
