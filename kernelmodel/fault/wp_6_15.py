# SPDX-License-Identifier: GPL-2.0-only
"""May a page be written where it is?  mm/memory.c of 6.18: large folios, too, if this mm alone maps them.

6.14 has none of it; that 6.15 was first is not read from its source.
"""

from __future__ import annotations

from kernelmodel.fault import wp
from kernelmodel.mm.large_mapcount import folio_large_mapcount, folio_mapped_shared
from kernelmodel.structs import Folio


def wp_can_reuse_anon_folio(folio: Folio) -> str:
    """'' or why not."""
    return __wp_can_reuse_large_anon_folio(folio) if folio.order else wp.wp_can_reuse_anon_folio(folio)


def __wp_can_reuse_large_anon_folio(folio: Folio) -> str:
    """Every reference comes from a mapping, and every mapping is this mm's."""
    if folio_large_mapcount(folio) <= 1:
        return "last-page"
    if folio_mapped_shared(folio):
        return "mapped-shared"
    return "" if folio_large_mapcount(folio) == folio._refcount else "references"
