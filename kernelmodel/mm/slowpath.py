# SPDX-License-Identifier: GPL-2.0-only
"""What the allocator does where the fast path finds nothing (Linux mm/page_alloc.c, __alloc_pages_slowpath()).

It wakes kswapd, looks again down to the min watermark, compacts, reclaims, and looks after each of these.  The path
ends with the alloc flags with which a page is there, or says why there is none; the ``alloc`` question that follows
takes it.  ``reclaim`` and ``compact`` are asked where the environment could answer otherwise, which is where the
background has pages that can be freed or moved.  In a machine that has none of these nothing is asked and nothing is
stored: ``told_path`` is what the kernel would have gone through.

There is no kswapd, and no OOM killer: an allocation that would make the kernel kill ends here, with ``oom``.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.decision import GeneratorDriver, Path
from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_NOFAIL,
    __GFP_NORETRY,
    __GFP_THISNODE,
    ALLOC_MIN_RESERVE,
    MIGRATE_MOVABLE,
    PAGE_ALLOC_COSTLY_ORDER,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.freelist import Found, Refused, fast_flags, get_page_from_freelist, slow_flags
from kernelmodel.mm.slow_retry import Tries, again
from kernelmodel.mm.slow_steps import (
    ASYNC,
    __alloc_pages_direct_compact,
    __alloc_pages_direct_reclaim,
    freelist,
    wake_all_kswapds,
)
from kernelmodel.mm.stages import Stage, fold
from kernelmodel.mm.vmscan import gfp_compaction_allowed
from kernelmodel.mm.zonelist import zonelist

MAX_ROUNDS = 1024
"""After so many rounds the model gives up; the kernel's own bounds, and memory, end sooner."""


class Effort(NamedTuple):
    """How far a request got."""

    flags: int
    """Alloc flags with which get_page_from_freelist() finds a page; -1: NULL."""
    reason: str = ""
    """Why there is none: a code of freelist.Refused, or ``oom``."""
    arg: int = 0
    path: tuple[Stage, ...] = ()


def found_by(m: Machine, effort: Effort, gfp: int, order: int, node: int) -> Found | Refused:
    """The page that an effort has led to, as far as it is still there.  No store."""
    if effort.flags < 0:
        return Refused(effort.reason, effort.arg)
    return get_page_from_freelist(m, gfp, order, effort.flags, node)


def __alloc_pages(m: Machine, gfp: int, order: int, node: int) -> Path[Effort]:
    """The fast path, and the slow path where it finds nothing."""
    flags = fast_flags(m, gfp, node)
    found, stage = freelist(m, gfp, order, flags, node, "fast")
    if found:
        return Effort(flags)
    effort = yield from __alloc_pages_slowpath(m, gfp, order, node)
    return effort._replace(path=fold((stage, *effort.path)))


def told_path(m: Machine, gfp: int, order: int, node: int) -> tuple[Stage, ...]:
    """What a request goes through in this state of a machine that has nothing to reclaim and nothing to move."""
    driver = GeneratorDriver(__alloc_pages(m, gfp, order, node))
    if m.acts or driver.advance(None) is not None:
        return ()
    effort: Effort = driver.result
    return effort.path


