# SPDX-License-Identifier: GPL-2.0-only
"""Constants and flags, spelled as in the kernel (values: Linux 6.5, 64 bit)."""

from __future__ import annotations

PAGE_ALLOC_COSTLY_ORDER = 3

EPERM, ENOENT, EAGAIN, ENOMEM, EFAULT, EBUSY, EEXIST, EINVAL = 1, 2, 11, 12, 14, 16, 17, 22
ERRNO_NAMES = {
    EPERM: "-EPERM", ENOENT: "-ENOENT", EAGAIN: "-EAGAIN", ENOMEM: "-ENOMEM", EFAULT: "-EFAULT", EBUSY: "-EBUSY",
    EEXIST: "-EEXIST", EINVAL: "-EINVAL",
}  # fmt: skip

# --- struct vm_fault (include/linux/mm_types.h) -------------------------------------------------
FAULT_FLAG_WRITE = 1 << 0
FAULT_FLAG_ALLOW_RETRY = 1 << 2
FAULT_FLAG_KILLABLE = 1 << 4
FAULT_FLAG_TRIED = 1 << 5
FAULT_FLAG_USER = 1 << 6
FAULT_FLAG_INTERRUPTIBLE = 1 << 9
FAULT_FLAG_UNSHARE = 1 << 10
FAULT_FLAG_ORIG_PTE_VALID = 1 << 11
FAULT_FLAG_VMA_LOCK = 1 << 12
FAULT_FLAG_DEFAULT = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE | FAULT_FLAG_INTERRUPTIBLE

VM_FAULT_OOM = 0x000001
VM_FAULT_SIGBUS = 0x000002
VM_FAULT_MAJOR = 0x000004
VM_FAULT_HWPOISON = 0x000010
VM_FAULT_SIGSEGV = 0x000040
VM_FAULT_NOPAGE = 0x000100
VM_FAULT_LOCKED = 0x000200
VM_FAULT_RETRY = 0x000400
VM_FAULT_FALLBACK = 0x000800
VM_FAULT_ERROR = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_HWPOISON | VM_FAULT_SIGSEGV | VM_FAULT_FALLBACK

# --- VMA flags (include/linux/mm.h) -------------------------------------------------------------
VM_READ = 0x00000001
VM_WRITE = 0x00000002
VM_EXEC = 0x00000004
VM_SHARED = 0x00000008
VM_MAYREAD = 0x00000010
VM_MAYWRITE = 0x00000020
VM_MAYEXEC = 0x00000040
VM_GROWSDOWN = 0x00000100
VM_UFFD_MISSING = 0x00000200
VM_PFNMAP = 0x00000400
VM_UFFD_WP = 0x00001000
VM_LOCKED = 0x00002000
VM_IO = 0x00004000
VM_SEQ_READ = 0x00008000
VM_RAND_READ = 0x00010000
VM_DONTCOPY = 0x00020000
VM_DONTEXPAND = 0x00040000
VM_ACCOUNT = 0x00100000
VM_NORESERVE = 0x00200000
VM_HUGETLB = 0x00400000
VM_SOFTDIRTY = 0x08000000
VM_MIXEDMAP = 0x10000000
VM_HUGEPAGE = 0x20000000
VM_NOHUGEPAGE = 0x40000000
VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP
VM_NO_KHUGEPAGED = VM_SPECIAL | VM_HUGETLB
VM_STACK_INCOMPLETE_SETUP = VM_RAND_READ | VM_SEQ_READ
VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC

