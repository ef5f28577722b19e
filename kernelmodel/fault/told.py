# SPDX-License-Identifier: GPL-2.0-only
"""What the loops over orders say, the same in every variant: no kernel code, only the decisions made from it."""

from __future__ import annotations

from kernelmodel.decision import Decision
from kernelmodel.mm.huge_mm import highest_order
from kernelmodel.mm.pgtable import first_populated, pte_index
from kernelmodel.structs import VmFault


def policy(orders: list[int], highest: int) -> Decision:
    """The orders that are offered, highest first; ``highest`` is 0 if there is none."""
    return Decision("policy", ",".join(map(str, orders)) or "none", order=highest)


def policy_mask(orders: int) -> Decision:
    """The same where the orders are the bits of a mask."""
    return policy([k for k in range(orders.bit_length() - 1, -1, -1) if orders >> k & 1], highest_order(orders))


def uffd_marker(vmf: VmFault, marker: bool) -> Decision:
    """Whether the PTE was a uffd-wp marker when the fault began: then the fault gets one page."""
    return Decision("uffd", "armed" if marker else "clear", addr=vmf.address, reason="marker" if marker else "")


def uffd_armed(vmf: VmFault, armed: bool) -> Decision:
    """Whether userfaultfd_armed(vma): then the fault gets one page."""
    return Decision("uffd", "armed" if armed else "clear", addr=vmf.address, reason="armed" if armed else "")


def pte_range(vmf: VmFault, pte: int, order: int, addr: int, populated: bool, i: int = -1) -> Decision:
    """Whether the PTEs of an order's range, from place ``pte`` on, are all none; else which is in the way."""
    if not populated:
        return Decision("pte-range", "none", order, addr, i)
    at = first_populated(vmf.m, pte, 1 << order)
    kind = vmf.m.arch.pte_kind(vmf.m.pgtable.get(pte + at))
    index = pte_index(vmf.m, addr) + at
    return Decision("pte-range", "populated", order, addr, i, "populated", index, (("found", kind),))


def step_down(old: int, new: int, reason: str, i: int = -1) -> Decision:
    """A lower order is next."""
    return Decision("step-down", "", i=i, reason=reason, more=(("from", old), ("to", new)))


def recheck(vmf: VmFault, addr: int, nr_pages: int, changed: bool) -> Decision:
    """The test under the lock, of the ``nr_pages`` PTEs from ``vmf.pte`` on."""
    if not changed:
        return Decision("recheck", "same", addr=addr, more=(("nr", nr_pages),))
    assert vmf.pte is not None
    at = first_populated(vmf.m, vmf.pte, nr_pages)
    if at < 0:
        return Decision("recheck", "changed", addr=addr, more=(("nr", nr_pages),))
    index = pte_index(vmf.m, addr) + at
    return Decision("recheck", "changed", addr=addr, reason="populated", arg=index, more=(("nr", nr_pages),))
