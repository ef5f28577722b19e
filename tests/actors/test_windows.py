# SPDX-License-Identifier: GPL-2.0-only
"""Short windows between two looks at the same thing, or between an unlock and the next lock: others fit in there."""

from __future__ import annotations

import pytest

from kernelmodel.check import mapped_orders
from kernelmodel.session import Session
from tests.actors.races import broken, event, race, until
from tests.build import HEAP, decisions, finish

WRITE, READ = event(0, 'write = "heap+0x3000"'), event(0, 'read = "heap+0x3000"')
LEAF = 'enabled = "always"'
LEAF_6_8 = LEAF + '\nhugepages-2048kB = "inherit"'
MEMORY = '[memory]\nsize = "64M"\n'


def advice(cpu: int, size: str, name: str = "DONTNEED", at: str = "heap") -> str:
    return event(cpu, f'madvise = {{ at = "{at}", size = "{size}", advice = "MADV_{name}" }}')


def populated(*spots: tuple[str, int]) -> str:
    return "".join(f'[[populate]]\nat = "{at}"\npages = {pages}\n' for at, pages in spots)


def told(s: Session, kind: str) -> list[str]:
    return [each.removeprefix(f"{kind}:") for each in decisions(s) if each.startswith(f"{kind}:")]


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_the_vma_goes_between_the_fault_and_the_access(variant: str) -> None:
    """munmap() waits for the fault's lock, and is done before the instruction is repeated."""
    s = race(variant, WRITE, event(1, 'munmap = { at = "heap", size = "4M" }'))
    until(s, 0, "return:0")
    until(s, 0, "step:F20")
    until(s, 1, "munmap-return:0")
    assert told(finish(s), "return") == ["0", "VM_FAULT_SIGSEGV"]
    assert broken(s) == set()


def test_nobody_waits_for_the_lock_where_no_one_changes_vmas() -> None:
    s = finish(race("6.12", WRITE, advice(1, "2M")))
    assert "step:F20" not in decisions(s)


@pytest.mark.parametrize("variant", ["6.5", "6.12", "6.18"])
def test_a_leaf_that_goes_between_the_looks_at_the_pmd_is_no_try(variant: str) -> None:
    """The PMD is not none, and then it is: no huge page is tried although it is allowed and there is room."""
    leaf = event(1, 'write = "heap+0x5000"')
    s = race(variant, WRITE, leaf, advice(1, "2M"), thp=LEAF if variant == "6.5" else LEAF_6_8, more=MEMORY)
    until(s, 0, "step:F0")
    until(s, 1, "install:folio")
    until(s, 1, "step:next")
    until(s, 0, "step:F6")
    until(s, 1, "madvise-return:0")
    s = finish(s)
    assert "pmd-gate:none" in decisions(s)
    assert mapped_orders(s) == (9, 0)
    assert broken(s) == set()


def test_a_leaf_that_beat_the_table_may_be_gone_at_the_map() -> None:
    """pte_alloc() finds a leaf under the lock and is content; it is zapped before the read fault maps."""
    move = event(1, 'sysfs = { enabled = "always" }') + event(1, 'write = "heap+0x5000"') + advice(1, "2M")
    s = race("6.5", READ, move, thp='enabled = "madvise"', more=MEMORY)
    until(s, 0, "pte-alloc:table")
    until(s, 1, "install:folio")
    until(s, 1, "step:next")
    until(s, 0, "step:F9")
    until(s, 1, "madvise-return:0")
    until(s, 0, "lock:NULL")
    assert s.event(s.step).reason == "pmd-none"


@pytest.mark.parametrize(("variant", "result"), [("6.12", "0"), ("6.14", "-EEXIST"), ("7.1", "-EEXIST")])
def test_copy_into_a_table_that_is_reclaimed(variant: str, result: str) -> None:
    """UFFDIO_COPY reads the PMD twice; where the table went in between it says that a page is there, which is not."""
    copy = event(0, 'uffd = { op = "copy", at = "heap+0x3000", size = "4K" }')
    s = race(variant, copy, advice(1, "2M"), more=populated(("heap+0x8000", 1)), vma=HEAP + 'uffd = ["missing"]\n')
    if variant == "6.12":
        assert "step:uffd-pmd" not in decisions(finish(s))
    else:
        until(s, 0, "step:uffd-pmd")
        until(s, 1, "madvise-return:0")
    assert told(finish(s), "uffd-return") == [result]


@pytest.mark.parametrize(("name", "step"), [("DONTNEED", "zap-next"), ("FREE", "free-next")])
@pytest.mark.parametrize("variant", ["6.5", "6.18"])
def test_a_pmd_that_is_filled_before_the_walk_is_there(variant: str, name: str, step: str) -> None:
    far = event(0, 'write = "heap+0x200000"')
    s = race(variant, far, advice(1, "4M", name), more=populated(("heap", 1)), thp='enabled = "never"')
    until(s, 1, f"step:{step}")
    until(s, 0, "step:done")
    s = finish(s)
    done = "zap-folio:freed" if name == "DONTNEED" else "madvise-free:lazyfree"
    assert decisions(s).count(done) == 2
    assert broken(s) == set()


def test_a_fault_in_the_middle_of_a_zap() -> None:
    """The neighbour's PTE is still set, so the fault takes one page where the whole range is about to be free."""
    s = race("6.8", advice(0, "64K"), event(1, 'write = "heap+0x3000"'), more=populated(("heap+0x3000", 2)))
    until(s, 0, "step:zap-resched")
    until(s, 1, "step:done")
    s = finish(s)
    assert told(s, "fallback") == ["pte-range"]
    assert mapped_orders(s) == (0,)
    assert broken(s) == set()


def test_a_refill_before_the_table_is_looked_at_again() -> None:
    """PT_RECLAIM had to let go of the table's lock: what was zapped last is there again, and the table stays."""
    s = race("6.14", advice(0, "2M"), event(1, 'write = "heap+0x4000"'), more=populated(("heap+0x3000", 2)))
    until(s, 0, "step:pt-reclaim")
    until(s, 1, "step:done")
    s = finish(s)
    assert "free-pgtables:freed" not in decisions(s)
    assert broken(s) == set()


def test_a_leaf_that_is_split_before_mremap_takes_it() -> None:
    """Reclaim splits it by rmap, which no mmap_lock keeps out: its PTEs are moved one by one."""
    move = 'mremap = { at = "heap", size = "2M", flags = ["MREMAP_MAYMOVE", "MREMAP_FIXED"], to = 0x7e0000000000 }'
    leaf = '[[populate]]\nat = "heap"\npages = 512\nwith = "huge-pmd"\n'
    s = race("6.12", event(0, move), event(1, 'swap_out = { at = "heap", size = "2M" }'), more=leaf + MEMORY)
    until(s, 0, "mremap-move:leaf")
    until(s, 1, "step:isolate")
    s = finish(s)
    assert told(s, "mremap-move") == ["leaf", "ptes"]
    assert broken(s) == set()


def test_a_scan_that_finds_nothing_keeps_the_mmap_lock() -> None:
    """MADV_COLLAPSE lets go of it only for a range that it goes on to collapse."""
    s = race("6.12", advice(0, "4M", "COLLAPSE"), event(1, 'munmap = { at = "heap", size = "4M" }'),
             more=populated(("heap+0x200000", 1)) + MEMORY)  # fmt: skip
    until(s, 0, "collapse-scan:SCAN_PMD")
    assert s.m.mmap_lock.get(0) == 1
    until(s, 0, "collapse-scan:SCAN_SUCCEED")
    assert not s.m.mmap_lock.get(0)
    finish(s)
    assert broken(s) == set()