# -- the state machine -------------------------------------------------------------------------------
def __alloc_pages_slowpath(m: Machine, gfp: int, order: int, node: int) -> Path[Effort]:
    """S0 to S9 of the facts: 6.5 … 6.18, and 7.0, which has the first compaction inside the loop.

    __GFP_NOFAIL goes round again as long as a round has changed something; the kernel would spin where this ends.
    """
    direct, flags = bool(gfp & __GFP_DIRECT_RECLAIM), slow_flags(m, gfp, order)
    if not zonelist(m, node, gfp):
        return Effort(-1, "no-zone", 0, (Stage("FAIL", "zonelist", "no-zone"),))
    woken = wake_all_kswapds(m, gfp, order, node, "S0")
    found, stage = freelist(m, gfp, order, flags, node, "S1")
    path, tries = (*woken, stage), Tries(flags=flags)
    if found:
        return Effort(flags, path=path)
    first = direct and compacts_first(m, gfp, order)
    if first:
        done, result, more = yield from __alloc_pages_direct_compact(m, gfp, order, flags, node, ASYNC, "S2")
        path = (*path, *more)
        if done:
            return Effort(flags, path=path)
        why = gives_up_early(m, gfp, order, result)
        if why:
            return failed(m, gfp, order, node, tries, path, why)
        if gfp & __GFP_NORETRY and (order > PAGE_ALLOC_COSTLY_ORDER or m.release >= (7, 0)):
            tries = tries._replace(priority=ASYNC)
    for round in range(MAX_ROUNDS):
        if round or first or m.release < (7, 0):
            woken = wake_all_kswapds(m, gfp, order, node, "S3")
            found, stage = freelist(m, gfp, order, tries.flags, node, "S3")
            path = (*path, *woken, stage)
            if found:
                return Effort(tries.flags, path=path)
        if not direct:
            return failed(m, gfp, order, node, tries, path, "no-direct-reclaim")
        done, progress, more = yield from __alloc_pages_direct_reclaim(m, gfp, order, tries.flags, node)
        path = (*path, *more)
        if done:
            return Effort(tries.flags, path=path)
        done, result, more = yield from __alloc_pages_direct_compact(
            m, gfp, order, tries.flags, node, tries.priority, "S5"
        )
        path = (*path, *more)
        if done:
            return Effort(tries.flags, path=path)
        verdict, tries, more = again(m, gfp, order, node, tries, progress, result)
        path = (*path, *more)
        if verdict == "found":
            return Effort(tries.flags, path=path)
        if verdict != "retry" and not (gfp & __GFP_NOFAIL and progress):
            return failed(m, gfp, order, node, tries, path, verdict)
    return failed(m, gfp, order, node, tries, path, "too-many-rounds")


def compacts_first(m: Machine, gfp: int, order: int) -> bool:
    """Costly orders, and those of other types than movable, compact before they reclaim."""
    if not gfp_compaction_allowed(m, gfp):
        return False
    return order > PAGE_ALLOC_COSTLY_ORDER or (order > 0 and gfp_migratetype(gfp) != MIGRATE_MOVABLE)


def gives_up_early(m: Machine, gfp: int, order: int, result: str) -> str:
    """Why a request with __GFP_NORETRY ends after the first compaction; '' if it goes on."""
    if not gfp & __GFP_NORETRY:
        return ""
    if m.release >= (7, 0):
        return "this-node" if gfp & __GFP_THISNODE else ""
    if order <= PAGE_ALLOC_COSTLY_ORDER:
        return ""
    if result in ("skipped", "deferred"):
        return f"noretry-{result}"
    return "this-node" if gfp & __GFP_THISNODE and m.release >= (6, 18) else ""


def failed(m: Machine, gfp: int, order: int, node: int, tries: Tries, path: tuple[Stage, ...], why: str) -> Effort:
    """NULL.  __GFP_NOFAIL gets a last look into the reserves first."""
    if gfp & __GFP_NOFAIL and gfp & __GFP_DIRECT_RECLAIM:
        found, stage = freelist(m, gfp, order, ALLOC_MIN_RESERVE, node, "FAIL")
        path = (*path, stage)
        if found:
            return Effort(ALLOC_MIN_RESERVE, path=path)
    path = (*path, Stage("FAIL", "nopage", why))
    if why == "oom":
        return Effort(-1, "oom", 0, path)
    refused = get_page_from_freelist(m, gfp, order, tries.flags, node)
    if isinstance(refused, Found):  # an oom or a bound, with a page that only the last look did not see
        return Effort(tries.flags, path=path)
    return Effort(-1, refused.reason, refused.arg, path)
