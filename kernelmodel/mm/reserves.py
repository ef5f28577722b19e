# SPDX-License-Identifier: GPL-2.0-only
"""What a machine keeps back from boot on: min_free_kbytes, the watermarks and lowmem_reserve, as plain numbers.

mm/page_alloc.c: ``init_per_zone_wmark_min`` sets the marks first, from all memory; khugepaged then raises them
(mm/khugepaged.c, ``set_recommended_min_free_kbytes``).  The same from 6.5 to 7.1 but for two things: from 6.6 on
ZONE_MOVABLE has a small mark of its own, and 6.10 to 6.13 reserve nothing for the sake of a zone that is empty (commit
96a5c186efff, taken back by eae116d1f044).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import MAX_NR_ZONES, MIGRATE_PCPTYPES, ZONE_MOVABLE, ZONE_NORMAL

if TYPE_CHECKING:
    from kernelmodel.machine import Machine

SWAP_CLUSTER_MAX = 32
LOWMEM_RESERVE_RATIO = (256, 256, 32, 0)
"""sysctl_lowmem_reserve_ratio[], by zone type; 0: no reserve."""


class Share(NamedTuple):
    """What the formulas ask of a zone."""

    node: int
    type: int
    managed: int


class Marks(NamedTuple):
    """zone->_watermark[], in pages."""

    min: int
    low: int
    high: int
    promo: int


def nr_free_buffer_pages(zones: Sequence[Share], high: Sequence[int]) -> int:
    """Pages of ZONE_NORMAL and below, over all nodes, beyond their high marks."""
    pairs = zip(zones, high, strict=True)
    return sum(max(zone.managed - mark, 0) for zone, mark in pairs if zone.type <= ZONE_NORMAL)


def calculate_min_free_kbytes(lowmem_pages: int, page_shift: int) -> int:
    """The root of sixteen times low memory, within bounds; all in kB."""
    return min(max(isqrt(16 * (lowmem_pages << page_shift - 10)), 128), 262144)


def recommended_min_free_kbytes(
    zones: Sequence[Share], lowmem_pages: int, page_shift: int, pageblock_order: int
) -> int:
    """What khugepaged asks for: eleven pageblocks a zone that is not for movable pages only, at most 5 % of all."""
    nr_zones = sum(1 for zone in zones if zone.managed and zone.type <= ZONE_NORMAL)
    pages = (2 + MIGRATE_PCPTYPES * MIGRATE_PCPTYPES) * nr_zones << pageblock_order
    return min(pages, lowmem_pages // 20) << page_shift - 10


def setup_per_zone_wmarks(
    zones: Sequence[Share], min_free_kbytes: int, page_shift: int, release: tuple[int, int], scale_factor: int = 10
) -> list[Marks]:
    """Each zone's part of min_free_kbytes, and the distance between its marks (watermark_scale_factor)."""
    apart = release >= (6, 6)
    lowmem_pages = sum(zone.managed for zone in zones if not (apart and zone.type == ZONE_MOVABLE))
    found = []
    for zone in zones:
        share = (min_free_kbytes >> page_shift - 10) * zone.managed // (lowmem_pages or 1)
        gap = max(share >> 2, zone.managed * scale_factor // 10000)
        if apart and zone.type == ZONE_MOVABLE:
            share = min(max(zone.managed // 1024, SWAP_CLUSTER_MAX), 128)
        found.append(Marks(share, share + gap, share + 2 * gap, share + 3 * gap))
    return found


def boot_wmarks(
    zones: Sequence[Share],
    page_shift: int,
    release: tuple[int, int],
    *,
    min_free_kbytes: int | None = None,
    scale_factor: int = 10,
    khugepaged: bool | None = None,
    pageblock_order: int = 9,
) -> list[Marks]:
    """The marks of a machine that has booted.

    ``khugepaged``: does it run (then it raises the marks), or not (then they are computed once more, from what lies
    beyond the first marks; not below 512M, where boot leaves THP off); None: as before either.  A ``min_free_kbytes``
    that somebody has written is taken as it is.
    """
    given = min_free_kbytes
    if given is None:
        given = calculate_min_free_kbytes(nr_free_buffer_pages(zones, [0] * len(zones)), page_shift)
        if khugepaged is not None:
            first = setup_per_zone_wmarks(zones, given, page_shift, release, scale_factor)
            lowmem_pages = nr_free_buffer_pages(zones, [marks.high for marks in first])
            if khugepaged:
                given = max(given, recommended_min_free_kbytes(zones, lowmem_pages, page_shift, pageblock_order))
            elif sum(zone.managed for zone in zones) >= 512 << 20 >> page_shift:
                given = calculate_min_free_kbytes(lowmem_pages, page_shift)
    return setup_per_zone_wmarks(zones, given, page_shift, release, scale_factor)


def setup_per_zone_lowmem_reserve(
    zones: Sequence[Share], release: tuple[int, int], ratio: Sequence[int] = LOWMEM_RESERVE_RATIO
) -> list[tuple[int, ...]]:
    """lowmem_reserve[] of each zone: what it keeps from requests that may use a higher zone of its node."""
    skips_empty = (6, 10) <= release < (6, 14)
    found = []
    for zone in zones:
        reserve, managed = [0] * MAX_NR_ZONES, 0
        for upper in range(zone.type + 1, MAX_NR_ZONES):
            size = sum(each.managed for each in zones if each.node == zone.node and each.type == upper)
            managed += size
            if ratio[zone.type] and zone.managed and (size or not skips_empty):
                reserve[upper] = managed // ratio[zone.type]
        found.append(tuple(reserve))
    return found


def khugepaged_runs(m: Machine) -> bool | None:
    """Do the sysfs files call for khugepaged (hugepage_flags_enabled(), from 6.11 on hugepage_pmd_enabled())?

    None where the hardware has no huge pages: nobody asks then.  As in the kernels of distributions,
    CONFIG_READ_ONLY_THP_FOR_FS is taken to be set; no shmem mount wants huge pages.
    """
    if not m.knobs["has_transparent_hugepage"]:
        return None
    policies = m.huge_anon_orders_always.get(0) | m.huge_anon_orders_madvise.get(0)
    if m.release >= (6, 11):
        policies &= 1 << m.arch.pmd_order
    return m.thp_enabled.get(0) != 0 or policies != 0


def set_up_watermarks(m: Machine, given: Sequence[int | None], real: bool = False) -> None:
    """Store marks and reserves of a machine whose zones and sysfs files are set up.

    ``given``: by zone WMARK_MIN where the scenario sets it (0 without a reserve); the other marks follow from it.
    ``real``: khugepaged has its say, and WMARK_PROMO is kept; a machine of a few lines has neither.
    """
    shift = m.arch.page_shift
    zones = [Share(zone.node, zone.type, zone.managed) for zone in m.zones]
    marks = boot_wmarks(
        zones, shift, m.release,
        min_free_kbytes=m.knobs.get("min_free_kbytes"),
        scale_factor=m.knobs.get("watermark_scale_factor", 10),
        khugepaged=khugepaged_runs(m) if real else None,
        pageblock_order=m.arch.pageblock_order,
    )  # fmt: skip
    ratio = m.knobs.get("lowmem_reserve_ratio", LOWMEM_RESERVE_RATIO)
    for number, reserve in enumerate(setup_per_zone_lowmem_reserve(zones, m.release, ratio)):
        m.zones[number] = m.zones[number]._replace(reserve=reserve)
        low = given[number]
        levels = marks[number] if low is None else Marks(*(low + level * (low >> 2) for level in range(4)))
        for level in range(4 if real else 3):
            m.watermark.set(number * 4 + level, levels[level])
