# SPDX-License-Identifier: GPL-2.0-only
"""How many pages a CPU keeps at hand, takes at once and gives back at once (Linux mm/page_alloc.c).

Up to 6.6 ``pcp->high`` is fixed and what is drained doubles with each drain (``free_factor``).  From 6.7 on it floats
between high_min and high_max, what an order-0 refill takes doubles with each refill (``alloc_factor``), and the number
of pages that were freed without an allocation between (``free_count``) says how many are drained.  Where a function
changed, the old one has its release in its name.  Not modelled: the timer that drains idle lists (decay_pcp_high()).

``place`` is the index of a CPU's lists of a zone: cpu * zones + zone.
"""

from __future__ import annotations

from kernelmodel.defs import PAGE_ALLOC_COSTLY_ORDER, WMARK_LOW, ZONE_BELOW_HIGH, ZONE_RECLAIM_ACTIVE
from kernelmodel.machine import Machine

PCP_BATCH_SCALE_MAX = 5
"""CONFIG_PCP_BATCH_SCALE_MAX."""
MIN_PERCPU_PAGELIST_HIGH_FRACTION = 8
PCPF_PREV_FREE_HIGH_ORDER = 1
"""The page freed before was of order 1 to 3.  The other flag of 6.7, PCPF_FREE_HIGH_BATCH, is taken as set: the CPU's
share of the data caches is larger than three batches."""


def zone_batchsize(managed: int, page_shift: int) -> int:
    """pcp->batch of a zone of so many pages.  (7.0 writes the formula in another way, with the same results.)"""
    batch = max(min(managed >> 10, (1 << 20) >> page_shift) // 4, 1)
    return max((1 << (batch + batch // 2).bit_length() - 1) - 1, 1)


def zone_highsize(pages: int, cpus: int, batch: int) -> int:
    """A bound of pcp->high: what the zone can spare, split among the CPUs of its node."""
    return max(pages // cpus, batch << 2)


def pcp_setup(m: Machine) -> None:
    """Boot: batch and high of every zone (zone_set_pageset_high_and_batch()), once its low watermark is known."""
    fraction = m.knobs.get("percpu_pagelist_high_fraction") or 0
    for number, zone in enumerate(m.zones):
        cpus = m.cpu_nodes.count(zone.node) or m.nr_cpus
        batch = zone_batchsize(zone.managed, m.arch.page_shift)
        if fraction:
            least = most = zone_highsize(zone.managed // fraction, cpus, batch)
        else:
            least = most = zone_highsize(m.watermark.get(number * 4 + WMARK_LOW), cpus, batch)
            if m.release >= (6, 7):
                most = zone_highsize(zone.managed // MIN_PERCPU_PAGELIST_HIGH_FRACTION, cpus, batch)
        m.zones[number] = zone._replace(pcp_batch=batch, pcp_high=(least, most))
        for cpu in range(m.nr_cpus):
            m.pcp_high.set(cpu * len(m.zones) + number, least)


def nr_pcp_alloc(m: Machine, place: int, order: int) -> int:
    """Number of blocks of an order that a refill asks for."""
    zone = place % len(m.zones)
    base = batch = m.zones[zone].pcp_batch
    if m.release >= (6, 7):
        least, most = m.zones[zone].pcp_high
        high = min(max(m.pcp_high.get(place), least), most)
        if high < base:
            m.pcp_high.set(place, high)
            return 1
        factor = m.pcp_factor.get(place)
        if not order:
            batch = base << factor
        if least != most and not m.zone_flags.get(zone) & ZONE_BELOW_HIGH:
            high = min(high + batch, most)
        m.pcp_high.set(place, high)
        if not order:
            room = max(high - m.pcp_count.get(place) - base, base)
            if batch <= room and factor < PCP_BATCH_SCALE_MAX:
                m.pcp_factor.set(place, factor + 1)
            batch = min(batch, room)
    return max(batch >> order, 2) if batch > 1 else batch


def nr_to_drain(m: Machine, place: int, order: int) -> int:
    """What free_unref_page_commit() drains after a block of that order was put on a list; 0 if nothing."""
    zone = place % len(m.zones)
    count, batch = m.pcp_count.get(place), m.zones[zone].pcp_batch
    small = 0 < order <= PAGE_ALLOC_COSTLY_ORDER
    if m.release < (6, 7):
        free_high = small and m.pcp_factor.get(place) > 0
        high = nr_pcp_high_6_5(m, place, free_high)
        return nr_pcp_free_6_5(m, place, high, free_high) if count >= high else 0
    m.pcp_factor.set(place, m.pcp_factor.get(place) >> 1)
    freed = m.pcp_free_count.get(place)
    enough = batch + (m.zones[zone].pcp_high[0] // 2 if m.release >= (6, 18) else 0)
    free_high = small and freed >= enough and m.pcp_flags.get(place) > 0 and count >= batch
    m.pcp_flags.set(place, PCPF_PREV_FREE_HIGH_ORDER if small else 0)
    if freed < batch << PCP_BATCH_SCALE_MAX:
        m.pcp_free_count.set(place, freed + (1 << order))
    high = nr_pcp_high(m, place, free_high)
    return nr_pcp_free(m, place, high, free_high) if count >= high else 0


def nr_pcp_high_6_5(m: Machine, place: int, free_high: bool) -> int:
    """How many pages may stay."""
    zone, high = place % len(m.zones), m.pcp_high.get(place)
    if free_high:
        return 0
    if m.zone_flags.get(zone) & ZONE_RECLAIM_ACTIVE:
        return min(m.zones[zone].pcp_batch << 2, high)
    return high


def nr_pcp_free_6_5(m: Machine, place: int, high: int, free_high: bool) -> int:
    """How many pages go: twice as many each time, while nothing is allocated."""
    batch, factor = m.zones[place % len(m.zones)].pcp_batch, m.pcp_factor.get(place)
    if free_high:
        return m.pcp_count.get(place)
    if high < batch:
        return 1
    if batch << factor < high - batch:
        m.pcp_factor.set(place, factor + 1)
    return min(max(batch << factor, batch), high - batch)


def nr_pcp_high(m: Machine, place: int, free_high: bool) -> int:
    """How many pages may stay; moves pcp->high."""
    zone = place % len(m.zones)
    batch, (least, most), flags = m.zones[zone].pcp_batch, m.zones[zone].pcp_high, m.zone_flags.get(zone)
    high = may_stay = kept = min(max(m.pcp_high.get(place), least), most)
    freed = max(m.pcp_free_count.get(place), batch)
    if not high:
        pass
    elif free_high:
        kept, may_stay = max(high - (batch << PCP_BATCH_SCALE_MAX), least), 0
    elif flags & ZONE_RECLAIM_ACTIVE:
        kept = max(high - freed, least)
        may_stay = min(batch << 2, kept)
    elif least == most:
        pass
    elif flags & ZONE_BELOW_HIGH:
        kept, may_stay = max(high - freed, least), max(m.pcp_count.get(place), least)
    elif m.pcp_count.get(place) >= high:
        needed = m.pcp_free_count.get(place) + batch
        if high < needed:
            kept = min(max(needed, least), most)
    m.pcp_high.set(place, kept)
    return may_stay


def nr_pcp_free(m: Machine, place: int, high: int, free_high: bool) -> int:
    """How many pages go: as many as were freed in a row."""
    batch = m.zones[place % len(m.zones)].pcp_batch
    if free_high:
        return min(m.pcp_count.get(place), batch << PCP_BATCH_SCALE_MAX)
    if high < batch:
        return 1
    return min(max(m.pcp_free_count.get(place), batch), high - batch)
