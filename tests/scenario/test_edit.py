# SPDX-License-Identifier: GPL-2.0-only
"""One key of a scenario is changed: what is taken, what is refused and in which words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.scenario import ScenarioError, load, loads
from kernelmodel.scenario.by_key import KeyProblem
from kernelmodel.scenario.edit import EditError, edit, keys
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session
from tests.build import finish
from tests.runs import shipped

UNFIT = load("seed/unfit.toml")
HEAP = 0x7F0000002000


@pytest.mark.parametrize(
    ("key", "value", "want"),
    [
        ("variant", "v3-off", lambda s: s.variant == "v3-off"),
        ("thp.enabled", "never", lambda s: s.thp.enabled == "never"),
        ("thp.enabled", '"never"', lambda s: s.thp.enabled == "never"),
        ("thp.use_zero_page", "false", lambda s: s.thp.use_zero_page is False),
        ("memory.memcg_limit", "64K", lambda s: s.memory.memcg_limit == 65536),
        ("memory.free.2", "7", lambda s: s.memory.free == ((2, 7),)),
        ("memory.free", "{ 0 = 3, 4 = 1 }", lambda s: s.memory.free == ((0, 3), (4, 1))),
        ("boot.arch_wants_pte_order", "-1", lambda s: s.boot.arch_wants_pte_order == -1),
        ("vma.heap.size", "2M", lambda s: s.vmas[0].size == 2 << 20),
        ("vma[0].size", "0x200000", lambda s: s.vmas[0].size == 2 << 20),
        ("vma.heap.flags", "VM_WRITE", lambda s: s.vmas[0].flags == ("VM_WRITE",)),
        ("vma.heap.flags", '["VM_WRITE", "VM_NOHUGEPAGE"]', lambda s: s.vmas[0].flags[1] == "VM_NOHUGEPAGE"),
        ("vma.heap.uffd[0]", "wp", lambda s: s.vmas[0].uffd == ("wp",)),
        ("event[1].write", "heap+0x7000", lambda s: s.events[1].address == HEAP + 0x7000),
        ("event[1].read", "heap", lambda s: s.events[1].write is False),
        ("event[4].read", "0x1000", lambda s: s.events[4].address == 0x1000),
        ("event[0].answers", "vma_alloc_folio(order=0) = NULL", lambda s: s.events[0].answers[0].outcome == "NULL"),
        ("fault.address", "heap+4K", lambda s: s.events[0].address == HEAP + 0x1000 and s.events[0].write),
        ("fault.read", "heap+4K", lambda s: s.events[0].address == HEAP + 0x1000 and not s.events[0].write),
        ("title", "6.9", lambda s: s.title == "6.9"),
        ('config."CONFIG_MEMCG"', "true", lambda s: s.config == (("CONFIG_MEMCG", True),)),
        ("schedule", "0*3", lambda s: s.schedule == ((0, 3),)),
    ],
)
def test_a_key_is_changed_and_nothing_else(key: str, value: str, want: object) -> None:
    new = edit(UNFIT, key, value)
    assert want(new)  # type: ignore[operator]
    (mark,) = new.edited
    assert mark.startswith(f"{key} = ")
    assert new.name == UNFIT.name
    assert load("seed/unfit.toml") == UNFIT
    assert finish(Session(new)).finished


def test_edits_add_up_and_the_last_one_of_a_key_counts() -> None:
    new = edit(edit(edit(UNFIT, "vma.heap.size", "2M"), "thp.enabled", "never"), "vma.heap.size", "4M")
    assert (new.vmas[0].size, new.thp.enabled) == (4 << 20, "never")
    assert new.edited == ('thp.enabled = "never"', 'vma.heap.size = "4M"')


def test_the_variant_that_is_run_is_kept() -> None:
    assert edit(load("seed/unfit.toml", variant="v3-off"), "thp.enabled", "never").variant == "v3-off"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("thp.enable", "x", "unknown key 'thp.enable'; did you mean 'thp.enabled'?"),
        ("vma.hep.size", "4K", "no VMA has the name 'hep'; did you mean 'heap'?"),
        ("event[9].write", "heap", "event has 4 elements: the next one is [4]"),
        ("vma.heap.flags[5]", "VM_IO", "vma[0].flags has 2 elements: the next one is [2]"),
        ("event", "3", "'event' is a table: name a key in it"),
        ("event[0]", "3", "'event[0]' is a table: name a key in it"),
        ("thp", "3", "'thp' is a table: name a key in it"),
        ("thp.enabled.more", "3", "unknown key 'thp.enabled.more'"),
        ("title[0]", "3", "unknown key 'title[0]'"),
        ("", "x", "a key is missing"),
        ("thp.", "x", "'thp.' ends in a dot"),
        ("a..b", "x", "'a..b' is no key"),
        ("event[x]", "x", "'event[x]' is no key"),
        ("thp.enabled", "", "a value for thp.enabled is missing: 'always', 'madvise' or 'never'"),
        ("thp.enabled", '"x', "'\"x' is no value: "),
        ("thp.enabled", "1\nx = 2", "one line of printable text"),
        ("thp.enabled", "x" * 5000, "at most 4096 characters"),
    ],
)
def test_what_is_no_key_or_no_value(key: str, value: str, words: str) -> None:
    with pytest.raises(EditError) as error:
        edit(UNFIT, key, value)
    assert words in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("variant", "v44", ["variant: unknown variant 'v44'"]),
        ("event[0].write", "heap+16M", ["event[0].write: heap+0x1000000 lies outside heap"]),
        ("vma.heap.size", "64K", ["event[1].write: ", "event[3].write: "]),
        ("memory.size", "64Q", ["memory.size: size must be"]),
        ("thp.enabled", "sometimes", ["thp.enabled: enabled must be"]),
        ("memory.free.14", "1", ["memory.free.14: no block has order 14"]),
        ("event[0].answers", "nonsense", ["event[0].answers[0]: 'nonsense' is no answer"]),
        ("schedule", "3*4", ["schedule: CPU 3 has no event"]),
    ],
)
def test_what_can_not_be_is_told_by_key(key: str, value: str, words: list[str]) -> None:
    with pytest.raises(ScenarioError) as error:
        edit(UNFIT, key, value)
    told = [str(problem) for problem in error.value.errors]
    assert len(told) == len(words)
    for text, start in zip(told, words, strict=True):
        assert text.startswith(start)
    assert not any(re.search(r":[0-9]+:[0-9]+:", text) for text in told)
    assert all(isinstance(problem, KeyProblem) for problem in error.value.errors)


def test_notes_are_told_by_key() -> None:
    assert edit(UNFIT, "variant", "v3-off").warnings == (
        "boot.arch_wants_pte_order: note: v3-off has no arch_wants_pte_order; the value has no effect",
    )


def test_what_the_file_has_keeps_its_place_in_it() -> None:
    old = load("seed/alloc-fails.toml")
    new = edit(old, "event[0].answers[2]", "vma_alloc_folio(order=0) = NULL")
    assert [answer.place for answer in new.events[0].answers[:2]] == [answer.place for answer in old.events[0].answers]
    assert new.events[0].answers[2].outcome == "NULL"


EVERY_TABLE = ("example.toml", "seed/unfit.toml", "memory/swap.toml", "matrix/nodes.toml", "review/6.12-nr-anon.toml")
"""Shipped files that hold each kind of table between them."""


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_every_key_that_is_offered_is_one(name: str) -> None:
    scenario = shipped(name)
    offered = keys(scenario)
    assert len(offered) == len(set(offered)) > 30
    for key in offered:
        try:
            edit(scenario, key, "1")
        except ScenarioError:
            pass  # a key, if not of this value
        except EditError as error:
            pytest.fail(f"{key}: {error.message}")


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.sampled_from(keys(UNFIT)), st.text(max_size=30)), st.text(max_size=30))
def test_any_text_is_taken_or_refused(key: str, value: str) -> None:
    try:
        new = edit(UNFIT, key, value)
    except (EditError, ScenarioError):
        return
    assert isinstance(new, Scenario)
    assert new.edited


def test_a_scenario_that_was_edited_is_another_machine() -> None:
    s = finish(Session(edit(loads('variant = "v3"\n[[event]]\nread = 0x1000\n', "x.toml"), "event[1].read", "0x2000")))
    assert [end.event for end in s.accesses] == [0, 1]
