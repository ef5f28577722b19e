# SPDX-License-Identifier: GPL-2.0-only
"""A session without an engine: a hand-written list of snapshots of the case that does not fit the VMA."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kernelmodel.arch import ARCHES
from kernelmodel.scenario import load
from kernelmodel.snapshot import (
    Bracket,
    CallView,
    Change,
    CpuView,
    EntryView,
    Event,
    Local,
    NextBlock,
    OrderRow,
    PteCell,
    Snapshot,
    TimelineMark,
    View,
    VmaView,
    WalkRow,
    WatchView,
    ZoneView,
)

START = 0x7F0000002000
END = START + (1 << 20)
FAULT = START + 0x3000
VIEW = View()
BASE = 0x7F0000000000

GATE = (
    "def __handle_mm_fault(m, vma, address, flags):",
    '    """The levels above the PTEs, then the PTE level."""',
    "    vmf = VmFault(vma, address, flags)",
    "    yield from walk_to_pmd(m, vmf)",
    "    gate = pmd_state(m, vmf)",
    "    yield Decision('pmd-gate', gate)",
    "    if gate == 'try':",
    "        ret = yield from create_huge_pmd(m, vmf)",
    "        if ret != VM_FAULT_FALLBACK:",
    "            return ret",
    "    return (yield from handle_pte_fault(m, vmf))",
)
ALLOC = (
    "def alloc_anon_folio(m, vmf):",
    '    """A folio for an anonymous fault: two orders, then one page."""',
    "    vma = vmf.vma",
    "    prefer = anon_folio_order(m, vma)",
    "    orders = [prefer, 3 if prefer > 3 else 0, 0]",
    "    yield Decision('policy', words(orders))",
    "    i = 0",
    "    if uffd_wp_marker(vmf.orig_pte):",
    "        return (yield from fallback(m, vmf, 'uffd'))",
    "    while orders[i]:",
    "        addr = align_down(vmf.address, PAGE_SIZE << orders[i])  # the candidate",
    "        fits = addr >= vma.vm_start and addr + (PAGE_SIZE << orders[i]) <= vma.vm_end",
    "        yield Decision('vma-bounds', 'fits' if fits else 'outside', orders[i], addr, i)",
    "        if fits:",
    "            break",
    "        i += 1",
    "    if not orders[i]:",
    "        return (yield from fallback(m, vmf, 'vma-bounds'))",
    "    pte = yield from pte_offset_map(m, vmf)",
    "    if pte is None:",
    "        return -EAGAIN",
)
FALLBACK = (
    "def fallback(m, vmf, reason):",
    "    yield Decision('fallback', reason)",
    "    folio = yield from vma_alloc_zeroed_movable_folio(m, vmf.vma, vmf.address)",
    "    return 0 if folio else -ENOMEM",
)


SEED = Path(__file__).parents[2] / "scenarios" / "seed" / "unfit.toml"


@dataclass(frozen=True)
class Stop:
    """Same shape as the session's."""

    kind: str
    step: int
    text: str


# (kind, outcome, order, i, addr, reason, why, function, line)
RUN: list[tuple[str, str, int, int, int, str, str, str, int]] = [
    ("pmd-gate", "none", -1, -1, FAULT, "", "", "__handle_mm_fault", 6),
    ("orig-pte", "pmd-none", -1, -1, FAULT, "", "", "handle_pte_fault", 4),
    ("pte-alloc", "table", -1, -1, FAULT, "", "", "do_anonymous_page", 3),
    ("policy", "4,3", -1, -1, -1, "", "", "alloc_anon_folio", 6),
    ("uffd", "clear", -1, -1, -1, "", "", "alloc_anon_folio", 8),
    (
        "vma-bounds",
        "outside",
        4,
        0,
        BASE,
        "below-vm_start",
        "range starts 0x2000 below vm_start",
        "alloc_anon_folio",
        13,
    ),
    ("step-down", "3", 4, 0, -1, "vma-bounds", "", "alloc_anon_folio", 16),
    (
        "vma-bounds",
        "outside",
        3,
        1,
        BASE,
        "below-vm_start",
        "range starts 0x2000 below vm_start",
        "alloc_anon_folio",
        13,
    ),
    ("fallback", "vma-bounds", 4, 2, -1, "vma-bounds", "no order fits the VMA", "fallback", 2),
    ("alloc", "folio", 0, -1, FAULT, "", "", "fallback", 3),
    ("charge", "0", 0, -1, FAULT, "", "", "do_anonymous_page", 12),
    ("lock", "locked", -1, -1, FAULT, "", "", "do_anonymous_page", 15),
    ("install", "order 0", 0, -1, FAULT, "", "", "do_anonymous_page", 24),
    ("return", "0", -1, -1, FAULT, "", "", "__handle_mm_fault", 11),
]


