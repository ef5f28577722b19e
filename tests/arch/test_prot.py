# SPDX-License-Identifier: GPL-2.0-only
"""Entries whose rights change: PROT_NONE, and what stays when they come back."""

from __future__ import annotations

import pytest

from kernelmodel.arch import ARCHES, SWP_MIGRATION_READ, SWP_PTE_MARKER
from kernelmodel.defs import VM_EXEC, VM_READ, VM_WRITE


@pytest.mark.parametrize("name", list(ARCHES))
def test_prot_none_is_present_to_the_kernel_alone(name: str) -> None:
    arch = ARCHES[name]
    page = arch.pte_mkwrite(arch.pte_mkdirty(arch.pfn_pte(0x12345, arch.vm_page_prot(VM_READ | VM_WRITE))))
    for value in (page, arch.pmd_mkhuge(page)):
        none = arch.pte_modify(value, arch.vm_page_prot(0))
        assert arch.pte_present(none)
        assert not arch.hw_present(none)
        assert not arch.pte_write(none)
        assert arch.pte_pfn(none) == 0x12345
        assert "PROT_NONE" in arch.bit_names(none)
        back = arch.pte_modify(none, arch.vm_page_prot(VM_READ | VM_EXEC))
        assert arch.hw_present(back)
        assert arch.pte_dirty(back)
        assert not arch.pte_write(back)
    assert (arch.pte_kind(arch.pte_modify(page, arch.vm_page_prot(0)))) == "page"
    assert arch.pmd_kind(arch.pte_modify(arch.pmd_mkhuge(page), arch.vm_page_prot(0))) == "leaf"


@pytest.mark.parametrize("name", list(ARCHES))
def test_a_swap_entry_never_looks_like_prot_none(name: str) -> None:
    arch = ARCHES[name]
    for kind in (0, SWP_MIGRATION_READ, SWP_PTE_MARKER):
        for offset in (0, 1, 5, 1 << 20, (1 << 50) - 1):
            assert not arch.pte_present(arch.swp_entry(kind, offset))


@pytest.mark.parametrize("name", list(ARCHES))
def test_old_and_clean(name: str) -> None:
    arch = ARCHES[name]
    page = arch.pte_mkwrite(arch.pte_mkdirty(arch.pfn_pte(7, arch.vm_page_prot(VM_READ))))
    lazy = arch.pte_mkclean(arch.pte_mkold(page))
    assert (arch.pte_young(page), arch.pte_dirty(page)) == (True, True)
    assert (arch.pte_young(lazy), arch.pte_dirty(lazy), arch.pte_write(lazy)) == (False, False, True)
