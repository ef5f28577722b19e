# SPDX-License-Identifier: GPL-2.0-only
"""scenarios/bugs: each file holds as it stands, and says what goes wrong with the bug put back.

That both are true is asked of every file, in test_shipped.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernelmodel.explore.verdict import HOLD
from kernelmodel.mutants import MUTANTS
from kernelmodel.scenario import load
from kernelmodel.scenario.types import Expect

FILES = sorted((Path(__file__).resolve().parents[2] / "scenarios" / "bugs").glob("*.toml"))


def number(path: Path) -> str:
    """B1 of b01-….toml."""
    return f"B{int(path.name[1:3])}"


@pytest.mark.parametrize("path", FILES, ids=number)
def test_the_name_the_title_and_the_mutant_are_those_of_the_bug(path: Path) -> None:
    """B12 is no mutant: it is 6.8 beside 6.9."""
    scenario = load(path)
    assert re.fullmatch(r"b\d\d-[a-z0-9-]+\.toml", path.name)
    assert scenario.title.startswith(f"{number(path)}: ")
    assert scenario.mutants == ()
    assert [name for name, _ in scenario.expect_mutant] == [number(path)] * (number(path) in MUTANTS)
    assert scenario.expect_mutant or scenario.expect_variant


@pytest.mark.parametrize("path", FILES, ids=number)
def test_the_buggy_form_does_what_the_fixed_one_must_not(path: Path) -> None:
    scenario = load(path)
    assert scenario.expect is not None
    assert any(breaks(wrong, scenario.expect) for _, wrong in scenario.expect_mutant or scenario.expect_variant)


def breaks(wrong: Expect, right: Expect) -> bool:
    """A violation where the invariants hold, an event that is unreachable, or another end of the same run."""
    if right.invariants == HOLD and wrong.invariants not in (None, HOLD):
        return True
    if set(wrong.reachable or ()) & set(right.unreachable or ()):
        return True
    run = [(wrong.bug, right.bug), (wrong.results, right.results), (wrong.orders, right.orders)]
    run += [(wrong.decisions, right.decisions), (wrong.vmstat, right.vmstat), (wrong.mthp_stat, right.mthp_stat)]
    return any(bad is not None and bad != good for bad, good in run)


def test_every_mutant_has_a_file_that_says_what_it_does() -> None:
    files = (*FILES, *(FILES[0].parents[1] / "races").glob("*.toml"))
    assert {name for path in files for name, _ in load(path).expect_mutant} == MUTANTS.keys()


def test_there_are_enough() -> None:
    assert {"B1", "B2", "B3", "B12", "B14", "B21"} <= {number(path) for path in FILES}
