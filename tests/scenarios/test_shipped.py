# SPDX-License-Identifier: GPL-2.0-only
"""Every scenario that comes with the program: well formed, explained, true, and sound at every stop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernelmodel.check import check
from kernelmodel.invariants import violations
from kernelmodel.scenario import load
from kernelmodel.session import Session

ROOT = Path(__file__).resolve().parents[2] / "scenarios"
PTE_TABLE = 1
"""What ``Machine.table_used`` holds for a table of the lowest level."""
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.toml"))
SEED = (
    "unfit", "populated", "alloc-fails", "alloc-fails-really", "uffd-wp-marker", "eagain", "eagain-none",
    "eagain-migration", "eagain-two-cpus", "enomem", "address-untouched", "read-fault-bug",
)  # fmt: skip


def test_there_are_enough() -> None:
    assert len(FILES) >= 20
    assert {f"seed/{name}.toml" for name in SEED} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_it_meets_its_expectation(name: str) -> None:
    scenario = load(ROOT / name)
    assert scenario.expect is not None
    assert scenario.expect.results is not None or scenario.expect.decisions is not None
    verdicts = check(scenario)
    assert verdicts[0].variant == scenario.variant
    assert [(verdict.variant, verdict.why) for verdict in verdicts if not verdict.ok] == []


@pytest.mark.parametrize("name", FILES)
def test_it_is_loaded_without_a_note_unless_that_is_its_subject(name: str) -> None:
    """But a file that is meant for many variants spells the knobs of all of them."""
    notes = load(ROOT / name).warnings
    if name.startswith(("matrix/", "review/")):
        notes = tuple(note for note in notes if not note.endswith("the value has no effect"))
    assert bool(notes) is ("ignored" in name)


@pytest.mark.parametrize("name", [name for name in FILES if "/" in name])
def test_it_says_what_it_teaches(name: str) -> None:
    head = (ROOT / name).read_text(encoding="utf-8").split("\ntitle", 1)[0].splitlines()
    assert head[0] == "# SPDX-License-Identifier: GPL-2.0-only"
    assert all(line.startswith("#") for line in head)
    assert len(" ".join(line[1:] for line in head[1:]).split()) >= 12
    assert f"`{name}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_list_names_no_file_that_is_gone() -> None:
    listed = re.findall(r"^\| `(.*?)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [name for name in FILES if "/" in name]


def test_titles_are_distinct() -> None:
    titles = [load(ROOT / name).title for name in FILES if "/" in name]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith(("review/", "matrix/"))])
def test_invariants_hold_at_every_stop(name: str) -> None:
    """Of review/ and matrix/, which name many variants, ``check`` looks after each access."""
    scenario = load(ROOT / name)
    for variant in (scenario.variant, *(each for each, _ in scenario.expect_variant)):
        session = Session(scenario, variant)
        assert violations(session.m, settled=False) == []
        while not session.finished:
            stop = session.advance()
            found = violations(session.m, settled=stop.kind == "end")
            assert found == [], f"{variant}, step {session.step}"
        if session.stop.kind == "end":
            in_use = sum(level == PTE_TABLE for _, level in session.m.table_used.items())
            owned = sum(session.m.nr_ptes.get(mm) for mm in range(len(scenario.processes)))
            assert in_use == owned, "a page table was allocated and is nowhere"
