# SPDX-License-Identifier: GPL-2.0-only
"""/sys/kernel/mm/transparent_hugepage: the words its files take, and how the machine keeps them (mm/huge_memory.c)."""

from __future__ import annotations

from kernelmodel.arch import Arch
from kernelmodel.machine import Machine

ENABLED = ("never", "madvise", "always")
"""Values of transparent_hugepage/enabled, by number."""
DEFRAG = ("never", "madvise", "defer+madvise", "defer", "always")
"""Values of transparent_hugepage/defrag, by number."""


def THP_ORDERS_ALL_ANON(arch: Arch) -> int:
    """Bits of the orders that anonymous memory can have: 2 … PMD_ORDER."""
    return (1 << arch.pmd_order + 1) - 4


def size_order(arch: Arch, name: str) -> int:
    """Order of ``hugepages-64kB``."""
    return (int(name.removeprefix("hugepages-").removesuffix("kB")) * 1024 >> arch.page_shift).bit_length() - 1


def set_anon_policy(m: Machine, order: int, policy: str) -> None:
    """Write a word to hugepages-<size>kB/enabled (Linux 6.8 anon_enabled_store)."""
    masks = {
        "always": m.huge_anon_orders_always,
        "madvise": m.huge_anon_orders_madvise,
        "inherit": m.huge_anon_orders_inherit,
    }
    for word, field in masks.items():
        bits = field.get(0) & ~(1 << order)
        field.set(0, bits | (1 << order if word == policy else 0))
