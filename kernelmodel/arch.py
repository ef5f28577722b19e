# SPDX-License-Identifier: GPL-2.0-only
"""Page geometry and the bits of page-table entries, per architecture.

Sources: Linux 6.5 arch/x86/include/asm/pgtable_types.h and pgtable_64.h, arch/arm64/include/asm/pgtable-hwdef.h and
pgtable-prot.h; geometry as in arch/arm64/Kconfig.  Entries are unsigned 64-bit ints.
"""

from __future__ import annotations

from kernelmodel.defs import VM_ACCESS_FLAGS, VM_EXEC

M64 = (1 << 64) - 1

# Swap types of 6.5 with migration, device memory, hwpoison and markers configured (include/linux/swap.h).
SWP_MIGRATION_READ, SWP_MIGRATION_READ_EXCLUSIVE, SWP_MIGRATION_WRITE, SWP_PTE_MARKER = 24, 25, 26, 31
PTE_MARKER_UFFD_WP, PTE_MARKER_POISONED, PTE_MARKER_GUARD = 1, 2, 4
PTE_MARKER_NAMES = {1: "PTE_MARKER_UFFD_WP", 2: "PTE_MARKER_POISONED", 4: "PTE_MARKER_GUARD"}
"""Bits of a marker (6.5 calls the second PTE_MARKER_SWAPIN_ERROR)."""

ZERO_PFN = 0x3C00
"""The zero page: in the kernel image, outside every modelled zone."""
TABLE_PFN = 0x8000
"""Page tables come from here on, outside every modelled zone (table number n is pfn TABLE_PFN + n)."""


