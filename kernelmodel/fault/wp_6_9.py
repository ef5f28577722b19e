# SPDX-License-Identifier: GPL-2.0-only
"""May a page be written where it is?  mm/memory.c of 6.9 to 6.14: never a page of a large folio."""

from __future__ import annotations

from kernelmodel.fault import wp
from kernelmodel.structs import Folio


def wp_can_reuse_anon_folio(folio: Folio) -> str:
    """A page of a large folio is copied, even the last one: so the folio is given back sooner."""
    return "large-folio" if folio.order else wp.wp_can_reuse_anon_folio(folio)
