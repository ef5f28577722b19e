# SPDX-License-Identifier: GPL-2.0-only
"""Geometry and entry bits per architecture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelmodel.arch import ARCHES, SWP_MIGRATION_READ, SWP_PTE_MARKER, ZERO_PFN, Arch
from kernelmodel.defs import VM_READ, VM_WRITE

ALL = pytest.mark.parametrize("arch", ARCHES.values(), ids=ARCHES.keys())


@pytest.mark.parametrize(
    ("name", "page", "pmd_order", "pmd", "max_order", "hook", "levels"),
    [
        ("x86-64", 4 << 10, 9, 2 << 20, 10, -1, (39, 30, 21, 12)),
        ("arm64-4k", 4 << 10, 9, 2 << 20, 10, 4, (39, 30, 21, 12)),
        ("arm64-16k", 16 << 10, 11, 32 << 20, 11, 7, (47, 36, 25, 14)),
        ("arm64-64k", 64 << 10, 13, 512 << 20, 13, 5, (42, 29, 16)),
    ],
)
def test_geometry(
    name: str, page: int, pmd_order: int, pmd: int, max_order: int, hook: int, levels: tuple[int, ...]
) -> None:
    arch = ARCHES[name]
    assert (arch.page_size, arch.pmd_order, arch.pmd_size) == (page, pmd_order, pmd)
    assert (arch.max_order, arch.wants_pte_order) == (max_order, hook)
    assert tuple(shift for _, shift, _ in arch.levels) == levels


@ALL
def test_a_written_page_is_present_dirty_young_and_writable(arch: Arch) -> None:
    entry = arch.pte_mkwrite(arch.pte_mkdirty(arch.pfn_pte(0x100005, arch.vm_page_prot(VM_READ | VM_WRITE))))
    assert arch.pte_present(entry)
    assert arch.pte_write(entry)
    assert arch.pte_pfn(entry) == 0x100005
    assert arch.pte_kind(entry) == "page"
    assert not arch.pte_write(arch.pte_wrprotect(entry))


def test_a_written_page_on_x86_has_the_value_that_a_pagemap_dump_shows() -> None:
    arch = ARCHES["x86-64"]
    entry = arch.pte_mkwrite(arch.pte_mkdirty(arch.pfn_pte(0x100005, arch.vm_page_prot(VM_READ | VM_WRITE))))
    assert entry == 0x8000000100005867
    assert arch.bit_names(entry) == ("NX", "SOFT_DIRTY", "DIRTY", "ACCESSED", "USER", "RW", "PRESENT")


@ALL
def test_entries_of_each_kind_are_told_apart(arch: Arch) -> None:
    prot = arch.vm_page_prot(VM_READ)
    assert arch.pte_kind(0) == "none"
    assert arch.pte_kind(arch.pte_mkspecial(arch.pfn_pte(ZERO_PFN, prot))) == "zero"
    assert arch.pte_kind(arch.swp_entry(SWP_PTE_MARKER, 1)) == "marker"
    assert arch.pte_kind(arch.swp_entry(0, 5)) == "swap"
    assert arch.pte_kind(arch.swp_entry(SWP_MIGRATION_READ, 5)) == "migration"
    assert arch.pmd_kind(arch.table_entry(7)) == "table"
    assert arch.pmd_kind(arch.pmd_mkhuge(arch.pfn_pte(0x100000, prot))) == "leaf"
    assert arch.pmd_kind(arch.swp_entry(SWP_MIGRATION_READ, 0x100000)) == "migration"


@ALL
@given(kind=st.integers(0, 31), offset=st.integers(0, (1 << 40) - 1))
def test_swap_entries_keep_type_and_offset_and_are_not_present(arch: Arch, kind: int, offset: int) -> None:
    entry = arch.swp_entry(kind, offset)
    if (kind, offset) != (0, 0):
        assert arch.swp_type(entry) == kind
        assert arch.swp_offset(entry) == offset
        assert not arch.pte_present(entry)


def test_a_users_table_on_arm64_carries_pxntable() -> None:
    assert ARCHES["arm64-4k"].table_entry(0x8004) == 0x0800000008004003
    assert ARCHES["x86-64"].table_entry(0x8004) == 0x8004067
