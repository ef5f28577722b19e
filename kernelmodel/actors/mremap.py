# SPDX-License-Identifier: GPL-2.0-only
"""mremap(): a mapping shrinks, grows or moves (mm/mremap.c of 6.5; several VMAs in one move from 6.17 on)."""

from __future__ import annotations

from kernelmodel.actors.populate import mm_populate
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EFAULT,
    EINVAL,
    ENOMEM,
    VM_DONTEXPAND,
    VM_LOCKED,
    VM_PFNMAP,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
)
from kernelmodel.mm.mmap_lock import vma_start_write
from kernelmodel.mm.move import move_page_tables
from kernelmodel.mm.unmapped_area import get_unmapped_area
from kernelmodel.mm.vma import find_vma, find_vma_below, find_vma_intersection, vma_link
from kernelmodel.mm.vma_modify import SYSCTL_MAX_MAP_COUNT, do_munmap, unlink_anon_vmas, vm_area_dup, vma_merge
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm, Vma


def mremap(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """The address of the mapping, or an errno."""
    addr, old_len, to = action.address, action.size, action.arg("to")
    new_len = action.arg("new_size", old_len)
    flags = frozenset(action.arg("flags", ()))
    dontunmap, fixed = "MREMAP_DONTUNMAP" in flags, "MREMAP_FIXED" in flags
    if (fixed or dontunmap) and "MREMAP_MAYMOVE" not in flags:
        return -EINVAL
    if dontunmap and old_len != new_len:
        return -EINVAL
    if (fixed or dontunmap) and mm.m.release >= (6, 17) and old_len == new_len:
        return (yield from remap_move(mm, addr, old_len, to or 0, flags, cpu))
    if fixed and mm.m.release >= (6, 17) and overlaps(addr, old_len, to or 0, new_len):
        return -EINVAL
    vma = find_vma(mm, addr)
    if vma is None:
        return -EFAULT
    if fixed or dontunmap:
        return (yield from mremap_to(mm, addr, old_len, to or 0, new_len, flags, cpu))
    yield Decision("mremap-vma", kind_of(old_len, new_len), addr=addr, arg=new_len)
    if old_len >= new_len:
        failed = yield from shrink(mm, addr, old_len, new_len, cpu, True)
        return failed or addr
    ret = vma_to_resize(vma, addr, old_len, new_len, flags)
    if ret:
        return ret
    if old_len == vma.vm_end - addr and vma_expandable(vma, new_len - old_len):
        end, delta = vma.vm_end, new_len - old_len
        pgoff = vma.vm_pgoff + (end - vma.vm_start >> mm.m.arch.page_shift)
        grown = yield from vma_merge("mremap", mm, vma, end, end + delta, vma.vm_flags, vma, pgoff, cpu)
        if grown is None:
            return -ENOMEM
        if grown.vm_flags & VM_LOCKED:
            yield from mm_populate(mm, end, end + delta, cpu)
        return addr
    if "MREMAP_MAYMOVE" not in flags:
        return -ENOMEM
    new_addr = get_unmapped_area(mm, 0, new_len)
    if new_addr < 0:
        return new_addr
    return (yield from move_vma(vma, addr, old_len, new_addr, new_len, flags, cpu))


def kind_of(old_len: int, new_len: int) -> str:
    """What is asked for."""
    return "same" if old_len == new_len else "shrink" if old_len > new_len else "grow"


def shrink(mm: Mm, addr: int, old_len: int, new_len: int, cpu: int, unlock: bool) -> Path[int]:
    """Unmap what is too much."""
    if old_len == new_len:
        return 0
    return (yield from do_munmap(mm, addr + new_len, old_len - new_len, cpu, unlock))


def remap_move(mm: Mm, start: int, size: int, to: int, flags: frozenset[str], cpu: int) -> Path[int]:
    """Every VMA of a range, with the gaps between them; none at its start (6.17)."""
    end, addr, ret = start + size, start, -EFAULT
    if overlaps(start, size, to, size):
        return -EINVAL
    while addr < end:
        vma = find_vma_intersection(mm, addr, end)
        if vma is None:
            break
        if addr == start and vma.vm_start > start:
            return -EFAULT
        if vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP) and (vma.vm_start > start or vma.vm_end < end):
            return -EFAULT
        part = max(addr, vma.vm_start)
        length = min(vma.vm_end, end) - part
        target = to + part - start if to or "MREMAP_FIXED" in flags else 0
        ret = yield from mremap_to(mm, part, length, target, length, flags, cpu)
        if ret < 0:
            return ret
        if part == start:
            to = ret
        addr = part + length
    return to if ret >= 0 else ret


