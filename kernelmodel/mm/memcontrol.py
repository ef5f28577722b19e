# SPDX-License-Identifier: GPL-2.0-only
"""The memory cgroup: one limit, charged in pages (Linux mm/memcontrol.c, try_charge_memcg(); the same 6.5 … 7.1).

A charge takes from the CPU's stock, else a batch of 64 pages, else just what it needs.  Where that is over the limit
it reclaims, drains the stocks, tries again, and in the end calls the memcg's OOM killer, for orders up to 3.  What can
be reclaimed or killed there are pages of others (``memcg_charged`` …); the modelled processes keep theirs.  That
reclaim finds nothing is the environment's other answer.

Without a limit only the usage is counted.  memory.high, memsw and the charge of page tables are left out; stocks of
other CPUs are drained at once, where the kernel asks a worker to.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_HIGH,
    __GFP_NOFAIL,
    __GFP_NORETRY,
    __GFP_RETRY_MAYFAIL,
    ENOMEM,
    GFP_KERNEL,
    PAGE_ALLOC_COSTLY_ORDER,
)
from kernelmodel.machine import Machine
from kernelmodel.structs import Folio, Mm

MEMCG_CHARGE_BATCH = 64
SWAP_CLUSTER_MAX = 32
MAX_RECLAIM_RETRIES = 16
MEMCG_MAX, MEMCG_OOM, MEMCG_OOM_KILL = range(3)
"""Events of memory.events, as indices of ``Machine.memcg_event``: ``max``, ``oom``, ``oom_kill``."""


def set_up_memcg(m: Machine) -> None:
    """What others have charged when the machine boots.  Boot only."""
    m.memcg_usage.add(0, m.knobs.get("memcg_charged", 0))
    m.memcg_reclaimable.set(0, m.knobs.get("memcg_reclaimable", 0))
    m.memcg_killable.set(0, m.knobs.get("memcg_killable", 0))
    m.memcg_others.set(0, m.knobs.get("memcg_charged", 0))


def mem_cgroup_charge(folio: Folio, mm: Mm, gfp: int) -> Path[int]:
    """0, or -ENOMEM and nothing charged."""
    m, nr = folio.m, folio.nr_pages
    order, site = folio.order, f"mem_cgroup_charge(order={folio.order})"
    answer = yield Question("charge", site, lambda: peek_charge(m, nr, gfp), "-ENOMEM", order, more=(("gfp", gfp),))
    return charge_memcg(folio, gfp, answer == "0")


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


def peek_charge(m: Machine, nr: int, gfp: int) -> tuple[str, str, int]:
    """Nature's answer to a charge of ``nr`` pages."""
    if m.knobs["memcg_limit"] < 0:
        return "0", "", 0
    charge = try_charge(m, nr, gfp)
    if not charge.ok:
        return "-ENOMEM", "memcg-limit", charge.over
    if charge.killed:
        return "0", "memcg-oom-kill", charge.killed
    return ("0", "memcg-reclaim", charge.reclaimed) if charge.reclaimed else ("0", "", 0)


def charge_memcg(folio: Folio, gfp: int, ok: bool) -> int:
    """Do what was answered: 0 or -ENOMEM.  Nature's refusal leaves what was tried; the environment's leaves nothing."""
    m, nr = folio.m, folio.nr_pages
    if m.knobs["memcg_limit"] >= 0:
        charge = try_charge(m, nr, gfp)
        if ok == charge.ok:
            commit(m, charge)
    elif ok:
        m.memcg_usage.add(0, nr)
    if not ok:
        return -ENOMEM
    m.memcg_data.set(folio.id, 1)
    return 0


class Charge(NamedTuple):
    """What try_charge_memcg() comes to in this state; pages."""

    ok: bool
    usage: int
    """Of the page counter, afterwards."""
    stock: int = 0
    """Of this CPU, afterwards."""
    over: int = 0
    """By how much the charge exceeds the limit, where it fails."""
    drained: bool = False
    """Are the stocks of all CPUs given back?"""
    reclaimed: int = 0
    killed: int = 0
    events: tuple[int, int, int] = (0, 0, 0)