class Arch:
    """One architecture with one page size.  Subclasses know the bits."""

    bits: tuple[tuple[int, str], ...] = ()
    """(bit number, name) for display, highest first."""
    PRESENT = WRITE = ACCESSED = DIRTY = SPECIAL = UFFD_WP = LEAF = TABLE = 0
    PROTNONE = PROT = SOFT_DIRTY = 0
    """What makes an entry present to the kernel alone (PROT_NONE), and the bits that follow a VMA's protection."""
    SWP_EXCLUSIVE = SWP_UFFD_WP = 0
    """Bits of a swap-type entry beside type and offset."""

    def __init__(self, name: str, page_shift: int, va_bits: int, max_order: int, wants_pte_order: int) -> None:
        self.name = name
        self.page_shift = page_shift
        self.page_size = 1 << page_shift
        self.page_mask = M64 ^ (self.page_size - 1)
        self.ptrs = 1 << (page_shift - 3)
        self.va_bits = va_bits
        self.task_size = 1 << va_bits
        self.max_order = max_order
        self.pmd_order = page_shift - 3
        self.pmd_shift = page_shift + self.pmd_order
        self.pmd_size = 1 << self.pmd_shift
        self.pageblock_order = min(self.pmd_order, max_order)
        self.wants_pte_order = wants_pte_order
        self.levels = self._levels()
        self.pfn_mask = ((1 << 48) - 1 if self.name != "x86-64" else (1 << 52) - 1) & self.page_mask

    def _levels(self) -> tuple[tuple[str, int, int], ...]:
        """(name, shift, entries) from the top down to the PTE level; folded levels are left out."""
        step = self.page_shift - 3
        names = ("pte", "pmd", "pud", "pgd")
        rows: list[tuple[str, int, int]] = []
        shift = self.page_shift
        va = max(self.va_bits, 48)
        while shift < va:
            width = min(step, va - shift)
            rows.append((names[len(rows)], shift, 1 << width))
            shift += step
        top, shift, ptrs = rows[-1]
        rows[-1] = ("pgd", shift, ptrs) if top != "pgd" else rows[-1]
        return tuple(reversed(rows))

    # -- entries ---------------------------------------------------------------------------------
    def vm_page_prot(self, vm_flags: int) -> int:
        """Protection bits of a private mapping: never writable (that is added at fault time)."""
        raise NotImplementedError

    def swp_entry(self, swp_type: int, offset: int) -> int:
        """A swap-type entry."""
        raise NotImplementedError

    def swp_type(self, value: int) -> int:
        """Type of a swap-type entry."""
        raise NotImplementedError

    def swp_offset(self, value: int) -> int:
        """Offset of a swap-type entry."""
        raise NotImplementedError

    def migration_mkread(self, value: int) -> int:
        """A migration entry that gives no right to write; whether the page is exclusive stays."""
        if self.swp_type(value) != SWP_MIGRATION_WRITE:
            return value
        return self.swp_entry(SWP_MIGRATION_READ_EXCLUSIVE, self.swp_offset(value)) | value & self.SWP_UFFD_WP

    def pte_swp_mkexclusive(self, value: int) -> int:
        """The page that was swapped out belongs to this process alone."""
        return value | self.SWP_EXCLUSIVE

    def pte_swp_clear_exclusive(self, value: int) -> int:
        """It no longer does."""
        return value & ~self.SWP_EXCLUSIVE

    def pte_swp_exclusive(self, value: int) -> bool:
        """Does it?"""
        return bool(value & self.SWP_EXCLUSIVE)

    def pte_swp_mkuffd_wp(self, value: int) -> int:
        """A swap-type entry whose page is write-protected by userfaultfd."""
        return value | self.SWP_UFFD_WP

    def pte_swp_uffd_wp(self, value: int) -> bool:
        """Is it?"""
        return bool(value & self.SWP_UFFD_WP)

    def pte_mkwrite(self, value: int) -> int:
        """Writable."""
        return value | self.WRITE

    def pte_mkdirty(self, value: int) -> int:
        """Dirty."""
        return value | self.DIRTY

    def pte_wrprotect(self, value: int) -> int:
        """Not writable."""
        return value & ~self.WRITE

    def pte_mkyoung(self, value: int) -> int:
        """Accessed."""
        return value | self.ACCESSED

    def pte_mkold(self, value: int) -> int:
        """Not accessed."""
        return value & ~self.ACCESSED

    def pte_mkclean(self, value: int) -> int:
        """Not dirty."""
        raise NotImplementedError

    def pte_dirty(self, value: int) -> bool:
        """Dirty, in hardware or in software."""
        raise NotImplementedError

    def pte_young(self, value: int) -> bool:
        """Accessed."""
        return bool(value & self.ACCESSED)

    def pte_modify(self, value: int, prot: int) -> int:
        """Another protection for the same page: what it has seen (accessed, dirty, uffd-wp) stays."""
        return value & ~self.PROT | prot & self.PROT

    def pte_mkspecial(self, value: int) -> int:
        """No struct page behind it, as for the zero page."""
        return value | self.SPECIAL

    def pte_mkuffd_wp(self, value: int) -> int:
        """Write-protected by userfaultfd; not writable."""
        return self.pte_wrprotect(value | self.UFFD_WP)

    def pte_clear_uffd_wp(self, value: int) -> int:
        """No longer write-protected by userfaultfd."""
        return value & ~self.UFFD_WP

    def pte_uffd_wp(self, value: int) -> bool:
        """Is it write-protected by userfaultfd?"""
        return bool(value & self.UFFD_WP)

    def pfn_pte(self, pfn: int, prot: int) -> int:
        """An entry that maps one page."""
        return pfn << self.page_shift | prot

    def pte_pfn(self, value: int) -> int:
        """The page that a present entry maps."""
        return (value & self.pfn_mask) >> self.page_shift

    def pte_present(self, value: int) -> bool:
        """Present: to the hardware, or to the kernel alone (PROT_NONE)."""
        return bool(value & (self.PRESENT | self.PROTNONE))

    def hw_present(self, value: int) -> bool:
        """Present to the hardware."""
        return bool(value & self.PRESENT)

    def pte_write(self, value: int) -> bool:
        """Writable."""
        return bool(value & self.WRITE)

    def pmd_mkhuge(self, value: int) -> int:
        """A leaf at the PMD level, from the entry of a page."""
        return value | self.LEAF

    def table_entry(self, pfn: int) -> int:
        """An entry that points to a table."""
        return pfn << self.page_shift | self.TABLE

    def pte_kind(self, value: int) -> str:
        """``none``, ``page``, ``zero``, ``marker``, ``migration`` or ``swap``."""
        if not value:
            return "none"
        if self.pte_present(value):
            return "zero" if self.pte_pfn(value) == ZERO_PFN else "page"
        kind = self.swp_type(value)
        if kind == SWP_PTE_MARKER:
            return "marker"
        return "migration" if SWP_MIGRATION_READ <= kind <= SWP_MIGRATION_WRITE else "swap"

    def pmd_kind(self, value: int) -> str:
        """``none``, ``table``, ``leaf`` or ``migration``, of any level above the PTEs."""
        if not value:
            return "none"
        if not self.pte_present(value):
            return "migration"
        return "leaf" if self.is_leaf(value) else "table"

    def is_leaf(self, value: int) -> bool:
        """Does a present entry above the PTE level map memory itself?"""
        return bool(value & self.LEAF)

    def bit_names(self, value: int) -> tuple[str, ...]:
        """Names of the set bits of a present entry, highest first."""
        hidden = 0 if value & self.PRESENT else self.PROTNONE
        return tuple("PROT_NONE" if hidden >> bit & 1 else name for bit, name in self.bits if value >> bit & 1)


