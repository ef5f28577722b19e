# SPDX-License-Identifier: GPL-2.0-only
"""The same patch with CONFIG_FLEXIBLE_THP off: alloc_anon_folio is only its fallback.

Message-id 20230714161733.4144503-3-ryan.roberts@arm.com.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import ENOMEM
from kernelmodel.mm.mempolicy import vma_alloc_zeroed_movable_folio
from kernelmodel.structs import Folio, VmFault


def alloc_anon_folio(vmf: VmFault) -> Path[tuple[int, Folio | None]]:
    """One zeroed page: (0, folio) or (-ENOMEM, NULL)."""
    yield Decision("fallback", "", order=0, addr=vmf.address, reason="policy")
    folio = yield from vma_alloc_zeroed_movable_folio(vmf.vma, vmf.address)
    return (0 if folio is not None else -ENOMEM), folio