def try_charge(m: Machine, nr: int, gfp: int) -> Charge:
    """The kernel's loop under a limit, on numbers.  No store."""
    limit: int = m.knobs["memcg_limit"]
    usage, stock = m.memcg_usage.get(0), m.memcg_stock.get(m.this_cpu)
    stocks = sum(each for _, each in m.memcg_stock.items())
    others, reclaimable, killable = m.memcg_others.get(0), m.memcg_reclaimable.get(0), m.memcg_killable.get(0)
    batch, retries, drained, reclaimed, killed = max(MEMCG_CHARGE_BATCH, nr), MAX_RECLAIM_RETRIES, False, 0, 0
    maxed = oom = 0
    while True:
        if nr <= MEMCG_CHARGE_BATCH and stock >= nr:
            return Charge(True, usage, stock - nr, 0, drained, reclaimed, killed, (maxed, oom, int(killed > 0)))
        if usage + batch <= limit:
            usage, stock = usage + batch, stock + batch - nr
            if stock > MEMCG_CHARGE_BATCH:
                usage, stock = usage - stock, 0
            return Charge(True, usage, stock, 0, drained, reclaimed, killed, (maxed, oom, int(killed > 0)))
        if batch > nr:
            batch = nr
            continue
        if gfp & __GFP_DIRECT_RECLAIM:
            maxed += 1
            pages = min(max(nr, SWAP_CLUSTER_MAX), reclaimable)
            usage, reclaimable, reclaimed = usage - pages, reclaimable - pages, reclaimed + pages
            if limit - usage >= nr:
                continue
            if not drained:
                usage, stock, drained = usage - stocks, 0, True
                continue
            if not gfp & __GFP_NORETRY:
                if pages and nr <= 1 << PAGE_ALLOC_COSTLY_ORDER:
                    continue
                if retries:
                    retries -= 1
                    continue
                if not gfp & __GFP_RETRY_MAYFAIL and nr <= 1 << PAGE_ALLOC_COSTLY_ORDER:
                    oom += 1
                    if not killed and (killed := min(killable, others - reclaimed)):
                        usage, reclaimable, retries = usage - killed, 0, MAX_RECLAIM_RETRIES
                        continue
        over = usage + nr - limit
        if gfp & (__GFP_NOFAIL | __GFP_HIGH):
            usage, over, maxed = usage + nr, 0, max(maxed, 1)
        return Charge(not over, usage, stock, over, drained, reclaimed, killed, (maxed, oom, int(killed > 0)))


def commit(m: Machine, charge: Charge) -> None:
    """Store what ``try_charge`` found in this very state."""
    m.memcg_usage.set(0, charge.usage)
    if charge.drained:
        drain_all_stock(m)
    m.memcg_stock.set(m.this_cpu, charge.stock)
    if charge.reclaimed or charge.killed:
        others = m.memcg_others.add(0, -charge.reclaimed - charge.killed)
        m.memcg_reclaimable.set(0, 0 if charge.killed else m.memcg_reclaimable.get(0) - charge.reclaimed)
        m.memcg_killable.set(0, 0 if charge.killed else min(m.memcg_killable.get(0), others))
    for event in range(3):
        m.memcg_event.add(event, charge.events[event])


def drain_all_stock(m: Machine) -> None:
    """Empty the stock of every CPU; the counter is the caller's."""
    for cpu in range(m.nr_cpus):
        m.memcg_stock.set(cpu, 0)


def over_limit(m: Machine, nr: int) -> int:
    """By how many pages a charge of ``nr`` would exceed the limit with all stocks drained; 0 or less if it fits."""
    limit: int = m.knobs["memcg_limit"]
    return m.memcg_usage.get(0) - sum(stock for _, stock in m.memcg_stock.items()) + nr - limit if limit >= 0 else 0


def charge_now(folio: Folio) -> None:
    """A charge that fits, without an effort; it takes from the stocks what the counter has no room for."""
    m, limit = folio.m, folio.m.knobs["memcg_limit"]
    m.memcg_usage.add(0, folio.nr_pages)
    m.memcg_data.set(folio.id, 1)
    if 0 <= limit < m.memcg_usage.get(0):
        m.memcg_usage.add(0, -sum(stock for _, stock in m.memcg_stock.items()))
        drain_all_stock(m)


def mem_cgroup_uncharge(folio: Folio) -> None:
    """Give the charge back, if there is one: to the counter, not to a stock."""
    m = folio.m
    if m.memcg_data.get(folio.id):
        m.memcg_usage.add(0, -folio.nr_pages)
        m.memcg_data.set(folio.id, 0)
