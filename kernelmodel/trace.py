# SPDX-License-Identifier: GPL-2.0-only
"""A run as records: one dict a line of NDJSON, or one line of text.

``follow`` drives a session from where it stands and yields each record once it is settled: a question when its CPU has
gone on, a pass through the fault path when it returned, an access when it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kernelmodel.cpus import event_text
from kernelmodel.defs import call_result, result_name
from kernelmodel.held import held_by
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.vmstat import counters, mthp_stats, stat_name, stat_unit
from kernelmodel.session import AccessEnd, Session
from kernelmodel.snapshot import Event
from kernelmodel.structs import Mm
from kernelmodel.tokens import make

if TYPE_CHECKING:
    from kernelmodel.stops import Breakpoints

SCHEMA = "thp-debug/1"
Record = dict[str, Any]


def record(kind: str, /, **fields: Any) -> Record:
    """A record with its schema; fields that are None do not apply and are left out."""
    return {"schema": SCHEMA, "type": kind, **{key: value for key, value in fields.items() if value is not None}}


def follow(session: Session, breaks: Breakpoints | None = None, until: int = -1) -> Iterator[Record]:
    """Run to the end, the first breakpoint or a step; the last two records are ``stop`` and ``summary``."""
    feed = Feed(session)
    hit = None
    while True:
        yield from feed.settled()
        ended = session.finished and session.step == session.last
        hit = breaks.match(session) if breaks is not None and len(breaks) and not ended else None
        if hit is not None or ended or session.step == until:
            break
        session.advance()
    yield from feed.rest()
    if hit is not None:
        event = session.event(session.step)
        reason = hit.trouble or (hit.words if hit.watch else f"{hit.text}: {event.why or event.outcome or event.kind}")
        yield record("stop", kind="break", step=session.step, reason=reason, **{"break": hit.number})
    else:
        kind = session.stop.kind
        yield record("stop", kind="break" if kind == "decision" else kind, step=session.step, reason=session.stop.text)
    yield summary(session, until >= 0)


class Feed:
    """Which steps and accesses were reported already."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.next = session.step
        self.access = sum(end.step < session.step for end in session.ended)

    def settled(self) -> Iterator[Record]:
        """Everything that is new and will not change any more."""
        while self.next <= self.session.step and not self.session.pending(self.next):
            yield from self._step()

    def rest(self) -> Iterator[Record]:
        """Everything that is left, as it stands."""
        while self.next <= self.session.step:
            yield from self._step()

    def _step(self) -> Iterator[Record]:
        session, step = self.session, self.next
        self.next += 1
        while self.access < len(session.ended) and session.ended[self.access].step <= step:
            end = session.ended[self.access]
            self.access += 1
            access = session.scenario.events[end.event].is_access
            yield access_record(session, end) if access else event_record(session, end)
        event = session.event(step)
        if not event.kind:
            return
        yield decision_record(session, event)
        if event.kind == "return":
            yield fault_record(session, event)
        elif (event.kind, event.outcome) in (("uffd-missing", "missing"), ("wp", "uffd"), ("huge-wp", "uffd")):
            yield uffd_record(session, event)


# -- records -----------------------------------------------------------------------------------------
OTHERS = frozenset({"MM_ANONPAGES", "nr_anon_pages", "nr_anon_transparent_hugepages", "thp_fault_alloc"})
"""Statistics that a forced leaf changes on behalf of the CPU that is imagined to have mapped it."""
_NO_OUTCOME = frozenset({"install", "return", "bug", "step-down", "fallback", "retry"})


def decision_record(session: Session, event: Event) -> Record:
    """One decision, with its operands by name."""
    more: Record = {key: f"{value:#x}" if key == "gfp" else value for key, value in event.more}
    operand = session.log.operand(event.step)
    if event.kind == "install":
        more = {"mapped": event.outcome, "pfn": operand, "start": hex(event.addr), **more}
    elif event.kind == "return":
        more["result"] = event.outcome
    elif event.kind == "bug":
        more["name"] = event.outcome
    return record(
        "decision",
        step=event.step,
        cpu=event.cpu,
        process=process_of(session, event.step),
        fault=event.fault if event.fault >= 0 else None,
        kind=event.kind,
        site=event.site,
        function=event.function,
        line=event.line,
        i=event.i if event.i >= 0 else None,
        order=event.order if event.order >= 0 else None,
        addr=hex(event.addr) if event.addr >= 0 else None,
        outcome=None if event.kind in _NO_OUTCOME else event.outcome,
        reason=event.reason or None,
        why=event.why or None,
        natural=event.natural,
        forced=True if event.forced else None,
        holds=session.as_of(event.step, lambda: held_by(session.m, event.cpu)) if session.m.nr_cpus > 1 else None,
        **more,
    )


