# SPDX-License-Identifier: GPL-2.0-only
"""Several finished runs: who agrees, how each ended; and the table of all scenarios with all variants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernelmodel.comparison import compare, group
from kernelmodel.matrix import MOST_HEAD, Cell, Column, cell, columns, default_variants, for_variant, row
from kernelmodel.outcome import finish, in_short, outcome_of, repeated
from kernelmodel.scenario import load, loads
from kernelmodel.scenario.types import Expect
from kernelmodel.session import Session
from kernelmodel.variant_names import VARIANTS
from tests.build import HEAP, WRITE, session
from tests.runs import some

SIZES = '[thp]\nhugepages-64kB = "always"\nenabled = "madvise"\n'


def runs(*variants: str, thp: str = SIZES) -> list[Session]:
    return [finish(session(thp, head=f'variant = "{each}"')) for each in variants]


def test_those_that_agree_stand_together() -> None:
    found = compare(runs("v3", "6.9", "v4", "v3-off", "6.10"))
    assert found.groups == (("v3", "6.9", "v4", "6.10"), ("v3-off",))
    assert found.parting is not None
    assert found.parting.kind == "alloc"
    assert [side.text[:13] for side in found.parting.sides] == ["alloc order 4"] * 3 + [
        "alloc order 0",
        "alloc order 4",
    ]
    assert found.notes == ("no per-size statistics in v3, 6.9, v4, v3-off",)


def test_a_statistic_that_is_lacking_is_a_note_and_no_difference() -> None:
    found = compare(runs("6.9", "6.10", "6.12"))
    assert found.parting is None
    assert found.groups == (("6.9", "6.10", "6.12"),)
    assert found.notes == ("no per-size statistics in 6.9", "no nr_anon in 6.10")


def test_runs_that_differ_only_at_their_ends() -> None:
    one, other = runs("6.12", "6.12")
    other.m.mthp_stat.add(0, 0)
    other.m.vm_event.add(1, 3)
    found = compare([one, other])
    assert found.parting is not None
    assert (found.parting.event, [side.text for side in found.parting.sides]) == (
        -1,
        ["pgmajfault: 0", "pgmajfault: 3"],
    )


@pytest.mark.parametrize(
    ("number", "differ", "expected"),
    [(3, set(), [[0, 1, 2]]), (3, {(0, 1)}, [[0, 2], [1]]), (3, {(0, 1), (1, 2), (0, 2)}, [[0], [1], [2]])],
)
def test_groups(number: int, differ: set[tuple[int, int]], expected: list[list[int]]) -> None:
    assert group(number, differ) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("0", "0"), ("0 0", "0,0"), ("0 0 0", "0*3"), ("4 0 0 0 3", "4,0*3,3"), ("OOM OOM", "OOM*2"), ("", "")],
)
def test_what_stands_there_again_is_told_once(words: str, expected: str) -> None:
    assert repeated(words.split()) == expected


@pytest.mark.parametrize(
    ("name", "variant", "expected"),
    [
        ("memory/out-of-pages.toml", "v3", "4,OOM"),
        ("memory/segfault.toml", "v3", "SIGSEGV*2"),
        ("memory/swap.toml", "v3", "3,0"),
        ("pmd/leaf.toml", "v3", "9,-"),
        ("pmd/userfaultfd.toml", "v3", "blocked"),
        ("seed/read-fault-bug.toml", "v3", "bug"),
        ("seed/read-fault-bug.toml", "v4", "0"),
        ("seed/unfit.toml", "v3-off", "0*4"),
    ],
)
def test_in_short(name: str, variant: str, expected: str) -> None:
    assert in_short(outcome_of(finish(Session(load(name), variant)))) == expected


def test_accesses_stand_in_the_order_of_the_file() -> None:
    """Which of two CPUs ends first is no outcome."""
    done = finish(Session(load("seed/eagain-two-cpus.toml")))
    ended = [end.event for end in done.accesses]
    assert outcome_of(done).events == tuple(sorted(ended))


# -- the table -------------------------------------------------------------------------------------------
def test_cells_are_held_against_what_the_file_expects() -> None:
    scenario = replace(
        session().scenario,
        expect=Expect(orders=(4,)),
        expect_variant=(("v4", Expect(orders=(4,))), ("v3-off", Expect(orders=(4,)))),
    )
    found = {each.variant: each for each in row(scenario, ["v3", "v3-off", "v4", "v5"])}
    assert {name: each.text for name, each in found.items()} == {"v3": "4", "v3-off": "0", "v4": "4", "v5": "4"}
    assert [name for name, each in found.items() if each.why] == ["v3-off"]
    assert [name for name, each in found.items() if each.expected] == ["v3", "v3-off", "v4"]


def test_what_can_not_be_run_is_no_abort() -> None:
    scenario = load("seed/eagain.toml")
    found = cell(scenario, "v3-off", None)
    assert (found.text, found.why, found.outcome) == ("n/a", (), None)
    assert found.note == "seed/eagain.toml:36:48: no such site in v3-off: pte_offset_map()"
    assert cell(scenario, "v3-off", Expect()).why == (found.note,)


def test_a_cell_without_the_machine_for_it() -> None:
    bad = WRITE + 'answers = ["vma_alloc_folio(order=4) = folio"]\n'
    full = loads(
        'variant = "v3"\n[boot]\narch_wants_pte_order = 4\n[thp]\nenabled="madvise"\n[memory]\nfree = { 0 = 9 }\n'
        + HEAP
        + bad,
        "x.toml",
    )
    found = cell(full, "v3", None)
    assert found.text == "n/a"
    assert found.note.startswith("x.toml:")


def test_neighbours_that_are_equal_are_one_column() -> None:
    ids = ("v1", "v2", "v3", "v3-off")
    table = [[Cell(each, text, True) for each, text in zip(ids, texts, strict=True)] for texts in ("1123", "4443")]
    assert [(each.head, [c.text for c in each.cells]) for each in columns(table)] == [
        ("v1..v2", ["1", "4"]), ("v3", ["2", "4"]), ("v3-off", ["3", "3"]),
    ]  # fmt: skip
    table[0][1] = table[0][1]._replace(why=("no",))
    assert [each.head for each in columns(table)] == list(ids)


@pytest.mark.parametrize(
    ("variants", "head"),
    [
        ("v3", "v3"), ("v3 v3-off v4", "v3..v4"), ("v3 7.2", "v3, 7.2"), ("7.2 7.1", "7.2, 7.1"),
        ("v6 v8 6.9 6.10 7.2", "v6..v8, 6.9..6.10, 7.2"), ("v6 v7 v8", "v6, v7, v8"), ("7.2 base65 v7", "7.2, base65, v7"),
    ],
)  # fmt: skip
def test_a_head_leaves_nothing_out(variants: str, head: str) -> None:
    """And an alias stands in no order."""
    assert Column(tuple(variants.split()), ()).head == head


def test_a_head_has_its_bounds() -> None:
    ids = tuple(reversed(VARIANTS))
    heads = [each.head for each in columns([[Cell(each, "0", False) for each in ids]])]
    assert ", ".join(heads).replace("..", ", ").split(", ") == list(ids)
    assert 1 < len(heads) < 5
    assert max(map(len, heads)) <= MOST_HEAD


@pytest.mark.parametrize("own", [False, True])
def test_what_the_file_expects_of_an_alias_marks_the_variant_behind_it(own: bool) -> None:
    wrong = Expect(orders=(3,))
    scenario = session(SIZES, head='variant = "v7"' if own else 'variant = "6.8"').scenario
    if own:
        scenario = replace(scenario, expect=wrong)
    else:
        scenario = replace(scenario, expect_variant=(("v7", wrong), ("v9", Expect(orders=(4,)))))
    found = {each.variant: each for each in row(scenario, ["v6", "v8", "6.8"])}
    assert {name: each.why for name, each in found.items() if each.why} == {
        "v8": ("alias v7: orders are [4], expected [3]",)
    }
    assert [name for name, each in found.items() if each.expected] == (["v8"] if own else ["v8", "6.8"])
    alone = row(scenario, ["v7", "v8"])
    assert [bool(each.why) for each in alone] == [True, False], "an alias that has a column is marked there"


def test_every_variant_that_is_no_alias() -> None:
    assert default_variants() == [name for name, each in VARIANTS.items() if not each.alias_of]


@pytest.mark.parametrize("name", some())
def test_a_scenario_for_another_variant_is_the_one_that_loading_gives(name: str) -> None:
    scenario = load(name)
    for variant in ("v3-off", "v6", "6.8", "7.2"):
        sites = {answer.site.partition("(order")[0] for each in scenario.events for answer in each.answers}
        if sites <= VARIANTS[variant].sites:
            assert replace(for_variant(scenario, variant), warnings=()) == replace(
                load(name, variant=variant), warnings=()
            )


def test_the_command_line_of_a_kernel_that_has_one() -> None:
    """thp_anon= is read for the variants that have it only, so the file is read again."""
    scenario = load("seed/unfit.toml")
    scenario.raw.setdefault("boot", {})["thp_anon"] = "64K:always"
    assert for_variant(scenario, "6.12") is not scenario
    assert for_variant(scenario, "6.12").warnings != scenario.warnings
