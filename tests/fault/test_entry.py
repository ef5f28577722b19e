# SPDX-License-Identifier: GPL-2.0-only
"""The exception's own loop: a retry runs the fault again at once, and is counted when it completes."""

from __future__ import annotations

import pytest

from kernelmodel.decision import STEPS, Decision, Wait
from kernelmodel.defs import VM_FAULT_RETRY
from kernelmodel.fault.entry import access
from kernelmodel.mm.pgtable import pte_place, set_pte_at, translate
from kernelmodel.structs import Mm, VmFault
from tests.build import HEAP, finish, session
from tests.stories import HUGE, SMALL, START, story


def test_a_retry_goes_through_the_fault_path_again_and_counts_as_major() -> None:
    m = session(vma=HEAP + 'uffd = ["missing"]\n').m
    m.journal.move(0)
    path = access(0, Mm(m, 0), 0x7F0000005000, True)
    answers: str | None = None
    while not isinstance(found := path.send(answers), Wait):
        assert isinstance(found, Decision)
        answers = None if not hasattr(found, "peek") else found.peek()[0]
    frame = path
    while getattr(frame, "gi_yieldfrom", None) is not None:
        frame = frame.gi_yieldfrom
    vmf: VmFault = frame.gi_frame.f_locals["vmf"]
    arch = m.arch
    assert m.vm_event.get(0) == 0
    pte = pte_place(m, m.pgtable.get(vmf.pmd), vmf.address)
    set_pte_at(m, pte, arch.pte_mkwrite(arch.pte_mkdirty(arch.pfn_pte(0x100000, vmf.vma.vm_page_prot))))
    m.uffd_wait.set(0, 0)
    seen = []
    try:
        while True:
            step = path.send(None)
            assert isinstance(step, Decision)
            if step.kind not in STEPS:
                seen.append(f"{step.kind}:{step.outcome}")
    except StopIteration as stop:
        faults, ret = stop.value
    assert seen == ["return:VM_FAULT_RETRY", "pmd-gate:table", "orig-pte:present", "recheck:same", "return:0"]
    assert (faults, ret & VM_FAULT_RETRY) == (2, 0)
    assert m.vm_event.get(0) == 1
    assert (m.maj_flt.get(0), m.min_flt.get(0)) == (1, 0)


@pytest.mark.parametrize("sizes", [SMALL, HUGE], ids=["PTE", "leaf"])
@pytest.mark.parametrize("arch", ["x86-64", "arm64-4k"])
def test_the_mmu_marks_what_is_written_after_madv_free(arch: str, sizes: str) -> None:
    free = f"madvise {{ at = {START}, size = '2M', advice = 'MADV_FREE' }}"
    found = []
    for then in ("read", "write"):
        s = finish(story(f"write {START}", free, f"{then} {START}", arch=arch, sizes=sizes))
        value = translate(Mm(s.m, 0), START)
        found.append((s.m.arch.pte_dirty(value), s.m.arch.pte_young(value)))
    assert found == [(False, False), (True, True)]