def process_of(session: Session, step: int) -> str | None:
    """Whose stop it is, where the scenario has several processes."""
    if len(session.scenario.processes) == 1:
        return None
    return session.scenario.events[session.access_of(step)].process


def fault_record(session: Session, event: Event) -> Record:
    """One pass through the fault path, at its ``return``."""
    log = session.log
    first = event.step
    mapped: Record = {}
    while first and log.fault[first - 1] == event.fault:
        first -= 1
    for step in range(first, event.step):
        if log.at(step).cpu == event.cpu and log.at(step).kind in ("install", "zero-page"):
            mapped = mapped_of(session, session.event(step))
    return record(
        "fault",
        fault=event.fault,
        cpu=event.cpu,
        process=process_of(session, event.step),
        address=hex(event.addr),
        access="write" if log.operand(event.step) else "read",
        result=event.outcome,
        **mapped,
        counters=effects(session, first, event.step, event.cpu),
    )


def mapped_of(session: Session, event: Event) -> Record:
    """order, pfn, start, nr and mapped of an ``install`` or ``zero-page``."""
    if event.kind == "zero-page":
        return {"order": 0, "start": hex(event.addr), "nr": 1, "mapped": "zero-page"}
    operand = session.log.operand(event.step)
    nr = dict(event.more).get("nr", 1)
    return {"order": event.order, "pfn": operand, "start": hex(event.addr), "nr": nr, "mapped": event.outcome}


def access_record(session: Session, end: AccessEnd) -> Record:
    """One access that has ended, and what stands at its address now."""
    event = session.scenario.events[end.event]
    return record(
        "access",
        event=end.event,
        cpu=end.cpu,
        process=event.process,
        address=hex(event.address),
        access="write" if event.write else "read",
        faults=end.faults,
        result=result_name(end.ret),
        maps=session.as_of(end.step, lambda: maps(session, event.address, session.cpus.process(event))),
        counters=effects(session, end.first, end.step - 1, end.cpu),
    )


def event_record(session: Session, end: AccessEnd) -> Record:
    """An event of another verb that has ended."""
    event = session.scenario.events[end.event]
    return record(
        "event",
        event=end.event,
        cpu=end.cpu,
        process=event.process,
        verb=event.verb,
        text=event.text,
        address=hex(event.address) if event.address >= 0 else None,
        size=event.size or None,
        result=call_result(end.ret),
        counters=effects(session, end.first, end.step - 1, end.cpu),
    )


def maps(session: Session, address: int, mm: int = 0) -> Record:
    """What stands at an address: kind, and order, start and pages of the folio."""
    m = session.m
    arch = m.arch
    value = translate(Mm(m, mm), address)
    if not arch.pte_present(value):
        return {"mapped": arch.pte_kind(value)}
    pfn, page = arch.pte_pfn(value), address & arch.page_mask
    pmd = pfn == m.huge_zero_folio.get(0) - 1
    if pmd or m.zone_of(pfn) < 0:
        order = arch.pmd_order if pmd else 0
        start = page & -(arch.page_size << order)
        return {
            "mapped": "huge-zero-page" if pmd else "zero-page",
            "order": order,
            "start": hex(start),
            "nr": 1 << order,
        }
    folio = page_folio(m, pfn)
    start = page - ((pfn - folio.id) << arch.page_shift)
    if arch.is_leaf(value):
        start = page & -arch.pmd_size
    return {"mapped": "folio", "order": folio.order, "start": hex(start), "nr": folio.nr_pages}


def uffd_record(session: Session, event: Event) -> Record:
    """What a monitor would read: the address is page aligned, never that of the folio."""
    access = session.scenario.events[session.access_of(event.step)]
    flags = (["wp"] if event.outcome == "uffd" else []) + (["write"] if access.write else [])
    return record("uffd", event="pagefault", address=hex(event.addr), flags=flags, process=access.process)


