# SPDX-License-Identifier: GPL-2.0-only
"""Words for reason codes: why a decision went the way it did, in a line of plain text with its numbers."""

from __future__ import annotations

from typing import Any, Protocol

from kernelmodel.defs import VM_FLAG_NAMES, flag_names


class Shaped(Protocol):
    """What the words need of a stop besides its codes."""

    @property
    def order(self) -> int:
        """Order in question."""

    @property
    def more(self) -> tuple[tuple[str, Any], ...]:
        """Further operands."""


_REFUSAL = {
    "VM_NOHUGEPAGE": "the VMA has VM_NOHUGEPAGE",
    "prctl": "the process has huge pages disabled by prctl",
    "special-vma": "a special VMA (VM_NO_KHUGEPAGED) gets no huge page",
    "sysfs-never": "transparent_hugepage/enabled is never",
    "not-madvised": "enabled=madvise, and the VMA has no VM_HUGEPAGE",
    "temporary-stack": "a temporary stack gets no huge page",
    "unsupported": "the hardware has no huge pages",
    "prctl-except-advised": "prctl leaves huge pages to advised VMAs, and this one has no VM_HUGEPAGE",
    "size-never": "this size is enabled for nobody",
    "size-not-madvised": "this size is enabled for madvise, and the VMA has no VM_HUGEPAGE",
}
_PMD = {
    "pmd-none": "the PMD is none",
    "pmd-leaf": "the PMD is a huge-page leaf",
    "pmd-migration": "the PMD is a migration entry",
}
_FALLBACK = {
    "policy": "policy offers no large order",
    "uffd": "userfaultfd asks for single pages",
    "vma-bounds": "no order's range lies inside the VMA",
    "pte-range": "every range that fits has a populated PTE",
    "alloc": "no order that was left could be allocated",
    "deferred": "the deferred-split lists could not be allocated",
    "warn": "there is no page table to look at",
}
_PLAIN = {
    "no-zone": "no zone could serve the request",
    "pt-reclaim": "the zap covered the whole table (PT_RECLAIM)",
    "no-such-file": "this kernel has no such file",
    "pinned": "something else than PTEs holds it",
    "remote-node": "this node has none: from another node",
    "marker": "the PTE is a uffd-wp marker",
    "armed": "the VMA is armed for userfaultfd",
    "unknown-marker": "a marker with no bit that this release knows",
    "pte-null": "pte_offset_map() gave NULL",
    "no-vma": "no VMA holds the address",
    "access-error": "the VMA does not permit the access",
    "endless-refault": "the access faults for ever",
    "uninitialised": "addr is used before it is set: goto setpte enters the loop body, and a read never assigned it",
    "refault": "nothing is mapped that would do: the access is run again and faults again",
    "mm-has-it": "this mm holds a reference already",
    "memcg-has-it": "the memcg has its lists already",
    "anon-exclusive": "the page belongs to this process alone",
    "zero-page": "the zero page is mapped",
    "shared": "the page is shared",
    "only-reference": "nobody else has a reference to the folio",
    "locked": "somebody has the folio locked",
    "freed": "it was freed meanwhile",
    "mapped": "it is still mapped",
    "held": "somebody else has a reference",
    "dirty": "it was written to after MADV_FREE",
    "old": "the old folio again",
    "new": "the new folio",
    "mapped-here-only": "every reference to the folio is a mapping of this process",
    "mapped-shared": "the folio counts as mapped by more than one process",
    "large-folio": "a page of a large folio is always copied",
    "last-page": "one page of the large folio is left: it is copied, so that the folio can go",
    "folio-split": "a large folio is split into its pages first",
    "part-of-leaf": "only a part of the huge page is meant",
    "migrating": "it is under migration",
    "exists": "something is mapped there",
    "protect": "write protection by a monitor begins",
    "resolve": "write protection by a monitor ends",
    "VM_LOCKED": "the VMA is locked",
    "VM_PFNMAP": "the VMA has VM_PFNMAP",
    "VM_IO": "the VMA has VM_IO",
    "dontcopy": "VM_DONTCOPY: the child does without",
    "no-anon-vma": "no anon_vma: no page table is copied, the child's faults fill its own",
    "huge-zero-page": "the huge zero page is mapped",
    "table": "a table is there",
    "leaf": "a leaf is there: nothing to do",
    "migration": "a migration entry is there: nothing to do",
    "is-there": "it is allocated already",
    "mmap-locked": "someone holds the mmap_lock for writing",
    "never-touched": "nothing was ever mapped in the VMA: it has no anon_vma",
}
_SCAN = {
    "SCAN_FAIL": "the PMD entry is another one now",
    "SCAN_PMD_NULL": "there is no page table",
    "SCAN_PMD_NONE": "the PMD is none",
    "SCAN_NO_PTE_TABLE": "there is no page table",
    "SCAN_PMD_MAPPED": "the PMD maps a huge page",
    "SCAN_EXCEED_NONE_PTE": "more PTEs are none than max_ptes_none allows, or a monitor wants to hear of them",
    "SCAN_EXCEED_SWAP_PTE": "more PTEs are in swap than max_ptes_swap allows",
    "SCAN_EXCEED_SHARED_PTE": "more pages are shared than max_ptes_shared allows",
    "SCAN_PTE_NON_PRESENT": "the PTE is not present",
    "SCAN_PTE_UFFD_WP": "a monitor has write-protected the page",
    "SCAN_PAGE_RO": "no PTE is writable",
    "SCAN_LACK_REFERENCED_PAGE": "too few of the pages were used lately",
    "SCAN_PAGE_LAZYFREE": "MADV_FREE gave the page away",
    "SCAN_ANY_PROCESS": "the process has exited, or wants no huge pages",
    "SCAN_VMA_NULL": "there is no VMA",
    "SCAN_ADDRESS_RANGE": "the range leaves the VMA",
    "SCAN_PAGE_COUNT": "something else than PTEs holds the page",
    "SCAN_PAGE_LRU": "the page is not on an LRU list",
    "SCAN_DEL_PAGE_LRU": "someone else has taken the page off the LRU",
    "SCAN_PAGE_LOCK": "the page is locked",
    "SCAN_ALLOC_HUGE_PAGE_FAIL": "there is no huge page to be had",
    "SCAN_CGROUP_CHARGE_FAIL": "the huge page could not be charged",
}
"""Results of khugepaged."""


