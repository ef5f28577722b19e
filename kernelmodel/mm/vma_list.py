# SPDX-License-Identifier: GPL-2.0-only
"""The VMAs of an mm in the order of their addresses: what the maple tree is to the kernel.

A directory of blocks of at most 64 VMAs, so that putting one in moves few cells however many there are.  A block that
is full is cut in two, one that is empty leaves the directory.
"""

from __future__ import annotations

from kernelmodel.machine import MAX_BLOCKS, VMA_BLOCK, Machine


def _slot(m: Machine, mm: int, k: int) -> int:
    """Number of the ``k``-th block of an mm."""
    return mm * MAX_BLOCKS + m.mm_mt_dir.get(mm * MAX_BLOCKS + k) - 1


def place_of(m: Machine, mm: int, address: int) -> tuple[int, int]:
    """(block, index in it) of the first VMA that ends above ``address``; (number of blocks, 0) if there is none."""
    low, high = 0, m.mm_mt_blocks.get(mm)
    while low < high:
        middle = (low + high) // 2
        slot = _slot(m, mm, middle)
        last = m.mm_mt.get(slot * VMA_BLOCK + m.mm_mt_len.get(slot) - 1) - 1
        if m.vm_end.get(last) <= address:
            low = middle + 1
        else:
            high = middle
    block = low
    if block == m.mm_mt_blocks.get(mm):
        return block, 0
    slot = _slot(m, mm, block)
    low, high = 0, m.mm_mt_len.get(slot) - 1
    while low < high:
        middle = (low + high) // 2
        if m.vm_end.get(m.mm_mt.get(slot * VMA_BLOCK + middle) - 1) <= address:
            low = middle + 1
        else:
            high = middle
    return block, low


def number_at(m: Machine, mm: int, block: int, index: int) -> int:
    """Number of the VMA at a place, -1 if there is none."""
    if block >= m.mm_mt_blocks.get(mm):
        return -1
    return m.mm_mt.get(_slot(m, mm, block) * VMA_BLOCK + index) - 1


def vma_position(m: Machine, mm: int, address: int) -> int:
    """Position in the whole list of the first VMA that ends above ``address``."""
    block, index = place_of(m, mm, address)
    return sum(m.mm_mt_len.get(_slot(m, mm, k)) for k in range(block)) + index


def number_of(m: Machine, mm: int, position: int) -> int:
    """Number of the VMA at a position of the whole list, -1 if there is none."""
    if not 0 <= position < m.map_count.get(mm):
        return -1
    block = 0
    while (size := m.mm_mt_len.get(_slot(m, mm, block))) <= position:
        position -= size
        block += 1
    return m.mm_mt.get(_slot(m, mm, block) * VMA_BLOCK + position) - 1


def numbers(m: Machine, mm: int) -> list[int]:
    """Numbers of all VMAs, ascending by address."""
    found: list[int] = []
    for k in range(m.mm_mt_blocks.get(mm)):
        slot = _slot(m, mm, k)
        found += (value - 1 for value in m.mm_mt.run(slot * VMA_BLOCK, m.mm_mt_len.get(slot)))
    return found


def insert(m: Machine, mm: int, address: int, number: int) -> None:
    """Put a VMA that starts at ``address`` where it belongs."""
    block, index = place_of(m, mm, address)
    if block and block == m.mm_mt_blocks.get(mm):
        block -= 1
        index = m.mm_mt_len.get(_slot(m, mm, block))
    elif not m.mm_mt_blocks.get(mm):
        _new_block(m, mm, 0)
    slot = _slot(m, mm, block)
    if m.mm_mt_len.get(slot) == VMA_BLOCK:
        _cut(m, mm, block)
        if index > VMA_BLOCK // 2:
            block, index = block + 1, index - VMA_BLOCK // 2
            slot = _slot(m, mm, block)
    size, base = m.mm_mt_len.get(slot), slot * VMA_BLOCK
    for k in range(size, index, -1):
        m.mm_mt.set(base + k, m.mm_mt.get(base + k - 1))
    m.mm_mt.set(base + index, number + 1)
    m.mm_mt_len.set(slot, size + 1)


def remove(m: Machine, mm: int, address: int) -> None:
    """Take out the VMA that holds ``address``."""
    block, index = place_of(m, mm, address)
    slot = _slot(m, mm, block)
    last, base = m.mm_mt_len.get(slot) - 1, slot * VMA_BLOCK
    for k in range(index, last):
        m.mm_mt.set(base + k, m.mm_mt.get(base + k + 1))
    m.mm_mt.set(base + last, 0)
    m.mm_mt_len.set(slot, last)
    if not last:
        _drop_block(m, mm, block)


def _new_block(m: Machine, mm: int, at: int) -> int:
    """An empty block at a place of the directory: the lowest number that is free."""
    base, blocks = mm * MAX_BLOCKS, m.mm_mt_blocks.get(mm)
    taken = set(m.mm_mt_dir.run(base, blocks))
    free = next(k for k in range(blocks + 1) if k + 1 not in taken)
    for k in range(blocks, at, -1):
        m.mm_mt_dir.set(base + k, m.mm_mt_dir.get(base + k - 1))
    m.mm_mt_dir.set(base + at, free + 1)
    m.mm_mt_blocks.set(mm, blocks + 1)
    return base + free


def _drop_block(m: Machine, mm: int, at: int) -> None:
    base, last = mm * MAX_BLOCKS, m.mm_mt_blocks.get(mm) - 1
    for k in range(at, last):
        m.mm_mt_dir.set(base + k, m.mm_mt_dir.get(base + k + 1))
    m.mm_mt_dir.set(base + last, 0)
    m.mm_mt_blocks.set(mm, last)


def _cut(m: Machine, mm: int, block: int) -> None:
    """Move the upper half of a full block to a new one behind it."""
    half = VMA_BLOCK // 2
    old = _slot(m, mm, block)
    new = _new_block(m, mm, block + 1)
    for k in range(half):
        m.mm_mt.set(new * VMA_BLOCK + k, m.mm_mt.get(old * VMA_BLOCK + half + k))
        m.mm_mt.set(old * VMA_BLOCK + half + k, 0)
    m.mm_mt_len.set(new, half)
    m.mm_mt_len.set(old, half)