# --- gfp (include/linux/gfp_types.h) ------------------------------------------------------------
GFP_BITS = {
    "__GFP_DMA": 0x1, "__GFP_HIGHMEM": 0x2, "__GFP_DMA32": 0x4, "__GFP_MOVABLE": 0x8, "__GFP_RECLAIMABLE": 0x10,
    "__GFP_HIGH": 0x20, "__GFP_IO": 0x40, "__GFP_FS": 0x80, "__GFP_ZERO": 0x100, "__GFP_DIRECT_RECLAIM": 0x400,
    "__GFP_KSWAPD_RECLAIM": 0x800, "__GFP_WRITE": 0x1000, "__GFP_NOWARN": 0x2000, "__GFP_RETRY_MAYFAIL": 0x4000,
    "__GFP_NOFAIL": 0x8000, "__GFP_NORETRY": 0x10000, "__GFP_MEMALLOC": 0x20000, "__GFP_COMP": 0x40000,
    "__GFP_NOMEMALLOC": 0x80000, "__GFP_HARDWALL": 0x100000, "__GFP_THISNODE": 0x200000, "__GFP_ACCOUNT": 0x400000,
    "__GFP_ZEROTAGS": 0x800000,
}  # fmt: skip
"""The same numbers in 6.5 to 7.1, for a kernel without CONFIG_KASAN_HW_TAGS and lockdep."""
__GFP_DMA, __GFP_HIGHMEM, __GFP_DMA32, __GFP_MOVABLE, __GFP_RECLAIMABLE = 0x1, 0x2, 0x4, 0x8, 0x10
__GFP_HIGH = 0x20
__GFP_IO = 0x40
__GFP_FS = 0x80
__GFP_ZERO = 0x100
__GFP_DIRECT_RECLAIM = 0x400
__GFP_KSWAPD_RECLAIM = 0x800
__GFP_NOWARN = 0x2000
__GFP_RETRY_MAYFAIL = 0x4000
__GFP_NOFAIL = 0x8000
__GFP_NORETRY = 0x10000
__GFP_MEMALLOC = 0x20000
__GFP_COMP = 0x40000
__GFP_NOMEMALLOC = 0x80000
__GFP_THISNODE = 0x200000
GFP_KERNEL = 0xCC0
GFP_HIGHUSER_MOVABLE = 0x100CCA
GFP_TRANSHUGE_LIGHT = (GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~(
    __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM
)
GFP_TRANSHUGE = GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM
GFP_NAMES = {
    GFP_TRANSHUGE: "GFP_TRANSHUGE",
    GFP_TRANSHUGE_LIGHT: "GFP_TRANSHUGE_LIGHT",
    GFP_HIGHUSER_MOVABLE: "GFP_HIGHUSER_MOVABLE",
    0x100CC2: "GFP_HIGHUSER",
    0x100CC0: "GFP_USER",
    0x400CC0: "GFP_KERNEL_ACCOUNT",
    GFP_KERNEL: "GFP_KERNEL",
    0xC40: "GFP_NOFS",
    0xC00: "GFP_NOIO",
    0x820: "GFP_ATOMIC",
}
"""Compound masks by value, for display; what is not one of these is shown bit by bit."""

# --- migratetypes, watermarks (include/linux/mmzone.h) ------------------------------------------
MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA, MIGRATE_ISOLATE = range(6)
MIGRATE_TYPES = 6
MIGRATE_PCPTYPES = 3
MIGRATE_NAMES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate")
"""As /proc/pagetypeinfo spells them."""
WMARK_MIN, WMARK_LOW, WMARK_HIGH, WMARK_PROMO = range(4)
ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE = range(4)
ZONE_NAMES = ("DMA", "DMA32", "Normal", "Movable")
MAX_NR_ZONES = 4
PAGE_ALLOC_COSTLY_ORDER = 3
ZONE_BOOSTED_WATERMARK, ZONE_RECLAIM_ACTIVE, ZONE_BELOW_HIGH = 1, 2, 4
"""Bits of zone->flags (the numbers are the model's own)."""
ZONE_FLAG_NAMES = {
    ZONE_BOOSTED_WATERMARK: "ZONE_BOOSTED_WATERMARK", ZONE_RECLAIM_ACTIVE: "ZONE_RECLAIM_ACTIVE",
    ZONE_BELOW_HIGH: "ZONE_BELOW_HIGH",
}  # fmt: skip

# --- alloc flags (mm/internal.h of 6.5) ----------------------------------------------------------
ALLOC_WMARK_MASK = 0x3
ALLOC_NO_WATERMARKS, ALLOC_OOM, ALLOC_NON_BLOCK, ALLOC_MIN_RESERVE, ALLOC_CPUSET = 0x4, 0x8, 0x10, 0x20, 0x40
ALLOC_CMA, ALLOC_NOFRAGMENT, ALLOC_HIGHATOMIC, ALLOC_KSWAPD = 0x80, 0x100, 0x200, 0x800
ALLOC_RESERVES = ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM
ALLOC_NAMES = {
    ALLOC_NO_WATERMARKS: "ALLOC_NO_WATERMARKS", ALLOC_OOM: "ALLOC_OOM", ALLOC_NON_BLOCK: "ALLOC_NON_BLOCK",
    ALLOC_MIN_RESERVE: "ALLOC_MIN_RESERVE", ALLOC_CPUSET: "ALLOC_CPUSET", ALLOC_CMA: "ALLOC_CMA",
    ALLOC_NOFRAGMENT: "ALLOC_NOFRAGMENT", ALLOC_HIGHATOMIC: "ALLOC_HIGHATOMIC", ALLOC_KSWAPD: "ALLOC_KSWAPD",
}  # fmt: skip

# --- what pages that no modelled process has are used for (the model's own) ------------------------
BG_NONE, BG_UNMOVABLE, BG_SLAB, BG_ANON, BG_FILE, BG_PINNED = range(6)
BG_NAMES = ("unknown", "unmovable", "slab", "anonymous", "file", "pinned")
"""Unknown (as good as unmovable); kernel memory; reclaimable slab; anonymous and movable; clean page cache, movable
and reclaimable; on the LRU but pinned, so that migration fails."""
BG_MOVABLE = (BG_ANON, BG_FILE)

# --- page flags that the model keeps (bit numbers are the model's own) ---------------------------
PG_uptodate = 1 << 1
PG_dirty = 1 << 2
PG_lru = 1 << 3
PG_swapbacked = 1 << 4
PG_anon_exclusive = 1 << 5
PG_locked = 1 << 6
PG_partially_mapped = 1 << 7
"""On the deferred split queue: PG_partially_mapped from 6.12 on, a list entry before."""
PAGE_FLAG_NAMES = {
    PG_uptodate: "uptodate", PG_dirty: "dirty", PG_lru: "lru", PG_swapbacked: "swapbacked",
    PG_anon_exclusive: "anon_exclusive", PG_locked: "locked", PG_partially_mapped: "partially_mapped",
}  # fmt: skip

# --- system calls (include/uapi/asm-generic/mman-common.h, linux/mman.h, linux/prctl.h) -------------
MADVICE = (
    "MADV_HUGEPAGE", "MADV_NOHUGEPAGE", "MADV_DONTNEED", "MADV_FREE", "MADV_COLLAPSE", "MADV_POPULATE_READ",
    "MADV_POPULATE_WRITE", "MADV_NORMAL", "MADV_RANDOM", "MADV_SEQUENTIAL", "MADV_DONTFORK", "MADV_DOFORK",
)  # fmt: skip
"""Advice that the model knows."""
MAP_FLAGS = ("MAP_STACK", "MAP_POPULATE", "MAP_GROWSDOWN", "MAP_NORESERVE", "MAP_LOCKED", "MAP_FIXED_NOREPLACE")
MREMAP_FLAGS = ("MREMAP_MAYMOVE", "MREMAP_FIXED", "MREMAP_DONTUNMAP")

# --- mm flags (include/linux/sched/coredump.h) ----------------------------------------------------
MMF_UNSTABLE = 1 << 22
MMF_HUGE_ZERO_PAGE = 1 << 23
MMF_DISABLE_THP = 1 << 24
"""From 6.18 on MMF_DISABLE_THP_COMPLETELY."""
MMF_DISABLE_THP_EXCEPT_ADVISED = 1 << 25
"""6.18."""

# --- counters ---------------------------------------------------------------------------------------
MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES = range(4)
NR_MM_COUNTERS = 4
VM_EVENTS = (
    "pgfault", "pgmajfault", "thp_fault_alloc", "thp_fault_fallback", "thp_fault_fallback_charge", "thp_split_pmd",
    "thp_zero_page_alloc", "thp_zero_page_alloc_failed", "thp_deferred_split_page",
    "thp_split_page", "thp_split_page_failed", "thp_collapse_alloc", "thp_collapse_alloc_failed",
    "thp_scan_exceed_none_pte", "thp_scan_exceed_swap_pte", "thp_scan_exceed_share_pte",
    "compact_stall", "compact_fail", "compact_success",
)  # fmt: skip
"""Names as in /proc/vmstat."""
PGFAULT, PGMAJFAULT, THP_FAULT_ALLOC, THP_FAULT_FALLBACK, THP_FAULT_FALLBACK_CHARGE, THP_SPLIT_PMD = range(6)
THP_ZERO_PAGE_ALLOC, THP_ZERO_PAGE_ALLOC_FAILED, THP_DEFERRED_SPLIT_PAGE = 6, 7, 8
THP_SPLIT_PAGE, THP_SPLIT_PAGE_FAILED, THP_COLLAPSE_ALLOC, THP_COLLAPSE_ALLOC_FAILED = 9, 10, 11, 12
THP_SCAN_EXCEED_NONE_PTE, THP_SCAN_EXCEED_SWAP_PTE, THP_SCAN_EXCEED_SHARED_PTE = 13, 14, 15
COMPACTSTALL, COMPACTFAIL, COMPACTSUCCESS = 16, 17, 18
MTHP_ITEMS = (
    "anon_fault_alloc", "anon_fault_fallback", "anon_fault_fallback_charge", "split_deferred", "nr_anon",
    "nr_anon_partially_mapped", "split", "split_failed",
)  # fmt: skip
"""Files under hugepages-<size>kB/stats, in the order of ``Machine.mthp_stat``; ``MTHP_SINCE`` tells since when."""
(
    MTHP_STAT_ANON_FAULT_ALLOC, MTHP_STAT_ANON_FAULT_FALLBACK, MTHP_STAT_ANON_FAULT_FALLBACK_CHARGE,
    MTHP_STAT_SPLIT_DEFERRED, MTHP_STAT_NR_ANON, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED, MTHP_STAT_SPLIT,
    MTHP_STAT_SPLIT_FAILED,
) = range(8)  # fmt: skip
MTHP_SINCE = ((6, 10), (6, 10), (6, 10), (6, 11), (6, 12), (6, 12), (6, 11), (6, 11))
"""Release in which each file is there first."""
NODE_STATS = ("nr_anon_pages", "nr_anon_transparent_hugepages")
NR_ANON_MAPPED, NR_ANON_THPS = range(2)

RMAP_EXCLUSIVE = 1
COMPOUND_MAPPED = 0x800000


def result_name(ret: int) -> str:
    """``VM_FAULT_OOM`` for 1, ``0`` for 0, joined by ``|`` where several bits stand."""
    return "|".join(name for name, bit in VM_FAULT_BITS.items() if ret & bit) or "0"


def call_result(ret: int) -> str:
    """What a system call returned: ``0``, ``-EINVAL``, ``0x7f0000000000``."""
    return hex(ret) if ret > 0 else ERRNO_NAMES.get(-ret, str(ret))


def flag_names(value: int, names: dict[int, str]) -> tuple[str, ...]:
    """Names of the set bits, lowest first."""
    return tuple(name for bit, name in names.items() if value & bit)


def gfp_names(gfp: int) -> tuple[str, ...]:
    """A compound mask by its name and what is added to it, else bit by bit."""
    base = max((mask for mask in GFP_NAMES if gfp & mask == mask), key=int.bit_count, default=0)
    rest = tuple(name for name, bit in GFP_BITS.items() if gfp & bit & ~base)
    return (GFP_NAMES[base], *rest) if base else rest


def parse_gfp(text: str) -> int:
    """The mask that ``GFP_TRANSHUGE|__GFP_NORETRY`` or ``0x1d24ca`` names.

    ValueError, with what is wrong: an unknown name, a bit that no release has, two of the bits that name a zone.
    """
    names = {name: mask for mask, name in GFP_NAMES.items()} | GFP_BITS
    gfp = 0
    for part in (each.strip() for each in text.split("|")):
        try:
            gfp |= names[part] if part in names else int(part, 0)
        except ValueError:
            raise ValueError(f"{part!r} is no gfp flag") from None
    if gfp & ~sum(GFP_BITS.values()):
        raise ValueError(f"{gfp & ~sum(GFP_BITS.values()):#x} is no gfp flag")
    if (gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)).bit_count() > 1:
        raise ValueError("only one of __GFP_DMA, __GFP_DMA32 and __GFP_HIGHMEM can be asked for")
    return gfp


VM_FAULT_BITS = {
    name: value
    for name, value in list(globals().items())
    if name.startswith("VM_FAULT_") and name.count("_") == 2 and name != "VM_FAULT_ERROR"
}
"""Results by name."""
VM_FLAG_NAMES = {
    value: name
    for name, value in list(globals().items())
    if name.startswith("VM_") and isinstance(value, int) and value.bit_count() == 1 and not name.startswith("VM_FAULT")
}
"""Single-bit VMA flags by value."""
