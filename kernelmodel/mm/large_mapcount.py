# SPDX-License-Identifier: GPL-2.0-only
"""Who maps a large folio, as far as the folio itself knows: its mapcount and two slots for mms.

include/linux/rmap.h of 6.18 (CONFIG_MM_ID; there is none of it in 6.14).  A third mm finds no slot: the folio then
counts as mapped shared until one slot owns all that is left, which may be never.
"""

from __future__ import annotations

from kernelmodel.structs import Folio, Vma

FOLIO_MM_IDS_SHARED_BIT = 1 << 31
_ID, _COUNT = (1 << 8) - 1, (1 << 16) - 1


def folio_add_large_mapcount(folio: Folio, diff: int, vma: Vma) -> None:
    """``diff`` more mappings, in the mm of ``vma`` (a leaf is one)."""
    if not _kept(folio):
        return
    total = folio.m._large_mapcount.add(folio.id, diff)
    mm_id, ids, counts, shared = vma.vm_mm.id + 1, *_slots(folio)
    if mm_id in ids:
        counts[ids.index(mm_id)] += diff
    elif not ids[0]:
        ids[0], counts[0] = mm_id, diff
        shared = shared or total != diff
    elif not ids[1]:
        ids[1], counts[1] = mm_id, diff
        shared = True
    _store(folio, ids, counts, shared)


def folio_sub_large_mapcount(folio: Folio, diff: int, vma: Vma) -> None:
    """``diff`` mappings less; a slot without mappings is free again."""
    if not _kept(folio):
        return
    total = folio.m._large_mapcount.add(folio.id, -diff)
    mm_id, ids, counts, shared = vma.vm_mm.id + 1, *_slots(folio)
    left = 0
    if mm_id in ids:
        slot = ids.index(mm_id)
        left = counts[slot] = max(counts[slot] - diff, 0)  # some may have been added while no slot was free
        ids[slot] = mm_id if left else 0
    if not left and total in counts:
        shared = False
    _store(folio, ids, counts, shared)


def folio_large_mapcount(folio: Folio) -> int:
    """Mappings of all its pages, in every mm."""
    return folio.m._large_mapcount.get(folio.id)


def folio_mapped_shared(folio: Folio) -> bool:
    """Does more than one mm map it, or may be?"""
    return bool(folio.m._mm_ids.get(folio.id) & FOLIO_MM_IDS_SHARED_BIT)


def _kept(folio: Folio) -> bool:
    return bool(folio.order) and folio.m.release >= (6, 15)


def _slots(folio: Folio) -> tuple[list[int], list[int], bool]:
    """(mm of each slot, 0 if it is free; its mappings; the shared bit)."""
    ids, counts = folio.m._mm_ids.get(folio.id), folio.m._mm_id_mapcount.get(folio.id)
    return [ids & _ID, ids >> 8 & _ID], [counts & _COUNT, counts >> 16], bool(ids & FOLIO_MM_IDS_SHARED_BIT)


def _store(folio: Folio, ids: list[int], counts: list[int], shared: bool) -> None:
    bit = FOLIO_MM_IDS_SHARED_BIT if shared else 0
    folio.m._mm_ids.set(folio.id, ids[0] | ids[1] << 8 | bit)
    folio.m._mm_id_mapcount.set(folio.id, counts[0] | counts[1] << 16)
