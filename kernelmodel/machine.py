# SPDX-License-Identifier: GPL-2.0-only
"""Every lasting bit of state, in Fields: what is not here is a local of a suspended path.

Indices: pages by pfn, page-table entries by table * PTRS + index (a ``pte_t *`` is that number), VMAs, mms, zones and
CPUs by their numbers.  What never changes after boot (names, spans, the architecture) is plain Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kernelmodel.arch import Arch
from kernelmodel.defs import MAX_NR_ZONES, MIGRATE_MOVABLE, MIGRATE_TYPES, NR_MM_COUNTERS, ZONE_NORMAL
from kernelmodel.journal import Field, Journal
from kernelmodel.lists import Links

if TYPE_CHECKING:
    from kernelmodel.fault import Variant
    from kernelmodel.mm.untouched import Units
    from kernelmodel.mm.zonelist import Scope

VMA_BLOCK = 64
"""VMAs of one block of an mm's list (mm/vma_list.py)."""
MAX_BLOCKS = 1 << 12
"""Blocks of one mm."""
ALIVE, GONE = 1, 2
"""Values of ``Machine.mm_users``; 0: the process is not forked yet."""


class ZoneSpan(NamedTuple):
    """A zone, as it is from boot on: node, name, first pfn, end pfn (exclusive), and its numbers."""

    node: int
    name: str
    start: int
    end: int
    type: int = ZONE_NORMAL
    """enum zone_type: ZONE_DMA … ZONE_MOVABLE."""
    managed: int = 0
    """Pages that the allocator was given (zone_managed_pages())."""
    present: int = 0
    reserve: tuple[int, ...] = (0,) * MAX_NR_ZONES
    """lowmem_reserve[], in pages, by the highest zone that a request may use."""
    pcp_batch: int = 1
    pcp_high: tuple[int, int] = (0, 0)
    """(high_min, high_max) in pages; before 6.7 both are pcp->high."""
    boosts: bool = True
    """Do its watermarks follow the kernel's formulas, so that a steal boosts them?"""