def mremap_to(
    mm: Mm, addr: int, old_len: int, new_addr: int, new_len: int, flags: frozenset[str], cpu: int
) -> Path[int]:  # fmt: skip
    """A move to an address: with MREMAP_FIXED what is there is unmapped first."""
    m = mm.m
    if new_addr + new_len > m.arch.task_size or overlaps(addr, old_len, new_addr, new_len):
        return -EINVAL
    if mm.map_count + 2 >= SYSCTL_MAX_MAP_COUNT - 3:
        return -ENOMEM
    yield Decision("mremap-vma", "move", addr=addr, arg=new_len, more=(("to", hex(new_addr)),))
    if "MREMAP_FIXED" in flags:
        source = find_vma(mm, addr) if m.release >= (6, 17) else None
        refused = vma_to_resize(source, addr, old_len, new_len, flags) if source is not None else 0
        if refused:  # check_prep_vma: before anything is unmapped
            return refused
        failed = yield from do_munmap(mm, new_addr, new_len, cpu)
        if failed:
            return failed
    if old_len > new_len:
        failed = yield from shrink(mm, addr, old_len, new_len, cpu, False)
        if failed:
            return failed
        old_len = new_len
    vma = find_vma(mm, addr)
    if vma is None:
        return -EFAULT
    ret = vma_to_resize(vma, addr, old_len, new_len, flags)
    if ret:
        return ret
    if "MREMAP_FIXED" not in flags:
        new_addr = get_unmapped_area(mm, new_addr, new_len)
        if new_addr < 0:
            return new_addr
    return (yield from move_vma(vma, addr, old_len, new_addr, new_len, flags, cpu))


def overlaps(addr: int, old_len: int, new_addr: int, new_len: int) -> bool:
    """Would old and new place have an address in common?"""
    return addr + old_len > new_addr and new_addr + new_len > addr


def vma_to_resize(vma: Vma, addr: int, old_len: int, new_len: int, flags: frozenset[str]) -> int:
    """May this be moved or grown: 0, -EINVAL or -EFAULT."""
    if "MREMAP_DONTUNMAP" in flags and vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP):
        return -EINVAL
    if old_len > vma.vm_end - addr:
        return -EFAULT
    return -EFAULT if new_len != old_len and vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP) else 0


def vma_expandable(vma: Vma, delta: int) -> bool:
    """Is there room behind it?"""
    end = vma.vm_end + delta
    return end <= vma.m.arch.task_size and find_vma_intersection(vma.vm_mm, vma.vm_end, end) is None


def move_vma(
    vma: Vma, addr: int, old_len: int, new_addr: int, new_len: int, flags: frozenset[str], cpu: int
) -> Path[int]:  # fmt: skip
    """A VMA at the new place, the pages after it, and the old place unmapped (unless MREMAP_DONTUNMAP)."""
    mm, locked = vma.vm_mm, vma.vm_flags & VM_LOCKED
    if mm.map_count >= SYSCTL_MAX_MAP_COUNT - 3:
        return -ENOMEM
    yield from vma_start_write(vma, cpu)
    new_vma = yield from copy_vma(vma, addr, new_addr, new_len, cpu)
    old = find_vma(mm, addr)  # the old one may have been merged with it
    assert old is not None
    done = yield from move_page_tables(old, addr, new_vma, new_addr, old_len, cpu)
    if done < old_len:
        yield from move_page_tables(new_vma, new_addr, old, addr, done, cpu)
        yield from do_munmap(mm, new_addr, new_len, cpu)
        return -ENOMEM
    new_vma.vm_flags &= ~(VM_UFFD_MISSING | VM_UFFD_WP)  # mremap_userfaultfd_prep, for a monitor without EVENT_REMAP
    if "MREMAP_DONTUNMAP" in flags:
        old.vm_flags &= ~VM_LOCKED
        if (old.vm_start, old.vm_end) == (addr, addr + old_len):
            unlink_anon_vmas(old)
        return new_addr
    yield from do_munmap(mm, addr, old_len, cpu)
    if locked and new_len > old_len:
        yield from mm_populate(mm, new_addr + old_len, new_addr + new_len, cpu)
    return new_addr


def copy_vma(vma: Vma, addr: int, new_addr: int, new_len: int, cpu: int) -> Path[Vma]:
    """A VMA like this one at another address; its pgoff stays if it has pages, so that rmap finds them."""
    mm, shift = vma.vm_mm, vma.m.arch.page_shift
    pgoff = vma.vm_pgoff + (addr - vma.vm_start >> shift)
    if not vma.anon_vma and not vma.vm_flags & VM_SHARED:
        pgoff = new_addr >> shift
    prev = find_vma_below(mm, new_addr)
    new_vma = yield from vma_merge("mremap", mm, prev, new_addr, new_addr + new_len, vma.vm_flags, vma, pgoff, cpu)
    if new_vma is not None:
        return new_vma
    new_vma = vm_area_dup(vma)
    new_vma.vm_start, new_vma.vm_end, new_vma.vm_pgoff = new_addr, new_addr + new_len, pgoff
    yield from vma_start_write(new_vma, cpu)
    vma_link(mm, new_vma)
    return new_vma
