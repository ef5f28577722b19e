# SPDX-License-Identifier: GPL-2.0-only
"""Swap entries, and migration entries among PTEs."""

from __future__ import annotations

import pytest

from tests.build import HEAP, decisions, finish, session

SWAPPED = '[[populate]]\nat = "heap+0x5000"\nwith = "swap"\n'


@pytest.mark.parametrize(("variant", "faults"), [("6.5", 2), ("6.10", 2), ("6.12", 1), ("6.18", 1)])
def test_what_a_read_brings_in_can_be_written_from_6_12_on(variant: str, faults: int) -> None:
    """do_swap_page of 6.12 makes an exclusive page writable although only a read asked for it."""
    events = "[[event]]\nread = 'heap+0x5000'\n[[event]]\nwrite = 'heap+0x5000'\n"
    s = finish(session(SWAPPED, head=f'variant = "{variant}"', events=events, vma=HEAP))
    assert sum(end.faults for end in s.accesses) == faults


@pytest.mark.parametrize("variant", ["v3", "6.12", "7.2"])
def test_a_migration_entry_is_waited_for(variant: str) -> None:
    """A migrating leaf that a partial zap split: the PTE's migration is waited for, nothing is swapped in."""
    events = """
[[event]]
cpu = 0
write = "heap+0x5000"
answers = ["pte_offset_map() = NULL migration"]
[[event]]
cpu = 1
madvise = { at = "heap+0x100000", size = "64K", advice = "MADV_DONTNEED" }
"""
    text = '[thp]\nenabled = "madvise"\nhugepages-64kB = "always"\n'
    s = finish(session(text, head=f'variant = "{variant}"', events=events, vma=HEAP))
    assert s.stop.kind == "blocked"
    assert decisions(s)[-2:] == ["wait:migration", "step:wait"]