def why(kind: str, outcome: str, reason: str, arg: int, shape: Shaped, addr: int) -> str:
    """A sentence without a full stop, '' where there is nothing to explain."""
    more = dict(shape.more)
    match reason:
        case "below-vm_start":
            return f"range starts {arg:#x} below vm_start"
        case "above-vm_end":
            return f"range ends {arg:#x} above vm_end"
        case "populated":
            kinds = {
                "zero": " (zero page)",
                "marker": " (marker)",
                "swap": " (swap entry)",
                "migration": " (migration entry)",
            }
            return f"pte {arg:#05x} is populated{kinds.get(str(more.get('found', '')), '')}"
        case "watermark":
            usable = arg - (1 << 64) if arg >> 63 else arg
            return f"watermark: {usable} pages would be left, not above min"
        case "no-block":
            largest = arg - (1 << 64) if arg >> 63 else arg
            return f"no free block of order {shape.order} or more" + (
                f", the largest is order {largest}" if largest >= 0 else ", nothing is free"
            )
        case "migratetype":
            return f"no block of order {shape.order} or more on the lists of the request's migratetype"
        case "nofragment":
            return f"only a block of another type, of order {arg}, and ALLOC_NOFRAGMENT forbids to take it"
        case "reserve":
            return "enough is free, but kept for others"
        case "moved" | "spent" | "busy" | "free" | "fragindex" | "deferred" | "no-io":
            return compaction(reason, arg)
        case "memcg-limit":
            return f"the charge would exceed memory.max by {arg} pages"
        case "memcg-reclaim":
            return f"{_pages(arg)} of others in the memcg are reclaimed first"
        case "memcg-oom-kill":
            return f"the memcg's OOM killer frees {_pages(arg)} first"
        case "oom":
            return "reclaim and compaction are at their end: the OOM killer would be called"
        case "references":
            return f"the large folio has {arg} references"
        case "forced":
            return "not nature's answer"
        case "":
            return _told(kind, outcome, arg, shape)
    if kind == "step-down":
        return f"order {more['from']} rejected ({reason}), order {more['to']} is next"
    if kind == "fallback":
        return _FALLBACK.get(reason, reason)
    return _REFUSAL.get(reason) or _PMD.get(reason) or _PLAIN.get(reason) or reason


def compaction(reason: str, arg: int = 0) -> str:
    """Why compaction ended, by the code of Result in mm/compaction.py."""
    match reason:
        case "free":
            return "the watermark test passes: nothing to do"
        case "watermark":
            return f"{_pages(arg)} free: too few to move others to"
        case "fragindex":
            return f"index {arg / 1000:.3f}: short of memory rather than in pieces"
        case "deferred":
            return f"it failed lately: one attempt in {arg} is made"
        case "moved":
            return f"{_pages(arg)} moved"
        case "spent":
            return f"{_pages(arg)} moved, then it had to give up the CPU"
        case "busy":
            return "what it wanted to move was busy"
        case "no-io":
            return "the mask has no __GFP_IO"
    return reason


def _told(kind: str, outcome: str, arg: int, shape: Shaped) -> str:
    more = dict(shape.more)
    if "nr" in more and kind in ("install", "zap-folio", "madvise-free"):
        pages = _pages(more["nr"])
        if kind == "install":
            return f"{pages} mapped"
        if kind == "zap-folio" and outcome == "partial":
            return f"{pages} of {1 << shape.order} lost, the folio stays until the last one goes"
        return f"{pages} lost" if kind == "zap-folio" else pages
    if kind == "zap-pmd" and outcome == "table":
        return f"{arg} entr{'y' if arg == 1 else 'ies'} to clear"
    if kind == "reclaim":
        return f"{_pages(arg)} freed" if arg else "nothing can be freed"
    if kind == "free-pgtables":
        return f"{arg} table{'' if arg == 1 else 's'}" if arg else "every table is still needed"
    if kind.endswith(("-vma", "register")) and outcome in ("flags", "same", "new"):
        return "|".join(flag_names(arg, VM_FLAG_NAMES)) or "0"
    if kind == "uffd-wake":
        return f"whoever waits for one of {arg:#x} bytes"
    if kind == "uffd-move":
        return f"to {more['to']}"
    if kind == "mremap-move":
        return f"{arg:#x} bytes, to {more['to']}"
    if kind.startswith("collapse-"):
        return _SCAN.get(outcome, "")
    if kind == "reap-vma":
        return f"{arg:#x} bytes"
    if kind == "shrink-count":
        return f"{arg} reference{'' if arg == 1 else 's'}"
    if kind == "retry":
        return f"a neighbour was set: order {more['from']} is dropped, order {more['to']} is estimated at once"
    return ""


def _pages(nr: int) -> str:
    return f"{nr} page{'' if nr == 1 else 's'}"