def event(step: int) -> Event:
    """The decision at ``step``; an empty one at the end."""
    if step >= len(RUN):
        return Event(step, 0, 0, "", "", "", 0, "", -1, -1, -1, "", "", True, False, ())
    kind, outcome, order, i, addr, reason, why, function, line = RUN[step]
    return Event(step, 0, 0, kind, kind, function, line, outcome, order, i, addr, reason, why, True, False, ())


def _calls(step: int) -> tuple[CallView, ...]:
    if step >= len(RUN):
        return ()
    local = (
        Local("address", hex(FAULT), step == 0, ""),
        Local("gate", "none", False, ""),
        Local("ret", "0", False, ""),
    )
    outer = CallView("__handle_mm_fault", 6 if step == 0 else 11, False, local, GATE, (0,) * 5 + (1,) + (0,) * 5)
    if step in (0, 13):
        return (outer,)
    between = (
        CallView("handle_pte_fault", 9, False, (Local("vmf", "vmf", False, ""),), GATE, ()),
        CallView("do_anonymous_page", 6, False, (Local("vmf", "vmf", False, ""),), GATE, ()),
    )
    function, line = RUN[step][7], RUN[step][8]
    if step == 1:
        return (outer, between[0])
    if function == "do_anonymous_page":
        return (outer, *between)
    i = 0 if step < 7 else 1 if step == 7 else 2
    locals_ = (
        Local("vma", "heap", False, ""),
        Local("prefer", "4", step == 3, ""),
        Local("orders", "{4, 3, 0}", step == 3, ""),
        Local("i", str(i), step in (7, 8), str(i - 1)),
        Local("addr", hex(BASE), step == 5, "0"),
        Local("fits", "false", step == 5, ""),
    )
    hits = tuple(
        sum(1 for r in RUN[: step + 1] if r[7] == "alloc_anon_folio" and r[8] == n + 1) for n in range(len(ALLOC))
    )
    alloc = CallView("alloc_anon_folio", line if function == "alloc_anon_folio" else 18, False, locals_, ALLOC, hits)
    if function == "alloc_anon_folio":
        return (outer, *between, alloc)
    inner = CallView("fallback", line, False, (Local("reason", '"vma-bounds"', step == 8, ""),), FALLBACK, (0, 1, 0, 0))
    deep = (CallView("vma_alloc_folio", 9, True, (Local("order", "0", True, ""),), GATE, ()),) if step == 9 else ()
    return (outer, *between, alloc, inner, *deep)


def _orders(step: int) -> tuple[OrderRow, ...]:
    if step < 3 or step >= len(RUN):
        return ()
    why = "range starts 0x2000 below vm_start"
    first = "below-vm_start" if step >= 5 else ""
    second = "below-vm_start" if step >= 7 else ""
    i = 0 if step < 6 else 1 if step < 8 else 2
    return (
        OrderRow(4, 65536, BASE, first, "", "", "", why if first else "", i == 0, step == 5),
        OrderRow(3, 32768, BASE, second, "", "", "", why if second else "", i == 1, step == 7),
        OrderRow(0, 4096, -1, "", "", "", "", "", i == 2, step == 8),
    )


def _ptes(step: int, view: View, mapped: bool) -> tuple[PteCell, ...]:
    cells = []
    for index in range(view.ptes):
        addr = BASE + index * 4096
        kind = "none" if START <= addr < END else "outside"
        here = addr == FAULT and mapped
        value = 0x8000000000123867 if here else 0
        cells.append(
            PteCell(index, addr, value, "page" if here else kind, 0 if here else -1, here, here and step == 12)
        )
    return tuple(cells)


