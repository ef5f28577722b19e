# SPDX-License-Identifier: GPL-2.0-only
"""Which statistics /proc/zoneinfo lists, by release (Linux mm/vmstat.c, vmstat_text[]).

Of a kernel as distributions build it: NUMA with balancing, swap, zsmalloc, CMA, IOMMU and hugetlb; without unaccepted
memory, shadow call stacks and zone device.  Releases between two that were read stand with the later one.
"""

from __future__ import annotations

ALWAYS, NEVER = (0, 0), (99, 0)

Table = tuple[str | tuple[str, tuple[int, int], tuple[int, int]], ...]

ZONE_STATS: Table = (
    "nr_free_pages", ("nr_free_pages_blocks", (6, 15), NEVER), "nr_zone_inactive_anon", "nr_zone_active_anon",
    "nr_zone_inactive_file", "nr_zone_active_file", "nr_zone_unevictable", "nr_zone_write_pending", "nr_mlock",
    ("nr_bounce", ALWAYS, (6, 15)), "nr_zspages", "nr_free_cma",
)  # fmt: skip
"""A name, or a name with the first release that has it and the first that no longer does."""
NUMA_STATS = ("numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local", "numa_other")
NODE_STATS: Table = (
    "nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file", "nr_unevictable",
    "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_isolated_anon", "nr_isolated_file", "workingset_nodes",
    "workingset_refault_anon", "workingset_refault_file", "workingset_activate_anon", "workingset_activate_file",
    "workingset_restore_anon", "workingset_restore_file", "workingset_nodereclaim", "nr_anon_pages", "nr_mapped",
    "nr_file_pages", "nr_dirty", "nr_writeback", ("nr_writeback_temp", ALWAYS, (6, 15)), "nr_shmem",
    "nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages", "nr_file_pmdmapped",
    "nr_anon_transparent_hugepages", "nr_vmscan_write", "nr_vmscan_immediate_reclaim", "nr_dirtied", "nr_written",
    "nr_throttled_written", "nr_kernel_misc_reclaimable", "nr_foll_pin_acquired", "nr_foll_pin_released",
    ("nr_vmalloc", (7, 1), NEVER), "nr_kernel_stack", "nr_page_table_pages", "nr_sec_page_table_pages",
    ("nr_iommu_pages", (6, 11), NEVER), "nr_swapcached", "pgpromote_success", "pgpromote_candidate",
    ("pgpromote_candidate_nrl", (6, 15), NEVER), ("pgdemote_kswapd", (6, 8), NEVER), ("pgdemote_direct", (6, 8), NEVER),
    ("pgdemote_khugepaged", (6, 8), NEVER), ("pgdemote_proactive", (6, 15), NEVER),
    *((f"{what}_{who}", (7, 1), NEVER) for what in ("pgsteal", "pgscan")
      for who in ("kswapd", "direct", "khugepaged", "proactive", "anon", "file")),
    ("pgrefill", (7, 1), NEVER), ("nr_hugetlb", (6, 13), NEVER), ("nr_balloon_pages", (6, 15), NEVER),
    ("nr_kernel_file_pages", (6, 15), NEVER), ("nr_gpu_active", (7, 1), NEVER), ("nr_gpu_reclaim", (7, 1), NEVER),
)  # fmt: skip
"""The same, of a node."""


def names(table: Table, release: tuple[int, int]) -> list[str]:
    """The names of one table that a release has, in its order."""
    rows = ((each, ALWAYS, NEVER) if isinstance(each, str) else each for each in table)
    return [name for name, since, until in rows if since <= release < until]