class X86(Arch):
    """x86-64, four levels."""

    PRESENT, RW, USER, ACCESSED, _D, PSE = 1, 2, 4, 1 << 5, 1 << 6, 1 << 7
    WRITE = RW
    SOFT_DIRTY = 1 << 11
    DIRTY = _D | SOFT_DIRTY
    """pte_mkdirty sets soft-dirty as well."""
    SPECIAL, UFFD_WP, LEAF, TABLE, NX = 1 << 9, 1 << 10, PSE, 0x67, 1 << 63
    PROTNONE = 1 << 8
    SWP_UFFD_WP, SWP_EXCLUSIVE = USER, 1 << 3
    """The places of USER and PWT."""
    PROT = PRESENT | RW | USER | PROTNONE | NX
    bits = (
        (63, "NX"), (58, "DEVMAP"), (11, "SOFT_DIRTY"), (10, "UFFD_WP"), (9, "SPECIAL"), (8, "GLOBAL"), (7, "PSE"),
        (6, "DIRTY"), (5, "ACCESSED"), (4, "PCD"), (3, "PWT"), (2, "USER"), (1, "RW"), (0, "PRESENT"),
    )  # fmt: skip

    def vm_page_prot(self, vm_flags: int) -> int:
        """PAGE_COPY, PAGE_READONLY and their EXEC forms; PAGE_NONE (whose inversion of the pfn is left out)."""
        if not vm_flags & VM_ACCESS_FLAGS:
            return self.PROTNONE | self.ACCESSED
        return self.PRESENT | self.USER | self.ACCESSED | (0 if vm_flags & VM_EXEC else self.NX)

    def pte_mkclean(self, value: int) -> int:
        """Soft-dirty stays."""
        return value & ~self._D

    def pte_dirty(self, value: int) -> bool:
        """The hardware's bit."""
        return bool(value & self._D)

    def swp_entry(self, swp_type: int, offset: int) -> int:
        """Type in bits 59-63, offset inverted in bits 9-58."""
        return ((~offset << 14) & M64) >> 5 | swp_type << 59

    def swp_type(self, value: int) -> int:
        """Bits 59-63."""
        return value >> 59

    def swp_offset(self, value: int) -> int:
        """Bits 9-58, inverted."""
        return (~value << 5 & M64) >> 14


