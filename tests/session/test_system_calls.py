# SPDX-License-Identifier: GPL-2.0-only
"""What a stop of a system call looks like: the function that decides, whose memory it is, where it is at."""

from __future__ import annotations

import pytest

from kernelmodel.look import last_address
from kernelmodel.session import Session
from kernelmodel.snapshot import Change, Snapshot, View
from tests.build import HEAP, finish, session

THP = '[thp]\nhugepages-64kB = "always"\nhugepages-2048kB = "never"\n'
EVENTS = """
[[event]]
write = "heap+0x5000"
[[event]]
fork = "child"
[[event]]
process = "child"
madvise = { at = "heap+0x4000", size = "8K", advice = "MADV_DONTNEED" }
[[event]]
mprotect = { at = "heap+0x10000", size = "64K", prot = "r" }
[[event]]
mremap = { at = "heap", size = "32K", to = 0x7f0001000000 }
[[event]]
exit = "child"
[[event]]
sysfs = { enabled = "never" }
"""


@pytest.fixture(scope="module")
def run() -> Session:
    return finish(session(THP, head='variant = "6.18"', vma=HEAP, events=EVENTS))


def at(s: Session, kind: str) -> Snapshot:
    """The first stop of a kind."""
    s.seek(next(n for n in range(s.last + 1) if s.event(n).kind == kind))
    return s.snapshot(View())


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("fork-vma", "dup_mmap"), ("fork-pmd", "copy_page_range"), ("zap-pmd", "zap_pte_range"), ("exit-vma", "exit_mmap"),
        ("mprotect-split", "__split_vma"), ("mremap-move", "move_pmd"), ("munmap-vma", "unmap_region"), ("alloc", "alloc_anon_folio"),
    ],
)  # fmt: skip
def test_the_function_that_decides_is_in_view(run: Session, kind: str, function: str) -> None:
    snap = at(run, kind)
    assert snap.event is not None
    assert snap.calls[snap.frame].function == snap.event.function == function
    assert snap.calls[snap.frame].line == snap.event.line
    assert "syscall" not in {call.function for call in snap.calls}, "no function of the kernel"


@pytest.mark.parametrize("kind", ["fork-return", "madvise-return", "mremap-return", "exit-return", "sysfs-return"])
def test_a_call_that_returns_is_in_no_function(run: Session, kind: str) -> None:
    assert at(run, kind).calls == ()


@pytest.mark.parametrize(
    ("kind", "process", "address"),
    [
        ("fork-pmd", "main", 0x7F0000000000), ("fork-return", "main", 0x7F0000000000), ("zap-pmd", "child", 0x7F0000004000),
        ("mprotect-split", "main", 0x7F0000010000), ("mremap-return", "main", 0x7F0001000000), ("exit-vma", "child", 0x7F0000000000),
    ],
)  # fmt: skip
def test_page_table_and_vmas_are_those_of_where_the_call_is(run: Session, kind: str, process: str, address: int) -> None:
    snap = at(run, kind)
    assert (snap.process, snap.address) == (process, -1)
    assert snap.entry is not None
    assert snap.entry.addr == address
    assert any(vma.current and vma.start <= address < vma.end for vma in snap.vmas)


def test_a_process_that_is_gone_has_no_tables(run: Session) -> None:
    snap = at(run, "exit-return")
    assert (snap.process, snap.vmas, snap.walk, snap.ptes, snap.entry) == ("child", (), (), (), None)
    assert run.snapshot(View(pte_at=0x7F0000000000)).entry is None


def test_at_the_end_the_last_address_of_the_process_stays(run: Session) -> None:
    run.seek(run.last)
    assert last_address(run, 0) == 0x7F0001000000
    assert run.snapshot(View()).entry is not None


def test_one_process_needs_no_name() -> None:
    assert session().snapshot(View()).process == ""


def test_a_fault_that_a_call_takes_has_its_own_address() -> None:
    populate = '[[event]]\nmadvise = { at = "heap", size = "128K", advice = "MADV_POPULATE_WRITE" }\n'
    s = finish(session(THP, head='variant = "6.18"', vma=HEAP, events=populate))
    steps = [n for n in range(s.last + 1) if s.event(n).kind == "recheck"]
    found = []
    for step in steps:
        s.seek(step)
        found.append(s.snapshot(View()).address)
    assert found == [0x7F0000000000, 0x7F0000010000]


def changes(s: Session, kind: str) -> list[Change]:
    """What the step after the first stop of a kind has changed."""
    at(s, kind)
    s.seek(s.step + 1)
    return list(s.snapshot(View()).changes)


def test_changes_tell_the_parts_of_a_vma_apart(run: Session) -> None:
    found = {row.what: row.new for row in changes(run, "mprotect-split")}
    assert found["vma heap [0x7f0000000000] ->vm_end"] == "0x7f0000010000"
    assert found["vma heap [0x7f0000010000] ->vm_start"] == "0x7f0000010000"
    assert any(row.what.startswith("child: vma heap [0x7f0000000000] ->") for row in changes(run, "fork-vma"))


def test_changes_unpack_what_is_packed(run: Session) -> None:
    told = [(row.what.split()[-1], row.old, row.new) for row in changes(run, "install")]
    assert ("_mm_ids", "{-, -}", "{main, -}") in told
    assert ("_mm_id_mapcount", "{0, 0}", "{16, 0}") in told
    run.seek(next(n for n in range(run.last + 1) if run.event(n).kind == "fork-return"))
    assert ("_mm_ids", "{main, -}", "{main, child} shared") in [
        (row.what.split()[-1], row.old, row.new) for row in run.snapshot(View()).changes
    ]
    assert "thp_enabled" in [row.what for row in changes(run, "sysfs-store")]


def test_locals_are_those_of_the_kernel(run: Session) -> None:
    snap = at(run, "mremap-move")
    names = {local.name: local.text for call in snap.calls for local in call.locals}
    assert "action" not in names
    assert names["flags"] == "MREMAP_FIXED|MREMAP_MAYMOVE"
    assert names["new_pmd"].startswith("table ")