class Machine:
    """The machine.  ``knobs`` are boot values that no one can change while it runs."""

    def __init__(self, arch: Arch, variant: Variant, knobs: dict[str, Any]) -> None:
        self.arch = arch
        self.variant = variant
        self.release: tuple[int, int] = variant.names.release
        """The release whose behaviour counts: (6, 12)."""
        self.knobs = knobs
        self.mutants: frozenset[str] = frozenset()
        """Names of ``mutants.MUTANTS`` that this model is."""
        self.zones: list[ZoneSpan] = []
        self.run_end: list[int] = []
        """Per zone: end (pfn) of the blocks that can stand untouched behind the frontier."""
        self.lone_blocks: list[tuple[int, int, int, int]] = []
        """Blocks that never merge with another: first pfn, end, distance from one to the next, order."""
        self.units: list[Units | None] = []
        """Per zone: how memory looks that no one has touched yet (mm/untouched.py); None if there is no such memory."""
        self.tried: dict[Any, Any] = {}
        """What was tried on a shadow of the machine, and in which state: no state itself (shadow.py)."""
        self.mixed = False
        """Are there free blocks or pageblocks of another type than movable?"""
        self.cma = False
        """Are there CMA pageblocks?"""
        self.pcp = False
        """Do the CPUs have page lists of their own (mm/pcp.py)?"""
        self.lru = False
        """Is there anything in the background that reclaim could free or compaction move?"""
        self.swap_free = False
        """Can anonymous pages of the background be swapped out?"""
        self.vma_names: list[str] = []
        """Every name that a VMA of the scenario can have; ``vma_name`` is an index into it."""
        self.vma_numbers: dict[str, int] = {}
        """The same by name."""
        self.mm_names: list[str] = ["main"]
        """Every process that the scenario names: those that are forked later too."""
        self.scopes: dict[tuple[int, int], Scope] = {}
        """Where requests look, by node and gfp mask (mm/zonelist.py); made when asked for."""
        self.cpu_nodes: list[int] = []
        """NUMA node of each CPU; CPUs beyond the list are on node 0."""
        self.this_cpu = 0
        """The CPU that is being driven (smp_processor_id()): set before a path is resumed, no state."""
        self.nr_cpus = 1
        self.vma_writers = False
        """Does any event of the scenario change VMAs, and is there another CPU to see it?"""
        self.orders = arch.max_order + 1
        journal = self.journal = Journal()

        def field(name: str, width: int, default: int = 0, **kind: Any) -> Field:
            return Field(journal, name, width, default, **kind)

        # struct page, by pfn
        self._refcount = field("_refcount", 4)
        self._mapcount = field("_mapcount", 4)
        """Number of PTEs that map the page (the kernel's counter starts at -1)."""
        self._entire_mapcount = field("_entire_mapcount", 4)
        self._nr_pages_mapped = field("_nr_pages_mapped", 4)
        self._large_mapcount = field("_large_mapcount", 4)
        self._mm_ids = field("_mm_ids", 4)
        self._mm_id_mapcount = field("_mm_id_mapcount", 4)
        """6.15 on, by a large folio's head: see mm/large_mapcount.py."""
        self.page_flags = field("page_flags", 1)
        self.folio_order = field("folio_order", 1)
        self.mapping = field("mapping", 4)
        """1 + anon_vma of an anonymous folio."""
        self.page_index = field("index", 8)
        self.memcg_data = field("memcg_data", 1)
        self.cleared = field("cleared", 1, stat=True)
        """By a folio's head: how often its memory was cleared since it was allocated."""
        # free lists, by node; see mm/page_alloc.py
        self.buddy_order = field("buddy_order", 1)
        self.nr_free = field("nr_free", 8, linear=True)
        self.lists = Links(journal, self.orders, self.buddy_order, self.nr_free)
        self.frontier = field("frontier", 8)
        self.pageblock = field("pageblock_migratetype", 1, MIGRATE_MOVABLE)
        self.nr_free_pages = field("nr_free_pages", 8)
        self.watermark = field("watermark", 8)
        # page tables, by entry; tables by number
        self.pgtable = field("pgtable", 8, stride=arch.page_size)
        self.table_used = field("table_used", 4)
        """Level + 1 of a table in use (the PTE level is 0), 0 if free."""
        self.table_mm = field("table_mm", 1)
        self.table_low = field("table_low", 4, stat=True)
        """No table below this number is free; kept with one CPU only (mm/tables.py)."""
        self.rcu = field("rcu", 8)
        """The CPUs that are in an RCU read section, as a mask; see mm/rcu.py."""
        self.table_grace = field("table_grace", 8)
        """By detached table: the CPUs that it waits for, as a mask."""
        self.nr_grace = field("nr_grace", 4)
        """How many tables wait."""
        self.unstable_seen = field("unstable_seen", 1)
        """By CPU: what the mutant "R3 before PTL" found of MMF_UNSTABLE (mm/pgtable.py)."""
        self.ptl = field("ptl", 1)
        """1 + CPU that holds a table's lock."""
        self.deposit = field("pmd_deposit", 4)
        """1 + deposited table, by the PMD entry's place."""
        # mm_struct
        self.pgd = field("pgd", 4)
        self.rss_stat = field("rss_stat", 8)
        self.nr_ptes = field("nr_ptes", 4)
        self.mm_flags = field("mm_flags", 4)
        self.min_flt = field("min_flt", 8, stat=True)
        self.maj_flt = field("maj_flt", 8, stat=True)
        self.map_count = field("map_count", 4)
        self.mmap_lock = field("mmap_lock", 8)
        """The CPUs that read under it, as a mask; see mm/mmap_lock.py."""
        self.mmap_lock_writer = field("mmap_lock_writer", 1)
        """1 + CPU that writes."""
        self.mm_users = field("mm_users", 1)
        """ALIVE or GONE; 0 before the process is forked."""
        self.mm_mt = field("mm_mt", 4)
        """The mm's VMAs by address, in blocks: [block * VMA_BLOCK + k] is 1 + vma; see mm/vma_list.py."""
        self.mm_mt_len = field("mm_mt_len", 1)
        """VMAs of a block."""
        self.mm_mt_dir = field("mm_mt_dir", 4)
        """The mm's blocks in order: [mm * MAX_BLOCKS + k] is 1 + number within the mm."""
        self.mm_mt_blocks = field("mm_mt_blocks", 4)
        # vm_area_struct
        self.vm_start = field("vm_start", 8)
        self.vm_end = field("vm_end", 8)
        self.vm_flags = field("vm_flags", 8)
        self.vm_mm = field("vm_mm", 1)
        self.vm_pgoff = field("vm_pgoff", 8)
        self.vm_lock = field("vm_lock", 8)
        """The CPUs that read a VMA under its own lock, as a mask; see mm/vma_lock.py."""
        self.vm_write_locked = field("vm_write_locked", 1)
        """1 while vm_lock_seq is mm_lock_seq: a writer of the mm has write-locked the VMA, or waits to."""
        self.vma_detached = field("vma_detached", 1)
        """1 if the VMA is in no mm's list (only where there are several CPUs)."""
        self.vma_name = field("vma_name", 4)
        self.vma_next = field("vma_next", 4)
        """VMAs that were ever made: the number of the next one where ``vma_free`` is empty."""
        self.vma_free = field("vma_free", 4)
        """Stack of freed VMAs: [0] is its height, [1 …] the numbers."""
        self.anon_vma = field("anon_vma", 4)
        self.nr_anon_vmas = field("nr_anon_vmas", 4)
        self.anon_vma_root = field("anon_vma_root", 4)
        """By anon_vma: the oldest one that its process was forked from, 0 if that is itself."""
        self.anon_vma_parents = field("anon_vma_parents", 4)
        """By VMA: anon_vmas on its chain beside its own, those of the processes it was forked from."""
        # what others have in hand; see actors/collapse.py, actors/reap.py
        self.withdrawn = field("withdrawn", 4)
        """By the PMD entry's place: 1 + the table that khugepaged has taken out of it and works on."""
        self.reaped = field("reaped", 8)
        """Two a mm: the range that the OOM reaper is done with."""
        self.reaped_pmd = field("reaped_pmd", 1)
        """1 for each PMD range of an mm that was not empty when the reaper came."""
        self.uffd_wp_lost = field("uffd_wp_lost", 1)
        """By mm: 1 once khugepaged has collapsed a page that a monitor had write-protected (B21)."""
        # knobs that can be turned
        self.thp_enabled = field("thp_enabled", 1)
        self.thp_defrag = field("thp_defrag", 1)
        self.thp_use_zero_page = field("thp_use_zero_page", 1)
        self.huge_anon_orders_always = field("huge_anon_orders_always", 4)
        self.huge_anon_orders_madvise = field("huge_anon_orders_madvise", 4)
        self.huge_anon_orders_inherit = field("huge_anon_orders_inherit", 4)
        """Bits of the orders whose hugepages-<size>kB/enabled says always, madvise, inherit (from v8 on)."""
        self.anon_orders = field("anon_orders", 4)
        self.anon_always_mask = field("anon_always_mask", 4)
        """v6's two files, as bits of orders."""
        # huge zero page, memcg
        self.huge_zero_folio = field("huge_zero_folio", 8)
        self.huge_zero_pfn = field("huge_zero_pfn", 8)
        """1 + pfn of the huge zero page, by both names that the kernel has for it; 0: NULL, ~0UL (mm/huge_zero.py)."""
        self.huge_zero_refcount = field("huge_zero_refcount", 4)
        self.memcg_usage = field("memcg_usage", 8)
        self.deferred_split_lru = field("deferred_split_lru", 1)
        """1 once the memcg has list heads for folios that may be split (7.2)."""
        # swap, by slot; see mm/swap.py
        self.swap_map = field("swap_map", 1)
        """How many entries name a slot, and SWAP_HAS_CACHE."""
        self.swap_cache = field("swap_cache", 8)
        """1 + pfn of the folio that is in the swap cache for a slot."""
        self.folio_swap = field("folio_swap", 4)
        """By pfn: the slot of a folio that is in the swap cache (slot 0 is never used)."""
        self.stores = field("stores", 4)
        """By CPU: how many it has made."""
        self.content = field("content", 4)
        self.swap_content = field("swap_content", 4)
        self.overwritten = field("overwritten", 1)
        """What pages and slots hold, and what each process has overwritten; see mm/contents.py."""
        self.tlb_stale = field("tlb_stale", 1)
        """By pfn: 1 + the CPU whose TLB lets it write to a page that fork has write-protected and not flushed yet."""
        self.keeps_contents = False
        """Does anything write to swap, or fork beside two others?  Else nobody asks what a page holds."""
        self.contents_at_boot = 0
        # statistics
        self.vm_event = field("vm_event", 8, stat=True)
        self.node_stat = field("node_stat", 8, stat=True)
        self.mthp_stat = field("mthp_stat", 8, stat=True)
        # programs
        self.cpu_event = field("cpu_event", 4)
        """Events of the CPU's program that are done."""
        self.answered = field("answered", 1, tape=True)
        """Scripted answers that were used, by their number in the scenario."""
        self.uffd_wait = field("uffd_wait", 8)
        """By CPU: the fault that waits for a userfaultfd monitor (mm/userfaultfd.py, ``waiter``); 0: none, or woken."""
        # The allocator beyond plain lists.  A digest mixes the numbers of fields: these came last and stand last.
        self.strayed = field("strayed", 1)
        """By a free block's first pfn: 1 + migratetype of its list where that is not its pageblock's (before 6.10)."""
        self.touched = field("touched", 1)
        """By unit (pfn >> MAX_ORDER): 1 once its blocks are nodes of the lists; see mm/untouched.py."""
        self.untouched_at = field("untouched_at", 8)
        """By free list: all units before this one (counted from the zone's first) have nothing left for it."""
        self.untouched_left = field("untouched_left", 8)
        """By free list: its blocks that stand in untouched units."""
        self.background = field("background", 1)
        """By pfn: what a page that no modelled process has is used for (defs.BG_*)."""
        # by zone
        self.watermark_boost = field("watermark_boost", 8)
        self.zone_flags = field("zone_flags", 1)
        self.nr_reserved_highatomic = field("nr_reserved_highatomic", 8)
        self.nr_reclaimable = field("nr_reclaimable", 8)
        """Pages of the background that reclaim could free (zone_reclaimable_pages())."""
        self.nr_movable = field("nr_movable", 8)
        """Pages of the background that compaction could move."""
        self.lru_at = field("lru_at", 8)
        """Where reclaim goes on (mm/vmscan.py)."""
        self.compact_considered = field("compact_considered", 4)
        self.compact_defer_shift = field("compact_defer_shift", 1)
        self.compact_order_failed = field("compact_order_failed", 1)
        self.compact_cached_migrate_pfn = field("compact_cached_migrate_pfn", 8)
        """Two a zone: where compaction that does not wait goes on, and where that which does."""
        self.compact_cached_free_pfn = field("compact_cached_free_pfn", 8)
        self.kswapd_order = field("kswapd_order", 1)
        """By node: 1 + the highest order for which kswapd was woken; 0: it sleeps."""
        # per-CPU page lists, by cpu * zones + zone; see mm/pcp.py
        self.pcp_count = field("pcp_count", 8)
        self.pcp_high = field("pcp_high", 8)
        self.pcp_factor = field("pcp_factor", 4)
        """free_factor (6.5); alloc_factor from 6.7 on."""
        self.pcp_free_count = field("pcp_free_count", 8)
        """pcp->free_count (from 6.7 on)."""
        self.pcp_flags = field("pcp_flags", 1)
        """pcp->flags (from 6.7 on)."""
        self.pcppage_migratetype = field("pcppage_migratetype", 1)
        """By first pfn of a block on these lists: 1 + the type of its list in the zone (before 6.10)."""
        # the memory cgroup
        self.memcg_stock = field("memcg_stock", 1)
        """By CPU: pages that are charged and not used yet; see mm/memcontrol.py."""
        self.memcg_others = field("memcg_others", 8)
        """Pages that processes have charged which are not modelled."""
        self.memcg_reclaimable = field("memcg_reclaimable", 8)
        """Those of them that reclaim could free; that a kill would."""
        self.memcg_killable = field("memcg_killable", 8)
        self.memcg_event = field("memcg_event", 8, stat=True)
        """memory.events: max, oom, oom_kill."""

    def this_node(self) -> int:
        """NUMA node of the CPU that is being driven."""
        return self.node_of(self.this_cpu)

    def node_of(self, cpu: int) -> int:
        """NUMA node of a CPU."""
        return self.cpu_nodes[cpu] if cpu < len(self.cpu_nodes) else 0

    @property
    def acts(self) -> bool:
        """Does the slow path of the allocator leave a trace here?  In a plain machine it is only told (slowpath.py)."""
        return self.lru or self.pcp or self.mixed

    # -- naming ------------------------------------------------------------------------------------
    def list_number(self, zone: int, migratetype: int, order: int) -> int:
        """Number of a free list."""
        return (zone * MIGRATE_TYPES + migratetype) * self.orders + order

    def mm_counter(self, mm: int, counter: int) -> int:
        """Index into ``rss_stat``."""
        return mm * NR_MM_COUNTERS + counter

    def pmd_range(self, mm: int, address: int) -> int:
        """Index into ``reaped_pmd``."""
        return mm << 32 | address // self.arch.pmd_size

    def zone_of(self, pfn: int) -> int:
        """Zone number of a pfn, -1 if it is in none (page tables, the zero page)."""
        for number, zone in enumerate(self.zones):
            if zone.start <= pfn < zone.end:
                return number
        return -1

    def compound_head(self, pfn: int) -> int:
        """The first page of the folio that a page belongs to."""
        for order in range(self.arch.pmd_order, 1, -1):
            head = pfn & -(1 << order)
            if self.folio_order.get(head) >= order and self._refcount.get(head):
                return head
        return pfn

    def digest(self) -> str:
        """Everything, as 32 hex digits; the same for the same state, however it was reached."""
        return self.journal.digest()

    def state_key(self, mentioned: tuple[int, ...] = ()) -> tuple[tuple[int, ...], ...]:
        """What the explorer matches: no statistics, and pages by the part that they play.  See state_key.py.

        Page tables mention pages first (in table order), then ``mentioned`` (the pfns that suspended paths hold), then
        the free lists.
        """
        from kernelmodel.state_key import state_key

        return state_key(self, mentioned)