def watches(step: int, view: View) -> tuple[WatchView, ...]:
    """``i`` has the values of the local, ``nr_free`` a constant, everything else none."""
    found = []
    for text in view.watch:
        if text == "i" and 5 <= step < len(RUN):
            i = 0 if step < 7 else 1 if step == 7 else 2
            changed = step in (7, 8)
            found.append(WatchView(text, str(i), changed, str(i - 1) if changed else "", True))
        elif text == "zone->nr_free_pages":
            found.append(WatchView(text, "15360 (0x3c00)", False, "", True))
        else:
            found.append(WatchView(text, f"no value of {text} here", False, "", False))
    return tuple(found)


def _listed(step: int, last: int, view: View) -> tuple[Event, ...]:
    if view.event_at >= 0:
        begin = max(0, min(view.event_at - view.events // 2, last + 1 - view.events))
        return tuple(event(n) for n in range(begin, min(begin + view.events, last + 1)))
    return tuple(event(n) for n in range(max(0, step - view.events + 1), min(last, step + 3) + 1))


def _overview(last: int, view: View) -> tuple[int, tuple[int, ...]]:
    if not view.overview:
        return 0, ()
    bucket = -(-(last + 1) // view.overview)
    return bucket, tuple(int(at <= 8 < at + bucket and last >= 8) for at in range(0, last + 1, bucket))


def snapshot(step: int, last: int | None = None, view: View = VIEW) -> Snapshot:
    """What the session would show at ``step`` of a run of which ``last`` steps are known."""
    last = step if last is None else last
    mapped = step >= 12
    brackets = tuple(
        Bracket(row.order, 0, (1 << row.order) - 1, row.bounds, row.why) for row in _orders(step) if row.start >= 0
    )
    index = (view.pte_at - BASE) // 4096 if view.pte_at >= 0 else 5
    at_fault = index == 5 and mapped
    bits = ("NX", "DIRTY", "ACCESSED", "USER", "RW", "PRESENT")
    entry = EntryView(
        BASE + index * 4096, index, 0x8000000000123867 if at_fault else 0, bits if at_fault else (),
        "page" if at_fault else "none" if index >= 2 else "outside", 0x123 if at_fault else -1,
        0x123 if at_fault else -1, 0, 1, 1, ("uptodate", "swapbacked") if at_fault else (),
    )  # fmt: skip
    free = [0] * 10 + [15]
    delta = [0] * 11
    if step >= 9:
        free = [1] * 10 + [14]
    if step == 9:
        delta = [1] * 10 + [-1]
    table = "table" if step >= 2 else "none"
    calls = _calls(step)
    done = step >= len(RUN)
    now = None if done else event(step)
    text = (
        "the scenario has ended"
        if done
        else f"{RUN[step][0]} {RUN[step][1]}" + (f": {RUN[step][6]}" if RUN[step][6] else "")
    )
    marks = tuple(
        TimelineMark(n, 0, event(n).kind, event(n).outcome == "outside" or event(n).kind == "fallback", False)
        for n in range(last + 1)
    )
    bucket, overview = _overview(last, view)
    return Snapshot(
        title="64K and 32K start before vm_start: order-0", name="seed/unfit.toml", variant="v3", arch="x86-64",
        page_size=4096, pmd_order=9, step=step, last=last, stop="end" if done else "decision", stop_text=text, cpu=0,
        event=now, outcomes=("folio", "NULL") if step == 9 else (), forcible=(), access="write heap+0x3000",
        address=FAULT, calls=calls, frame=len(calls) - 1 if view.frame < 0 else min(view.frame, len(calls) - 1),
        orders=_orders(step), gfp=0x140CCA if step >= 8 else -1,
        gfp_names=("GFP_HIGHUSER_MOVABLE", "__GFP_ZERO") if step >= 8 else (),
        walk=(
            WalkRow("pgd", 0xFE, 0x1000067, "table", False), WalkRow("p4d", 0, 0x1000067, "table", False),
            WalkRow("pud", 0, 0x1001067, "table", False), WalkRow("pmd", 0, 0x1002067 if step >= 2 else 0, table, step == 2),
            WalkRow("pte", 5, 0x8000000000123867 if mapped else 0, "page" if mapped else "none", step == 12),
        ),
        ptes=_ptes(step, view, mapped), fault_index=5, brackets=brackets, entry=entry,
        vmas=(VmaView("heap", START, END, ("VM_READ", "VM_WRITE", "VM_HUGEPAGE"), (), step >= 2, True),),
        zones=(ZoneView("Normal", 0, tuple(free), tuple(delta), 15360 - (step >= 9), 256, 320, 384,
                        tuple(NextBlock(0x400 * 4, order if step >= 9 and order < 10 else 10) for order in range(11))),),
        changes=(Change("pmd[000]", "0", "0x1002067", 2),) if step == 2 else
        (Change("zone Normal free_area[10].nr_free", "15", "14", 9), Change("page 0x123 refcount", "0", "1", 9))
        if step == 9 else (),
        events=_listed(step, last, view), watches=watches(step, view), bucket=bucket, overview=overview,
        since=view.since if view.since >= 0 else step - 1,
        timeline=marks, fallbacks=(8,) if last >= 8 else (),
        cpus=(CpuView(0, "write heap+0x3000", "stopped", calls[-1].function if calls else "", 0),), locks=(),
        counters=(("pgfault", 1),) if step >= 13 else (), memcg=(1 if step >= 10 else 0, -1),
    )  # fmt: skip


class FakeSession:
    """The part of ``Session`` that the terminal calls, over ``RUN``."""

    def __init__(self) -> None:
        self.step = 0
        self.last = 0
        self.variant = "v3"
        self.scenario = load(str(SEED))
        self.m: Any = SimpleNamespace(nr_cpus=1, arch=ARCHES["x86-64"])
        self.forced: dict[int, str] = {}
        self.answers = self.forced

    @property
    def stop(self) -> Stop:
        """The present stop."""
        now = snapshot(self.step)
        return Stop(now.stop, self.step, now.stop_text)

    @property
    def end(self) -> Stop | None:
        """How the run ended, as far as it is known."""
        return Stop("end", len(RUN), snapshot(len(RUN)).stop_text) if self.last >= len(RUN) else None

    def calls(self) -> list[Any]:
        """No path runs here."""
        return []

    def advance(self, answer: str | None = None) -> Stop:
        """One stop forward; an answer cuts the known run."""
        if self.step < len(RUN):
            if answer is not None and answer != RUN[self.step][1]:
                self.forced[self.step] = answer
                self.last = self.step
            self.step += 1
            self.last = max(self.last, self.step)
        return self.stop

    def seek(self, n: int) -> Stop:
        """Anywhere in 0 … last."""
        self.step = max(0, min(n, self.last))
        return self.stop

    def event(self, step: int) -> Event:
        """The decision at a known step."""
        found = event(step)
        return found._replace(outcome=self.forced[step], natural=False) if step in self.forced else found

    def depth(self, step: int) -> int:
        """Call depth."""
        return len(_calls(step))

    def access_of(self, step: int) -> int:
        """There is one access."""
        return 0

    def snapshot(self, view: View) -> Snapshot:
        """As ``snapshot`` above, with the answers given."""
        found = snapshot(self.step, self.last, view)
        marks = tuple(mark._replace(forced=mark.step in self.forced) for mark in found.timeline)
        return found._replace(timeline=marks, events=tuple(self.event(e.step) for e in found.events))

    def find_event(self, text: str, start: int, direction: int, poll: Any = None) -> int:
        """The next known step whose kind or outcome has the text, going round; -1 if none."""
        many = self.last + 1
        for by in range(1, many + 1):
            at = (start + direction * by) % many
            if text.lower() in f"{event(at).kind} {event(at).outcome}".lower():
                return at
        return -1

    def variable(self, name: str) -> Any:
        """None here."""
        return None

    def lookup(self, name: str) -> int | None:
        """Integers among fields of the event."""
        value = getattr(self.event(self.step), name, None)
        return value if isinstance(value, int) else None

    def fork(self) -> FakeSession:
        """A copy."""
        other = FakeSession()
        other.step, other.last, other.forced = self.step, self.last, dict(self.forced)
        return other

    def token(self) -> str:
        """Fixed."""
        return "thp1:seed/unfit.toml:00000000:v3:"