def effects(session: Session, first: int, last: int, cpu: int) -> dict[str, int]:
    """Each statistic that a CPU changed between two steps.

    What a forced cause put into the machine is not this CPU's doing: it is left out.
    """
    log, journal, m = session.log, session.m.journal, session.m
    found: dict[str, int] = {}
    for step in range(first, last + 1):
        if log.at(step).cpu != cpu:
            continue
        before = log.at(step - 1) if step else None
        forced = before is not None and before.forced and before.kind == "map-pte"
        for field, at, old, new, n in journal.entries(log.mark[step - 1] if step else 0, log.mark[step]):
            for index in range(at, at + n) if field.stat or field is m.rss_stat else ():
                name = stat_name(m, field.name, index)
                if name and not (forced and name in OTHERS):
                    found[name] = found.get(name, 0) + new - old
    return {name: by // stat_unit(m, name) for name, by in found.items() if by}


def summary(session: Session, here: bool = False) -> Record:
    """The last record of a run; ``here``: its token leads to the present stop."""
    stats = counters(session.m)
    sizes = mthp_stats(session.m)
    return record(
        "summary",
        scenario=session.scenario.name,
        variant=session.variant,
        mutants=sorted(session.mutants) or None,
        steps=session.step,
        accesses=len(session.accesses),
        vmstat={name: value for name, value in sorted(stats.items()) if name not in sizes},
        mthp_stat=dict(sorted(sizes.items())),
        edited=list(session.scenario.edited) or None,
        token=make(session, here) or None,
        digest=session.digest(),
    )


# -- text --------------------------------------------------------------------------------------------
def size_text(size: int) -> str:
    """``64K``, ``2M``."""
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size >= 1 << shift and not size & ((1 << shift) - 1):
            return f"{size >> shift}{unit}"
    return str(size)


def event_line(event: Event, page_size: int) -> str:
    """One decision in a line, without its number."""
    words = [f"{event.kind:<12}" if len(event.kind) <= 12 else f"{event.kind:<16}"]
    if event.i >= 0:
        words.append(f"i={event.i}")
    if event.order >= 0:
        words.append(f"order={event.order}")
    if event.addr >= 0:
        ranged = event.order > 0 and event.kind not in ("fallback", "pmd-gate", "zap-folio", "madvise-free")
        span = f",+{size_text(page_size << event.order)})" if ranged else ""
        words.append(f"[{event.addr:#x}{span}" if span else f"{event.addr:#x}")
    if event.outcome:
        words.append(event.outcome)
    if found := dict(event.more).get("found"):
        words.append(f"({found})")
    if event.forced:
        words.append("FORCED")
    elif not event.natural:
        words.append("(answered)")
    text = " ".join(words)
    return f"{text}: {event.why}" if event.why else text


def found_line(event: Event, page_size: int) -> str:
    """One decision as searches see it: CPU, function and line, then ``event_line``."""
    return f"cpu{event.cpu} {event.function}:{event.line} {event_line(event, page_size)}"


def text_line(session: Session, row: Record) -> str:
    """A record as one line of text."""
    kind = row["type"]
    if kind == "decision":
        shown = session.event(row["step"])
        line = event_line(shown, session.m.arch.page_size)
        whose = f" {row['process']}" if "process" in row else ""
        return f"#{shown.step:<4} cpu{shown.cpu}{whose} {shown.function}:{shown.line:<3} {line}"
    if kind == "fault":
        where = f" order {row['order']} at {row['start']} ({row['mapped']})" if "mapped" in row else " nothing mapped"
        return f"      fault {row['fault']}: {row['access']} {row['address']} -> {row['result']},{where}{_counts(row)}"
    if kind == "access":
        now = row["maps"]
        there = f"{now['mapped']} order {now['order']} at {now['start']}" if "order" in now else now["mapped"]
        event = event_text(session.scenario.events[row["event"]])
        faults = f"{row['faults']} fault{'' if row['faults'] == 1 else 's'}"
        return f"  access {row['event']}: {event} -> {row['result']} after {faults}; there now: {there}"
    if kind == "event":
        event = event_text(session.scenario.events[row["event"]])
        return f"  event {row['event']}: {event} = {row['result']}{_counts(row)}"
    if kind == "uffd":
        return f"      uffd: pagefault at {row['address']} ({', '.join(row['flags']) or 'read'})"
    if kind == "stop":
        which = f" {row['break']}" if "break" in row else ""
        return f"stop: {row['kind']}{which} at #{row['step']}: {row['reason']}"
    stats = ", ".join(f"{name} {value}" for name, value in (*row["vmstat"].items(), *row["mthp_stat"].items()))
    mutants = "".join(f"MUTANT {name}: " for name in row.get("mutants", ()))
    head = f"summary: {mutants}{row['steps']} steps, {row['accesses']} accesses; {stats or 'no statistic changed'}"
    if "edited" in row:
        return f"{head}\n{edited_words(row['edited'])}"
    return f"{head}\ntoken: {row['token']}"


def edited_words(edited: Iterable[str]) -> str:
    """Instead of a token: what was changed in the scenario."""
    return f"edited: {'; '.join(edited)}; save-scenario first, then there is a token"


def _counts(row: Record) -> str:
    return "".join(f", {name} {value:+d}" for name, value in row["counters"].items())
