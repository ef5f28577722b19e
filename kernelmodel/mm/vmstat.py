# SPDX-License-Identifier: GPL-2.0-only
"""Statistics: vm events, node counters, the mm's own counters."""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import MM_ANONPAGES, MM_SWAPENTS, MTHP_ITEMS, MTHP_SINCE, NODE_STATS, NR_MM_COUNTERS, VM_EVENTS
from kernelmodel.machine import Machine
from kernelmodel.structs import Mm


def count_vm_event(m: Machine, item: int) -> None:
    """/proc/vmstat: one more."""
    m.vm_event.add(item, 1)


def count_mthp_stat(m: Machine, order: int, item: int) -> None:
    """One more for a size: kept for 0 < order <= PMD_ORDER only (include/linux/huge_mm.h)."""
    mod_mthp_stat(m, order, item, 1)


def mod_mthp_stat(m: Machine, order: int, item: int, delta: int) -> None:
    """A size's counter; nothing in a release that lacks it."""
    if 0 < order <= m.arch.pmd_order and m.release >= MTHP_SINCE[item]:
        m.mthp_stat.add(order * len(MTHP_ITEMS) + item, delta)


def mod_node_stat(m: Machine, item: int, delta: int) -> None:
    """Node counter (NR_ANON_MAPPED …)."""
    m.node_stat.add(item, delta)


def add_mm_counter(mm: Mm, counter: int, delta: int) -> None:
    """MM_ANONPAGES and friends.  The kernel tells of one below zero when the process ends."""
    at = mm.m.mm_counter(mm.id, counter)
    value = mm.m.rss_stat.get(at) + delta
    if value < 0:
        raise KernelBug("check_mm", f"bad rss-counter state: a counter of {mm.name} is below zero")
    mm.m.rss_stat.set(at, value)


def counters(m: Machine) -> dict[str, int]:
    """Every statistic that is not zero, by the name under which the kernel shows it.

    ``MM_ANONPAGES``, ``min_flt`` and ``maj_flt`` belong to a process: those of ``main`` stand alone, others carry the
    process's name.
    """
    found = {VM_EVENTS[i]: v for i, v in m.vm_event.items()}
    found.update({NODE_STATS[i]: v // stat_unit(m, NODE_STATS[i]) for i, v in m.node_stat.items()})
    for mm in range(len(m.mm_names)):
        label = whose(m, mm)
        for key, value in (
            ("MM_ANONPAGES", m.rss_stat.get(m.mm_counter(mm, MM_ANONPAGES))),
            ("min_flt", m.min_flt.get(mm)),
            ("maj_flt", m.maj_flt.get(mm)),
        ):
            if value:
                found[label + key] = value
    found.update(mthp_stats(m))
    return found


def whose(m: Machine, mm: int) -> str:
    """What stands before the name of a process's counter: nothing for ``main``."""
    return f"{m.mm_names[mm]}." if mm else ""


def mthp_stats(m: Machine) -> dict[str, int]:
    """Per-size statistics that are not zero, as ``64kB.anon_fault_alloc``."""
    found = {}
    for index, value in m.mthp_stat.items():
        order, item = divmod(index, len(MTHP_ITEMS))
        found[f"{(m.arch.page_size << order) >> 10}kB.{MTHP_ITEMS[item]}"] = value
    return found


def stat_unit(m: Machine, name: str) -> int:
    """Counted in pages, shown in huge pages: /proc/vmstat divides nr_anon_transparent_hugepages."""
    return 1 << m.arch.pmd_order if name == "nr_anon_transparent_hugepages" else 1


def stat_name(m: Machine, field: str, index: int) -> str:
    """Name of one statistic cell, '' if it is none that is shown."""
    if field == "vm_event":
        return VM_EVENTS[index]
    if field == "node_stat":
        return NODE_STATS[index]
    if field == "rss_stat":
        mm, counter = divmod(index, NR_MM_COUNTERS)
        name = {MM_ANONPAGES: "MM_ANONPAGES", MM_SWAPENTS: "MM_SWAPENTS"}.get(counter, "")
        return name and whose(m, mm) + name
    if field in ("min_flt", "maj_flt"):
        return whose(m, index) + field
    if field == "mthp_stat":
        order, item = divmod(index, len(MTHP_ITEMS))
        return f"{(m.arch.page_size << order) >> 10}kB.{MTHP_ITEMS[item]}"
    return ""
