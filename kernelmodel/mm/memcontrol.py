# SPDX-License-Identifier: GPL-2.0-only
"""The memory cgroup: one limit, charged in pages.

Linux 6.5 mm/memcontrol.c as far as it can be seen with nothing to reclaim: a charge fits or fails.  The per-CPU stock
(batches of 64 pages), the reclaim rounds and the OOM killer's limits are not here; page tables are not charged.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import ENOMEM, GFP_KERNEL
from kernelmodel.machine import Machine
from kernelmodel.structs import Folio, Mm


def mem_cgroup_charge(folio: Folio, mm: Mm, gfp: int) -> Path[int]:
    """0, or -ENOMEM and nothing charged."""
    m, nr = folio.m, folio.nr_pages

    def peek() -> tuple[str, str, int]:
        over = over_limit(m, nr)
        return ("-ENOMEM", "memcg-limit", over) if over > 0 else ("0", "", 0)

    order = folio.order
    answer = yield Question("charge", f"mem_cgroup_charge(order={order})", peek, "-ENOMEM", order, more=(("gfp", gfp),))
    if answer == "-ENOMEM":
        return -ENOMEM
    charge_now(folio)
    return 0


def folio_memcg_alloc_deferred(folio: Folio) -> Path[int]:
    """Make sure that the memcg can queue the folio for a deferred split (mm/huge_memory.c of 7.2): 0 or -ENOMEM.

    The list heads are allocated (GFP_KERNEL) for the first large folio of a memcg, for all nodes at once; after that
    nothing can fail.  What a scenario populates does not make them.
    """
    m, order = folio.m, folio.order
    if m.deferred_split_lru.get(0):
        yield Decision("deferred", "0", order, reason="memcg-has-it")
        return 0
    site = f"folio_memcg_alloc_deferred(order={order})"
    answer = yield Question("deferred", site, lambda: ("0", "", 0), "-ENOMEM", order, more=(("gfp", GFP_KERNEL),))
    if answer == "-ENOMEM":
        return -ENOMEM
    m.deferred_split_lru.set(0, 1)
    return 0


def over_limit(m: Machine, nr: int) -> int:
    """By how many pages a charge of ``nr`` would exceed the limit; 0 or less if it fits."""
    limit: int = m.knobs["memcg_limit"]
    return m.memcg_usage.get(0) + nr - limit if limit >= 0 else 0


def charge_now(folio: Folio) -> None:
    """The charge itself."""
    folio.m.memcg_usage.add(0, folio.nr_pages)
    folio.m.memcg_data.set(folio.id, 1)


def mem_cgroup_uncharge(folio: Folio) -> None:
    """Give the charge back, if there is one."""
    m = folio.m
    if m.memcg_data.get(folio.id):
        m.memcg_usage.add(0, -folio.nr_pages)
        m.memcg_data.set(folio.id, 0)
