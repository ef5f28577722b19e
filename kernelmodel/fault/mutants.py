# SPDX-License-Identifier: GPL-2.0-only
"""What the thread of 17 July 2023 weighs against ``return -EAGAIN`` where pte_offset_map() gives NULL (v3, v4).

Each is put around the patch's own alloc_anon_folio(), which has then returned -EAGAIN: for that reason and no other.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, KernelBug, Path
from kernelmodel.defs import EAGAIN, EINVAL, ENOMEM
from kernelmodel.fault import VARIANTS
from kernelmodel.fault.images import Variant
from kernelmodel.fault.v3 import anon_folio_order
from kernelmodel.mm.mempolicy import vma_alloc_zeroed_movable_folio
from kernelmodel.structs import Folio, VmFault


def wrap(variant: Variant, mutants: frozenset[str]) -> Variant:
    """The variant with its mutants' functions."""
    chosen = [ALTERNATIVES[name] for name in sorted(mutants & ALTERNATIVES.keys())]
    return variant._replace(alloc_anon_folio=chosen[0]) if chosen else variant


def alloc_anon_folio_or_einval(vmf: VmFault) -> Path[tuple[int, Folio | None]]:
    """do_anonymous_page() knows no -EINVAL: without a folio it is out of memory."""
    ret, folio = yield from VARIANTS[vmf.m.variant.id].alloc_anon_folio(vmf)
    return (-EINVAL if ret == -EAGAIN else ret), folio


def alloc_anon_folio_or_bug(vmf: VmFault) -> Path[tuple[int, Folio | None]]:
    """The kernel stops."""
    ret, folio = yield from VARIANTS[vmf.m.variant.id].alloc_anon_folio(vmf)
    if ret == -EAGAIN:
        raise KernelBug("BUG_ON", "alloc_anon_folio() found no page table below the PMD")
    return ret, folio


def alloc_anon_folio_or_warn(vmf: VmFault) -> Path[tuple[int, Folio | None]]:
    """A warning, and one page; that it can't be mapped is found out under the lock."""
    ret, folio = yield from VARIANTS[vmf.m.variant.id].alloc_anon_folio(vmf)
    if ret == -EAGAIN:
        yield Decision("warn", "NULL", addr=vmf.address, reason="pte-null")
        yield Decision("fallback", "", order=anon_folio_order(vmf.vma), addr=vmf.address, reason="warn")
        folio = yield from vma_alloc_zeroed_movable_folio(vmf.vma, vmf.address)
        ret = 0 if folio is not None else -ENOMEM
    return ret, folio


def alloc_anon_folio_untested(vmf: VmFault) -> Path[tuple[int, Folio | None]]:
    """The range is read from NULL on, which is mapped nowhere."""
    ret, folio = yield from VARIANTS[vmf.m.variant.id].alloc_anon_folio(vmf)
    if ret == -EAGAIN:
        raise KernelBug("page fault", "alloc_anon_folio() reads PTEs from a NULL pointer")
    return ret, folio


ALTERNATIVES = {
    "-EINVAL": alloc_anon_folio_or_einval, "BUG_ON": alloc_anon_folio_or_bug, "WARN": alloc_anon_folio_or_warn,
    "no test": alloc_anon_folio_untested,
}  # fmt: skip
"""alloc_anon_folio() by the name of the mutant."""
