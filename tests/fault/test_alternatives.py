# SPDX-License-Identifier: GPL-2.0-only
"""What the seed thread weighs against -EAGAIN, each at the NULL that another CPU's huge page makes."""

from __future__ import annotations

import pytest

from kernelmodel.defs import VM_FAULT_OOM
from kernelmodel.session import Session
from tests.mm.races import HUGE, finish, race, rest, told, until

NO_LEAF = '\nanswers = ["vma_alloc_folio(order=9) = NULL"]'


def run(variant: str, *mutants: str) -> tuple[Session, set[str]]:
    """No huge page for the one CPU; before its fault makes a table, the other has mapped a leaf."""
    s = race(variant, '0 write = "heap+0x5000"' + NO_LEAF, '1 write = "heap+0x7000"', thp=HUGE, mutants=mutants)
    until(s, 0, "orig-pte:pmd-none")
    rest(s, 1)
    broken = finish(s)
    heard = told(s, 0)
    assert heard.count("map-pte:NULL") == 1
    return s, broken


@pytest.fixture(params=["v3", "v4"])
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_eagain_faults_again_and_finds_the_leaf(variant: str) -> None:
    s, broken = run(variant)
    heard = told(s, 0)
    assert broken == set()
    assert heard[heard.index("map-pte:NULL") + 1] == "return:0"
    assert [end.ret for end in s.ended] == [0, 0]


def test_einval_kills_the_program(variant: str) -> None:
    s, broken = run(variant, "-EINVAL")
    assert broken == set()
    assert told(s, 0)[-2:] == ["map-pte:NULL", "return:VM_FAULT_OOM"]
    assert {end.cpu: end.ret for end in s.ended} == {1: 0, 0: VM_FAULT_OOM}


@pytest.mark.parametrize(("mutant", "bug"), [("BUG_ON", "BUG_ON"), ("no test", "page fault")])
def test_these_stop_the_kernel(variant: str, mutant: str, bug: str) -> None:
    s, broken = run(variant, mutant)
    assert broken == {bug}
    assert s.calls()[-1].code.co_name in ("alloc_anon_folio_or_bug", "alloc_anon_folio_untested")


def test_a_warning_and_one_page_in_vain(variant: str) -> None:
    s, broken = run(variant, "WARN")
    heard = told(s, 0)
    assert broken == set()
    k = heard.index("map-pte:NULL")
    assert heard[k + 1 : k + 6] == ["warn:NULL", "fallback:warn", "alloc:folio", "charge:0", "lock:NULL"]
    assert [end.ret for end in s.ended] == [0, 0]


def test_the_image_itself_is_as_before() -> None:
    run("v3", "WARN")
    s, _ = run("v3")
    assert "warn:NULL" not in told(s, 0)


def test_a_fork_of_the_session_is_the_same_mutant() -> None:
    s, _ = run("v3", "-EINVAL")
    assert s.fork().mutants == {"-EINVAL"}
