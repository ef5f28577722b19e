# SPDX-License-Identifier: GPL-2.0-only
"""Memory for an address under the default policy (mm/mempolicy.c), and its clearing.

What ``hugepage`` means to ``vma_alloc_folio`` differs by release: 6.5 tries this node alone first for any order, 6.7
(commit ddc1a5cbc05d) for PMD_ORDER only, 6.13 has no such argument and looks at the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelmodel.decision import Path, Question
from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_NORETRY,
    __GFP_THISNODE,
    __GFP_ZERO,
    GFP_HIGHUSER_MOVABLE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Found, Refused
from kernelmodel.mm.page_alloc import look, take, take_found
from kernelmodel.structs import Folio, Vma

if TYPE_CHECKING:
    from kernelmodel.mm.slowpath import Effort
    from kernelmodel.mm.stages import Stage


def vma_alloc_folio(gfp: int, order: int, vma: Vma, addr: int, hugepage: bool) -> Path[Folio | None]:
    """Linux 6.5: with ``hugepage`` this node first, whatever the order."""
    return (yield from alloc_pages_mpol(gfp, order, vma.m, addr, hugepage))


def vma_alloc_folio_6_8(gfp: int, order: int, vma: Vma, addr: int, hugepage: bool) -> Path[Folio | None]:
    """Linux 6.7: with ``hugepage`` this node first, for PMD_ORDER; smaller orders may come from any node."""
    return (yield from alloc_pages_mpol(gfp, order, vma.m, addr, hugepage and order == vma.m.arch.pmd_order))


def vma_alloc_folio_6_13(gfp: int, order: int, vma: Vma, addr: int) -> Path[Folio | None]:
    """Linux 6.13: PMD_ORDER from this node first, without being told."""
    return (yield from alloc_pages_mpol(gfp, order, vma.m, addr, order == vma.m.arch.pmd_order))


def alloc_pages_mpol(gfp: int, order: int, m: Machine, addr: int, local: bool) -> Path[Folio | None]:
    """One decision for both passes: this node alone (``local``), then every node.

    The second pass is made only if the request may reclaim; without ``local`` there is one pass over all nodes.
    """
    if m.acts:
        return (yield from alloc_with_effort(gfp, order, m, addr, local))
    node = m.this_node()
    first, *second = masks(gfp, local)

    def passes() -> tuple[int, Found | Refused]:
        found = look(m, first, order, node)
        if second and isinstance(found, Refused):
            return gfp, look(m, gfp, order, node)
        return first, found

    site = f"vma_alloc_folio(order={order})"
    answer = yield Question(
        "alloc", site, lambda: nature(m, node, passes()[1]), "NULL", order, addr, more=operands(m, gfp, node)
    )
    if answer == "NULL":
        return None
    return take(m, passes()[0] if local else gfp, order, node)


def masks(gfp: int, local: bool) -> tuple[int, ...]:
    """The masks of the passes: this node alone (``local``), then, if the request may reclaim, every node."""
    if not local:
        return (gfp,)
    first = gfp | __GFP_THISNODE | __GFP_NORETRY
    return (first, gfp) if gfp & __GFP_DIRECT_RECLAIM else (first,)


def nature(m: Machine, node: int, found: Found | Refused) -> tuple[str, str, int]:
    """What a request of a node comes to, as nature's answer."""
    if isinstance(found, Found):
        return "folio", "" if m.zones[found.zone].node == node else "remote-node", found.block
    return "NULL", found.reason, found.arg


def operands(m: Machine, gfp: int, node: int) -> tuple[tuple[str, Any], ...]:
    """What is told of a request: its mask, and its node where there are several."""
    return (("gfp", gfp), ("node", node)) if m.zones[-1].node else (("gfp", gfp),)


def alloc_with_effort(gfp: int, order: int, m: Machine, addr: int, local: bool) -> Path[Folio | None]:
    """The same where the slow path can do something: it goes first, pass by pass, and the question takes the page.

    A page that another CPU takes away between the two sends the request round again; the kernel looks and takes under
    zone->lock.
    """
    from kernelmodel.mm.slowpath import __alloc_pages, found_by

    node, site = m.this_node(), f"vma_alloc_folio(order={order})"
    first, *second = masks(gfp, local)
    while True:
        effort = yield from __alloc_pages(m, first, order, node)
        mask, path = first, effort.path
        if effort.flags < 0 and second:
            effort = yield from __alloc_pages(m, gfp, order, node)
            mask, path = gfp, both(path, effort)
        answer = yield alloc_question(m, effort, mask, gfp, order, addr, site, path)
        found = found_by(m, effort, mask, order, node)
        if isinstance(found, Found):
            return take_found(m, found, mask, order) if answer != "NULL" else None
        if effort.flags < 0:
            return None


def try_hard(m: Machine, gfp: int, order: int, node: int) -> Path[None]:
    """The slow path for a request that asks a question of its own: what it leaves is there to be found."""
    from kernelmodel.mm.slowpath import __alloc_pages

    yield from __alloc_pages(m, gfp, order, node)


def alloc_question(
    m: Machine, effort: Effort, mask: int, gfp: int, order: int, addr: int, site: str, path: tuple[Stage, ...]
) -> Question:
    """Whether the page that an effort has found is to be had; ``path`` tells the way to it."""
    from kernelmodel.mm.slowpath import found_by

    node = m.this_node()

    def peek() -> tuple[str, str, int]:
        return nature(m, node, found_by(m, effort, mask, order, node))

    more = operands(m, gfp, node)
    if path:
        from kernelmodel.mm.stages import text

        more = (*more, ("path", text(path)))
    return Question("alloc", site, peek, "NULL", order, addr, more=more)


def both(path: tuple[Stage, ...], effort: Effort) -> tuple[Stage, ...]:
    """The way through the pass over this node alone, which found nothing, and through the one over all."""
    from kernelmodel.mm.stages import Stage

    end = "NULL" if effort.flags < 0 else "found"
    return Stage("pass 1", "this node", "NULL"), *path, Stage("pass 2", "every node", end), *effort.path


def vma_alloc_zeroed_movable_folio(vma: Vma, addr: int) -> Path[Folio | None]:
    """One zeroed page, as the order-0 fault always asked for (__GFP_ZERO, or cleared afterwards)."""
    return (yield from alloc_pages_mpol(GFP_HIGHUSER_MOVABLE | __GFP_ZERO, 0, vma.m, addr, False))


def clear_huge_page(folio: Folio, hint: int) -> None:
    """Zero the whole folio, the page of ``hint`` (an address) last."""
    del hint  # the order of clearing leaves no trace
    folio.cleared += 1


folio_zero_user = clear_huge_page
"""Its name from 6.11 on (mm/memory.c)."""


def user_alloc_needs_zeroing(m: Machine) -> bool:
    """Did the allocator leave the memory as it was?  (6.13; no arch here has aliasing caches.)"""
    return not m.knobs["init_on_alloc"]
