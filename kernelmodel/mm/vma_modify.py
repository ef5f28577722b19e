# SPDX-License-Identifier: GPL-2.0-only
"""VMAs that are split, merged, made and taken away (mm/mmap.c of 6.5, mm/vma.c from 6.12 on).

Each change of the list is announced by the verb that makes it (``actor``).  Not here: commit accounting and its flag
VM_ACCOUNT, soft-dirty tracking, names of anonymous VMAs; a neighbour's label in the scenario keeps no one apart.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import EINVAL, ENOMEM, VM_SOFTDIRTY, VM_SPECIAL
from kernelmodel.machine import Machine
from kernelmodel.mm.mmap_lock import mmap_read_unlock, mmap_write_downgrade, vma_start_write
from kernelmodel.mm.pgtable import pmd_offset
from kernelmodel.mm.vma import (
    find_vma,
    find_vma_below,
    find_vma_intersection,
    vma_alloc,
    vma_free,
    vma_is_fork_child,
    vma_link,
    vma_unlink,
)
from kernelmodel.mm.zap import free_pgtables, split_huge_pmd_locked, tables_to_free, unmap_page_range
from kernelmodel.structs import Mm, Vma

SYSCTL_MAX_MAP_COUNT = 65530


# -- splitting -----------------------------------------------------------------------------------------
def leaf_across(vma: Vma, address: int) -> int:
    """Place of the leaf that a boundary at ``address`` would cut, -1 if there is none (split_huge_pmd_if_needed)."""
    m, size = vma.m, vma.m.arch.pmd_size
    base = address & -size
    if base == address or base < vma.vm_start or base + size > vma.vm_end:
        return -1
    pmd = pmd_offset(vma.vm_mm, address)
    return pmd if pmd >= 0 and m.arch.pmd_kind(m.pgtable.get(pmd)) in ("leaf", "migration") else -1


def vma_adjust_trans_huge(vma: Vma, address: int, cpu: int) -> Path[None]:
    """Split the leaf that lies across a boundary to come."""
    pmd = leaf_across(vma, address)
    if pmd >= 0:
        yield from split_huge_pmd_locked(vma, pmd, address, cpu)


def split_vma(actor: str, vma: Vma, addr: int, new_below: bool, cpu: int) -> Path[int]:
    """Two of one, where the mm may have one more: 0 or -ENOMEM."""
    if vma.vm_mm.map_count >= SYSCTL_MAX_MAP_COUNT:
        return -ENOMEM
    yield from __split_vma(actor, vma, addr, new_below, cpu)
    return 0


def __split_vma(actor: str, vma: Vma, addr: int, new_below: bool, cpu: int) -> Path[Vma]:
    """Cut a VMA at ``addr``; the new one is the lower part (``new_below``) or the upper.  A leaf across it is split."""
    cut = "part-of-leaf" if leaf_across(vma, addr) >= 0 else ""
    yield Decision(f"{actor}-split", "below" if new_below else "above", addr=addr, reason=cut)
    yield from vma_start_write(vma, cpu)
    yield from vma_adjust_trans_huge(vma, addr, cpu)
    new = vm_area_dup(vma)
    pgoff = vma.vm_pgoff + (addr - vma.vm_start >> vma.m.arch.page_shift)
    if new_below:
        new.vm_end = addr
        vma.vm_start, vma.vm_pgoff = addr, pgoff
    else:
        new.vm_start, new.vm_pgoff = addr, pgoff
        vma.vm_end = addr
    if vma.m.release >= (6, 6):  # up to 6.5 the new one is open to faults at once
        yield from vma_start_write(new, cpu)
    vma_link(vma.vm_mm, new)
    return new


def vm_area_dup(vma: Vma) -> Vma:
    """A copy that is not linked yet, with the same anon_vma (anon_vma_clone)."""
    m = vma.m
    new = vma_alloc(m, vma.name)
    new.vm_start, new.vm_end, new.vm_flags = vma.vm_start, vma.vm_end, vma.vm_flags
    new.vm_pgoff, new.anon_vma = vma.vm_pgoff, vma.anon_vma
    m.anon_vma_parents.set(new.id, m.anon_vma_parents.get(vma.id))
    return new


def unlink_anon_vmas(vma: Vma) -> None:
    """A VMA that has lost all its pages has no need of an anon_vma."""
    vma.anon_vma = 0
    vma.m.anon_vma_parents.set(vma.id, 0)


# -- merging -------------------------------------------------------------------------------------------
def is_mergeable_anon_vma(m: Machine, anon_vma: int, target: Vma, source: Vma | None) -> bool:
    """May ``target`` take in pages of ``anon_vma`` (those of ``source``, if there is such a VMA)?

    Up to 6.15 a target without an anon_vma refuses a range that has one: an empty chain is not "singular".  6.16
    repaired that; what came from a fork never shares with what did not.
    """
    theirs = target.anon_vma
    if anon_vma and theirs:
        return anon_vma == theirs
    if not anon_vma:
        return not theirs or not vma_is_fork_child(target)
    return m.release >= (6, 16) and not (source is not None and vma_is_fork_child(source))


def can_vma_merge(target: Vma, vm_flags: int, anon_vma: int, pgoff: int, source: Vma | None, after: bool) -> bool:
    """can_vma_merge_after and can_vma_merge_before: flags, anon_vma, and the offsets go on without a gap."""
    m = target.m
    if (target.vm_flags ^ vm_flags) & ~VM_SOFTDIRTY or not is_mergeable_anon_vma(m, anon_vma, target, source):
        return False
    pages = target.vm_end - target.vm_start >> m.arch.page_shift
    return target.vm_pgoff + (pages if after else 0) == pgoff


def vma_merge(
    actor: str, mm: Mm, prev: Vma | None, addr: int, end: int, vm_flags: int, source: Vma, pgoff: int, cpu: int
) -> Path[Vma | None]:  # fmt: skip
    """[addr, end) with these flags becomes part of its neighbours: the VMA that holds it then, None if none takes it.

    The range is free, or a part of one VMA.  ``source`` is whose pages they are.  Cases as in 6.5's vma_merge.
    """
    m = mm.m
    if vm_flags & VM_SPECIAL:
        return None
    curr = find_vma_intersection(mm, prev.vm_end if prev is not None else 0, end)
    nxt = find_vma(mm, end) if curr is None or end == curr.vm_end else None
    anon_vma, pages = source.anon_vma, end - addr >> m.arch.page_shift
    left = prev if prev is not None and prev.vm_end == addr else None
    if left is not None and not can_vma_merge(left, vm_flags, anon_vma, pgoff, source, True):
        left = None
    if nxt is not None and not can_vma_merge(nxt, vm_flags, anon_vma, pgoff + pages, source, False):
        nxt = None
    if left is not None and nxt is not None and left.anon_vma and nxt.anon_vma and left.anon_vma != nxt.anon_vma:
        nxt = None
    if left is None and nxt is None:
        return None
    yield merged(actor, addr, left, nxt)
    dst = nxt if left is None else left
    assert dst is not None
    shrinks = left is None and curr is None and prev is not None and addr < prev.vm_end
    changing = [each for each in (dst, nxt, curr, prev if shrinks else None) if each is not None]
    failed = yield from dup_anon_vma(dst, [*changing, source], cpu)
    if failed:
        return None
    for k in range(len(changing)):
        yield from vma_start_write(changing[k], cpu)
    if left is not None:
        if curr is not None and end != curr.vm_end:
            yield from vma_adjust_trans_huge(curr, end, cpu)
            curr.vm_pgoff += end - curr.vm_start >> m.arch.page_shift
            curr.vm_start = left.vm_end = end
        else:
            take_over(left, nxt, curr)
            left.vm_end = max(left.vm_end, end)
        return left
    if curr is not None:
        take_over(dst, curr)
    elif shrinks:
        assert prev is not None
        yield from vma_adjust_trans_huge(prev, addr, cpu)
        prev.vm_end = addr
    dst.vm_pgoff -= dst.vm_start - addr >> m.arch.page_shift
    dst.vm_start = addr
    return dst


def merged(actor: str, addr: int, left: Vma | None, right: Vma | None) -> Decision:
    """With whom."""
    outcome = "both" if left is not None and right is not None else "prev" if left is not None else "next"
    return Decision(f"{actor}-merge", outcome, addr=addr)


def take_over(vma: Vma, *swallowed: Vma | None) -> None:
    """Unlink VMAs and let ``vma`` end where the last of them did."""
    gone = [each for each in swallowed if each is not None]
    end = max([vma.vm_end, *(each.vm_end for each in gone)])
    for each in gone:
        vma_unlink(each)
        vma_free(each)
    vma.vm_end = end


def dup_anon_vma(dst: Vma, others: list[Vma], cpu: int) -> Path[int]:
    """Where ``dst`` has no anon_vma, the first of others that has one gives it: 0 or -ENOMEM, and nothing is merged.

    anon_vma_clone() may fail after the pointer is set, so faults are kept out before.
    """
    m = dst.m
    src = next((each for each in others if each.anon_vma), None)
    if dst.anon_vma or src is None:
        return 0
    if "B4" not in m.mutants:
        yield from vma_start_write(dst, cpu)
    dst.anon_vma = src.anon_vma
    m.anon_vma_parents.set(dst.id, m.anon_vma_parents.get(src.id))
    answer = yield Question("anon-vma", "anon_vma_clone", lambda: ("0", "", 0), "-ENOMEM")
    if answer == "-ENOMEM":
        unlink_anon_vmas(dst)
        return -ENOMEM
    return 0


def vma_modify(
    actor: str, prev: Vma | None, vma: Vma, start: int, end: int, vm_flags: int, cpu: int
) -> Path[Vma | int]:  # fmt: skip
    """Give a part of a VMA other flags: merge it with a neighbour, or cut it out.

    The VMA that holds it then, or -ENOMEM.
    """
    pgoff = vma.vm_pgoff + (start - vma.vm_start >> vma.m.arch.page_shift)
    found = yield from vma_merge(actor, vma.vm_mm, prev, start, end, vm_flags, vma, pgoff, cpu)
    if found is not None:
        return found
    if start != vma.vm_start:
        failed = yield from split_vma(actor, vma, start, True, cpu)
        if failed:
            return failed
    if end != vma.vm_end:
        failed = yield from split_vma(actor, vma, end, False, cpu)
        if failed:
            return failed
    yield from vma_start_write(vma, cpu)
    vma.vm_flags = vm_flags
    return vma


# -- new ranges ----------------------------------------------------------------------------------------
def vma_merge_new_range(mm: Mm, addr: int, end: int, vm_flags: int) -> tuple[Vma | None, Vma | None]:
    """The neighbours that a new mapping can be part of.

    Where both could have it and not each other, 6.5 (mmap_region) takes the next and 6.12 the previous one.
    """
    if vm_flags & VM_SPECIAL:
        return None, None
    m = mm.m
    shift = m.arch.page_shift
    nxt = find_vma(mm, end)
    prev = find_vma(mm, addr - 1) if addr else None
    if nxt is not None and (nxt.vm_start != end or not can_vma_merge(nxt, vm_flags, 0, end >> shift, None, False)):
        nxt = None
    anon_vma = nxt.anon_vma if nxt is not None and m.release < (6, 12) else 0
    if prev is not None and not can_vma_merge(prev, vm_flags, anon_vma, addr >> shift, nxt, True):
        prev = None
    if prev is not None and nxt is not None and prev.anon_vma and nxt.anon_vma and prev.anon_vma != nxt.anon_vma:
        nxt = None
    return prev, nxt


# -- munmap --------------------------------------------------------------------------------------------
def do_munmap(mm: Mm, start: int, size: int, cpu: int, unlock: bool = False) -> Path[int]:
    """Take [start, start + size) away (do_vmi_munmap): 0, -EINVAL or -ENOMEM.

    ``unlock``: nothing else is to be done, so the mmap_lock is only read under while the pages go.
    """
    m = mm.m
    if start & m.arch.page_size - 1 or not size or start + size > m.arch.task_size:
        return -EINVAL
    end = start + (size + m.arch.page_size - 1 & m.arch.page_mask)
    vma = find_vma_intersection(mm, start, end)
    if vma is None:
        return 0
    if start > vma.vm_start:
        if end < vma.vm_end and mm.map_count >= SYSCTL_MAX_MAP_COUNT:
            return -ENOMEM
        yield from __split_vma("munmap", vma, start, False, cpu)
    last = find_vma(mm, end)
    if last is not None and last.vm_start < end:
        yield from __split_vma("munmap", last, end, False, cpu)
    return (yield from unmap_region(mm, start, end, cpu, unlock))


def unmap_region(mm: Mm, start: int, end: int, cpu: int, unlock: bool) -> Path[int]:
    """Detach every VMA of a range whose ends are boundaries, zap what they map, free the tables, forget them."""
    m = mm.m
    detached: list[Vma] = []
    vma = find_vma_intersection(mm, start, end)
    while vma is not None:
        yield Decision("munmap-vma", "detached", addr=vma.vm_start)
        yield from vma_start_write(vma, cpu)
        vma_unlink(vma)
        detached.append(vma)
        vma = find_vma_intersection(mm, start, end)
    if unlock:
        mmap_write_downgrade(mm, cpu)
    for k in range(len(detached)):
        yield from unmap_page_range(detached[k], detached[k].vm_start, detached[k].vm_end, cpu, True)
    below, above = find_vma_below(mm, start), find_vma_intersection(mm, end, m.arch.task_size)
    floor = below.vm_end if below is not None else 0
    ceiling = above.vm_start if above is not None else 0
    freed = len(tables_to_free(mm, start, end, floor, ceiling))
    yield Decision("free-pgtables", "freed" if freed else "kept", addr=start, arg=freed)
    free_pgtables(mm, start, end, floor, ceiling)
    for k in range(len(detached)):
        vma_free(detached[k])
    if unlock:
        mmap_read_unlock(mm)
    return 0