class Arm64(Arch):
    """arm64; ``WRITE`` is DBM, and a page is written without a fault once RDONLY is clear."""

    PRESENT, USER, RDONLY, ACCESSED, NG = 1, 1 << 6, 1 << 7, 1 << 10, 1 << 11
    WRITE, PXN, UXN, DIRTY, SPECIAL, UFFD_WP = 1 << 51, 1 << 53, 1 << 54, 1 << 55, 1 << 56, 1 << 58
    TABLE = 3 | 1 << 59
    """A user's table carries PXNTable (arch/arm64/include/asm/pgalloc.h)."""
    LEAF = 0
    PROTNONE = 1 << 59
    """PTE_PRESENT_INVALID where 6.10 has it (bit 58 in 6.5, bit 11 in 6.12)."""
    SWP_EXCLUSIVE, SWP_UFFD_WP = 1 << 2, UFFD_WP
    """The kernel (6.10 on) keeps the second in bit 3, with type and offset higher up."""
    PROT = PRESENT | USER | RDONLY | WRITE | PXN | UXN | PROTNONE
    bits = (
        (59, "PXNTable"), (58, "UFFD_WP"), (56, "SPECIAL"), (55, "DIRTY"), (54, "UXN"), (53, "PXN"), (52, "CONT"),
        (51, "DBM"), (11, "nG"), (10, "AF"), (9, "SH1"), (8, "SH0"), (7, "RDONLY"), (6, "USER"),
        (1, "TABLE"), (0, "VALID"),
    )  # fmt: skip

    def vm_page_prot(self, vm_flags: int) -> int:
        """PAGE_READONLY and PAGE_READONLY_EXEC: inner shareable, normal memory; PAGE_NONE."""
        base = 3 | self.USER | self.RDONLY | 3 << 8 | self.ACCESSED | self.NG | self.PXN
        if not vm_flags & VM_ACCESS_FLAGS:
            return base & ~(self.PRESENT | self.USER) | self.PROTNONE | self.UXN
        return base if vm_flags & VM_EXEC else base | self.UXN

    def pte_mkwrite(self, value: int) -> int:
        """Set DBM, clear RDONLY."""
        return (value | self.WRITE) & ~self.RDONLY

    def pte_mkdirty(self, value: int) -> int:
        """Software dirty; a writable entry loses RDONLY."""
        value |= self.DIRTY
        return value & ~self.RDONLY if value & self.WRITE else value

    def pte_wrprotect(self, value: int) -> int:
        """Clear DBM, set RDONLY; what the hardware had marked dirty is dirty in software from now on."""
        if value & self.WRITE and not value & self.RDONLY:
            value |= self.DIRTY
        return value & ~self.WRITE | self.RDONLY

    def pte_mkclean(self, value: int) -> int:
        """Clear DIRTY, set RDONLY: the next write is noticed."""
        return value & ~self.DIRTY | self.RDONLY

    def pte_dirty(self, value: int) -> bool:
        """DIRTY, or writable without RDONLY."""
        return bool(value & self.DIRTY) or bool(value & self.WRITE and not value & self.RDONLY)

    def pte_modify(self, value: int, prot: int) -> int:
        """Dirtiness of the hardware becomes that of the software, and back where the entry stays writable."""
        if self.pte_dirty(value):
            value |= self.DIRTY
        value = super().pte_modify(value, prot)
        return self.pte_mkdirty(value) if value & self.DIRTY else value

    def pmd_mkhuge(self, value: int) -> int:
        """A block entry: the TABLE bit cleared."""
        return value & ~2

    def is_leaf(self, value: int) -> bool:
        """A valid entry without the TABLE bit."""
        return not value & 2

    def swp_entry(self, swp_type: int, offset: int) -> int:
        """Type in bits 3-7, offset in bits 8-57."""
        return swp_type << 3 | (offset & (1 << 50) - 1) << 8

    def swp_type(self, value: int) -> int:
        """Bits 3-7."""
        return value >> 3 & 31

    def swp_offset(self, value: int) -> int:
        """Bits 8-57."""
        return value >> 8 & (1 << 50) - 1


def has_pt_reclaim(release: tuple[int, int], arch: Arch) -> bool:
    """Can a kernel of that release have CONFIG_PT_RECLAIM?  x86-64 from 6.14 on, arm64 from 7.0 on (mm/Kconfig)."""
    return release >= ((6, 14) if arch.name == "x86-64" else (7, 0))


def has_uffd_wp(release: tuple[int, int], arch: Arch) -> bool:
    """CONFIG_HAVE_ARCH_USERFAULTFD_WP: x86-64; arm64 from 6.10 on (arch/arm64/include/asm/pgtable.h)."""
    return release >= (6, 10) or arch.name == "x86-64"


ARCHES: dict[str, Arch] = {
    "x86-64": X86("x86-64", 12, 47, 10, -1),
    "arm64-4k": Arm64("arm64-4k", 12, 48, 10, 4),
    "arm64-16k": Arm64("arm64-16k", 14, 48, 11, 7),
    "arm64-64k": Arm64("arm64-64k", 16, 48, 13, 5),
}
"""By scenario name.  ``wants_pte_order`` is arch_wants_pte_order() of the series (-1: no wish)."""
