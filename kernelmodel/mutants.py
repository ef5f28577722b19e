# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: the model with one recheck or lock taken away, a known bug put back, or an answer that was proposed once.

A mutant acts at one place, inside a mechanism or an actor (``if "B2" in m.mutants``), or around a variant's function
(fault/mutants.py).  A bug's mutant is the buggy form; the model itself is the fixed one.
"""

from __future__ import annotations

from typing import NamedTuple

ALL: tuple[str, ...] = ()
"""``Mutant.variants`` of one that fits every variant."""


class Mutant(NamedTuple):
    """What is different, for whom, and who says so."""

    words: str
    """In a line."""
    variants: tuple[str, ...]
    """Ids of the variants that it is for; ``ALL``: every one."""
    source: str
    """Mail, commit or file and release."""


_SEED = ("v3", "v4")
_RECLAIM = ("6.14", "6.18", "7.0", "7.1", "7.2")
_MASKS = ("v8", "v7", "v9", "6.8", "6.9", "6.10", "6.11", "6.12", "6.13", *_RECLAIM)
_BEFORE_6_10 = ("6.5", "base65", "v1", "v2", "v3", "v3-off", "v4", "v5", "v6", *_MASKS[: _MASKS.index("6.10")])
_RCU = ("v6", *_MASKS)
_THREAD = "Re: [PATCH v3 3/4] mm: FLEXIBLE_THP for improved performance, 17 July 2023"

MUTANTS: dict[str, Mutant] = {
    "drop R1": Mutant(
        "pte_offset_map_lock() does not look at the PMD again once it has the lock",
        ALL, "mm/pgtable-generic.c, __pte_offset_map_lock()",
    ),
    "drop R2": Mutant(
        "under the lock nobody asks whether the PTEs are still none", ALL, "mm/memory.c, do_anonymous_page()",
    ),
    "R2 one PTE": Mutant(
        "under the lock a large folio looks at the first PTE of its range only", ALL,
        "mm/memory.c, do_anonymous_page(): pte_none() for pte_range_none()",
    ),
    "drop R3": Mutant(
        "a fault maps what the OOM reaper has already been at", ALL, "mm/memory.c, check_stable_address_space()",
    ),
    "R3 before PTL": Mutant(
        "MMF_UNSTABLE is tested before the lock is taken, not under it", ALL,
        "mm/memory.c, check_stable_address_space()",
    ),
    "drop R4": Mutant(
        "under the lock nobody asks whether a userfaultfd monitor must hear of the page first", ALL,
        "mm/memory.c, userfaultfd_missing()",
    ),
    "drop R5": Mutant(
        "under the PMD lock nobody asks whether the PMD is still none", ALL,
        "mm/memory.c, pmd_install(); mm/huge_memory.c, do_huge_pmd_anonymous_page()",
    ),
    "drop R6": Mutant(
        "under the lock nobody asks whether the PTE is still the one that the fault began with", ALL,
        "mm/memory.c, pte_same()",
    ),
    "drop R7": Mutant(
        "a VMA that was found and then locked is not looked at again: it may be write-locked, moved, or gone", ALL,
        "mm/mmap_lock.c, vma_start_read(), lock_vma_under_rcu()",
    ),
    "drop R8": Mutant(
        "an anon_vma is set although another fault has set one meanwhile", ALL, "mm/rmap.c, __anon_vma_prepare()",
    ),
    "skip vma_start_write": Mutant(
        "who changes a VMA holds the mmap_lock only and does not wait for faults under the VMA's own lock", ALL,
        "include/linux/mmap_lock.h, vma_start_write()",
    ),
    "drop RCU": Mutant(
        "mapping a PTE begins no RCU read section", _RCU, "mm/pgtable-generic.c, __pte_offset_map(), Linux 6.6",
    ),
    "B1": Mutant(
        "PT_RECLAIM trusts the zap although the lock was dropped in the middle of it", _RECLAIM,
        "f39edcf6349a (6.14-rc4), mm: pgtable: fix incorrect reclaim of non-empty PTE pages",
    ),
    "-EINVAL": Mutant(
        "where the PMD is no table any more alloc_anon_folio() gives -EINVAL, which its caller takes for no memory",
        _SEED, _THREAD,
    ),
    "BUG_ON": Mutant("where the PMD is no table any more alloc_anon_folio() has a BUG_ON", _SEED, _THREAD),
    "WARN": Mutant(
        "where the PMD is no table any more alloc_anon_folio() warns and takes one page", _SEED, _THREAD,
    ),
    "no test": Mutant(
        "alloc_anon_folio() uses what pte_offset_map() gives without a test", _SEED, _THREAD,
    ),
    "B2": Mutant(
        "khugepaged looks at the PMD before it write-locks the VMA, whose lock is all that MADV_DONTNEED holds",
        ("6.18", "7.0", "7.1", "7.2"),
        "366a4532d96f (6.17), mm: fix the race between collapse and PT_RECLAIM under per-vma lock",
    ),
    "B10": Mutant(
        "two faults read one slot past the swap cache, and neither keeps the other from freeing and reusing it",
        ("6.8", "v9", "6.9", "6.10", "6.11", "6.12", "6.13", "6.14", "6.18"),
        "13ddaf26be32 (6.8), mm/swap: fix race when skipping swapcache: every release up to 6.7 does it, so do the"
        " versions of the series up to v8; 7.0 always uses the swap cache",
    ),
    "B14": Mutant(
        "the shrinker and whoever allocates the huge zero page store folio, pfn and count without a lock", ALL,
        "CVE-2026-74632, mm/huge_memory: fix huge_zero_pfn race: every release up to 6.12.103, 6.18.44 and 7.1.8 does"
        " it, the model has the fix",
    ),
    "B21": Mutant(
        "khugepaged does not look for uffd-wp again in its second scan", ALL,
        "dd47ac428c3f (6.3), mm/khugepaged: check again on anon uffd-wp during isolation",
    ),
    "B3": Mutant(
        "a fault looks whether the VMA has an anon_vma before it locks the VMA", _BEFORE_6_10,
        "657b5146955e (6.5-rc), mm: lock_vma_under_rcu() must check vma->anon_vma under vma lock",
    ),
    "B4": Mutant(
        "a merge gives a VMA its neighbour's anon_vma before it locks the VMA", ALL,
        "d8ab9f7b644a (6.5-rc), mm: lock VMA in dup_anon_vma() before setting ->anon_vma",
    ),
    "B5": Mutant(
        "fork() does not lock the parent's VMAs: a page is copied that others still write to through their TLB", ALL,
        "fb49c455323f (6.5-rc1), fork: lock VMAs of the parent process when forking",
    ),
    "B8": Mutant(
        "a fault that has locked a VMA of another mm wakes the writer there without holding that mm",
        ("6.18", "7.0", "7.1", "7.2"),
        "9bbffee67ffd (6.17-rc1), mm: fix a UAF when vma->mm is freed after vma->vm_refcnt got dropped: 6.15 and 6.16"
        " do it",
    ),
    "B17": Mutant(
        "mremap() keeps the uffd-wp state although the new VMA is not registered",
        ("6.13", *_RECLAIM), "0cef0bb836e3 (6.13), mm: clear uffd-wp PTE/PMD state on mremap(): older ones do it",
    ),
    "B19": Mutant(
        "UFFDIO_MOVE takes a PMD migration entry that it must split for a folio",
        ("6.18", "7.0", "7.1", "7.2"), "aba6faec0103 (6.17), userfaultfd: fix a crash in UFFDIO_MOVE when PMD is a"
        " migration entry: 6.8 … 6.16 do it",
    ),
    "B20": Mutant(
        "alloc_anon_folio() takes the highest order without a look at the PTEs: a question, not a bug that was here",
        ("v3", "v4", "v5", "v6", *_MASKS),
        "34b82f33cf3f (6.14-rc), mm: fix finish_fault() handling for large folios: there the folio's size was given",
    ),
    "B31": Mutant(
        "userfaultfd_must_wait() asks a PTE that is not present whether it is writable", ALL,
        "userfaultfd: gate must_wait writability check on pte_present() (May 2026): every release here does it, the"
        " model has the fix",
    ),
    "B32": Mutant(
        "x86-64: mprotect() of a huge page forgets that it was written to", _MASKS,
        "f7491d7c81db (7.3-rc4), x86/mm: Fix user-space data loss with MADV_FREE and THP: 6.8 … 7.2 do it, the model"
        " has the fix",
    ),
}  # fmt: skip
"""Every mutant, by name."""


def spelled(variant: str, mutants: frozenset[str]) -> str:
    """A variant with its mutants, as the command line takes it: ``v3~drop R1``."""
    return "~".join((variant, *sorted(mutants)))


def taken_apart(text: str) -> tuple[str, frozenset[str]]:
    """And back: the variant and its mutants; ``+`` may stand for a blank, as in tokens."""
    variant, *names = text.split("~")
    return variant, frozenset(name.replace("+", " ") for name in names)


def misfit(name: str, variant: str | None) -> tuple[str, str] | None:
    """Message and hint if there is no such mutant, or if it is not for this variant (None: any)."""
    from kernelmodel.scenario.faults import nearest, show

    if name not in MUTANTS:
        return f"unknown mutant {show(name)}", nearest(name, MUTANTS, most=len(MUTANTS))
    fits = MUTANTS[name].variants
    if fits and variant is not None and variant not in fits:
        return f"{variant} has no mutant {show(name)}", f"it is for {', '.join(fits)}"
    return None
