# SPDX-License-Identifier: GPL-2.0-only
"""The sentence that says what decided a failure, and all of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import __GFP_DIRECT_RECLAIM, __GFP_NORETRY, __GFP_THISNODE, PAGE_ALLOC_COSTLY_ORDER
from kernelmodel.mm.freelist import Found, Refused
from kernelmodel.mm.memcontrol import try_charge
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.stages import Stage
from kernelmodel.why.lines import found_line, gfp_line, reason_text, try_line
from kernelmodel.why.request import CHARGES, Request, last_pass, masks, outcome_at, path_at, request_at
from kernelmodel.words import compaction

if TYPE_CHECKING:
    from kernelmodel.machine import Machine
    from kernelmodel.session import Session
    from kernelmodel.snapshot import Event

NOT_NATURE = "nature would {}: this answer is the scenario's, or yours"
ENDS = {
    "noretry": "__GFP_NORETRY: one round and no more",
    "noretry-skipped": "__GFP_NORETRY: it ends with a compaction that was skipped",
    "noretry-deferred": "__GFP_NORETRY: it ends with a compaction that was put off",
    "this-node": "nothing is reclaimed and nobody is killed for the sake of one node",
    "retry-mayfail": "__GFP_RETRY_MAYFAIL: no OOM killer",
    "lowmem": "nobody is killed for low memory",
    "oom": "what is left is the OOM killer",
}
"""Why the slow path ends, by the verdict of its last stage."""


class Why(NamedTuple):
    """One failure."""

    step: int
    order: int
    head: str
    """``#12 vma_alloc_folio(order=4) = NULL``."""
    because: str
    """One sentence: what decided it."""
    lines: tuple[str, ...]
    """The request, each zone with its numbers, each stage of the slow path."""


def why(session: Session, step: int) -> Why | None:
    """Why what failed at a step failed; None if nothing did."""
    request = request_at(session, step)
    if request is None:
        return None
    event = session.event(step)
    head = f"#{step} {event.site} = {event.outcome}"
    if request.kind in CHARGES:
        lines = session.as_of(step, lambda: list(charge_lines(session.m, request)))
        return Why(step, request.order, head, lines[0], (gfp_line(request), *lines[1:]))
    return session.as_of(step, lambda: told(session.m, event, head, request))


def request_now(session: Session, order: int, gfp: int) -> list[str]:
    """What any request would get at this stop, without an effort: each zone that lacks something, then the block."""
    return session.as_of(session.step, lambda: _told_now(session.m, order, gfp))


def _told_now(m: Machine, order: int, gfp: int) -> list[str]:
    request = Request("alloc", order, gfp, m.this_node(), False)
    found = look(m, gfp, order, request.node)
    lines = [gfp_line(request), *(try_line(m, each, request) for each in dict.fromkeys(found.tries))]
    return [*lines, found_line(m, found) if isinstance(found, Found) else f"NULL: {because(m, request, found)}"]


def told(m: Machine, event: Event, head: str, request: Request) -> Why:
    """In the machine as it stood."""
    found = outcome_at(m, request)
    lines = [gfp_line(request)]
    if isinstance(found, Found):
        reason = NOT_NATURE.format("have given a folio")
        return Why(event.step, request.order, head, reason, tuple(lines))
    path = path_at(m, request, event)
    lines += [try_line(m, each, request) for each in dict.fromkeys(found.tries)]
    lines += [f"slow path: {stage}" for stage in path]
    alone = "no other node was looked at" if m.zones[-1].node and masks(m, request)[-1] & __GFP_THISNODE else ""
    reasons = [because(m, request, found), alone, effort(request, path)]
    return Why(event.step, request.order, head, "; ".join(filter(None, reasons)), tuple(lines))


def because(m: Machine, request: Request, refused: Refused) -> str:
    """The last word of the freelists: about the first zone of the request's node in the last pass."""
    if not refused.tries:
        return "no zone may serve this request"
    mine = last_pass(m, request, refused)[0]
    zone = m.zones[mine.test.zone]
    return f"node {zone.node} {zone.name}: {reason_text(m, mine, request)}"


def effort(request: Request, path: tuple[Stage, ...]) -> str:
    """Why the slow path did not help: what its last pass did, and why it went no further."""
    path = path[max((n for n, stage in enumerate(path) if stage.at.startswith("pass")), default=0) :]
    if not request.gfp & __GFP_DIRECT_RECLAIM:
        woken = dict.fromkeys(woken_text(stage) for stage in path if stage.verdict in ("woken", "kcompactd"))
        late = f"; {' and '.join(woken)}, too late for it" if woken else ""
        return f"the mask has no __GFP_DIRECT_RECLAIM, so nothing was reclaimed or compacted for it{late}"
    done = {stage.what: stage for stage in path if stage.what.startswith("compact ") or stage.what == "reclaim"}
    said = [f"{what} {stage.verdict}{compaction_text(stage)}" for what, stage in done.items()]
    end = next((stage.verdict for stage in path if stage.what == "nopage"), "")
    if end == "costly":
        said.append(f"order {request.order} is costly (above {PAGE_ALLOC_COSTLY_ORDER}): no retry, no OOM killer")
    elif end in ENDS:
        said.append(ENDS[end])
    return ", ".join(said)


def woken_text(stage: Stage) -> str:
    """``kswapd0 was woken``, or kcompactd0 instead of it."""
    return f"{stage.what if stage.verdict == 'woken' else stage.what.replace('kswapd', 'kcompactd')} was woken"


def compaction_text(stage: Stage) -> str:
    """Why a compaction ended as it did, in brackets."""
    words = compaction(stage.why, *stage.numbers[:1]) if stage.why else ""
    return f" ({words})" if words else ""


def charge_lines(m: Machine, request: Request) -> Iterator[str]:
    """The sentence, then the numbers."""
    limit, usage, nr = m.knobs["memcg_limit"], m.memcg_usage.get(0), 1 << request.order
    charge = try_charge(m, nr, request.gfp) if limit >= 0 else None
    if charge is None or charge.ok:
        yield NOT_NATURE.format("have charged it")
        return
    stocks = sum(n for _, n in m.memcg_stock.items())
    words = [f"usage {usage} + {nr} pages are {usage + nr - limit} above memory.max ({limit})"]
    costly = request.order > PAGE_ALLOC_COSTLY_ORDER
    if not request.gfp & __GFP_DIRECT_RECLAIM:
        words.append("the mask may not reclaim, so it fails at once")
        if stocks:
            words.append(f"{stocks} of the usage are the CPUs' stocks, drained only for a request that may reclaim")
    else:
        back = f" and the CPUs' stocks give {stocks} back" if stocks and charge.drained else ""
        words.append(f"reclaim frees {charge.reclaimed}{back}, which leaves {charge.over} too many")
        if request.gfp & __GFP_NORETRY:
            words.append("__GFP_NORETRY: two rounds and no more")
        elif costly:
            words.append(f"order {request.order} is costly (above {PAGE_ALLOC_COSTLY_ORDER}): no OOM killer")
        else:
            words.append(f"the OOM killer frees {charge.killed}" if charge.killed else "the OOM killer finds nobody")
    yield "; ".join(words)
    yield f"memcg usage {usage}, of which stocks {stocks}, limit {limit}, request {nr} pages"
