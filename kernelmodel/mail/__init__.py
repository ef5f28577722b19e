# SPDX-License-Identifier: GPL-2.0-only
"""A run as text that survives kernel e-mail, as Markdown, and as records.

What mail needs: plain ASCII, few columns, no tabs, no blanks at the end of a line; nothing that a tool would take for a
patch, a signature, an mbox separator or a trailer (``Word: value``).  So all lines are indented, and the only colon
followed by a blank is that of ``reproduce:``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kernelmodel.cpus import event_text
from kernelmodel.decision import ENVIRONMENT
from kernelmodel.defs import call_result, result_name
from kernelmodel.mail.words import plain, words
from kernelmodel.snapshot import Event
from kernelmodel.trace import Feed, Record, record, size_text

if TYPE_CHECKING:
    from kernelmodel.session import AccessEnd, Session

MOST = 400
"""Decisions that are written; of more the middle is left out."""
MIN_WIDTH = 40


def mail(session: Session, first: int, last: int, width: int = 72, version: str = "") -> list[str]:
    """The decisions from step ``first`` to step ``last`` (known ones) as lines of at most ``width`` columns.

    Only the token may be longer, alone on its line.  The session stays where it stands.
    """
    first, last = _range(session, first, last)
    width = max(MIN_WIDTH, width)
    lines = _wrapped(_header(session, version), "  ", "    ", width)
    for label, text in _body(session, first, last):
        lines += _wrapped(text, f"  {label}", "  " + " " * len(label) if label else "    ", width)
    lines += _wrapped(_last(session, last), "  ", "    ", width)
    return lines + _reproduce(session, width)


def markdown(session: Session, first: int, last: int, version: str = "") -> list[str]:
    """The same as a fenced block, for trackers."""
    lines = [line[2:] for line in mail(session, first, last, 100, version)]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def ndjson(session: Session, first: int, last: int) -> Iterator[Record]:
    """The records of ``run --format ndjson`` between two known steps, and the last stop; the session comes back."""
    first, last = _range(session, first, last)
    here = session.step
    session.seek(first)
    feed = Feed(session)
    feed.access = sum(end.step <= first and end.first < first for end in session.ended)
    try:
        for step in range(first, last + 1):
            session.seek(step)
            yield from feed.rest()
        if session.finished and last == session.last:
            yield record("stop", kind=session.stop.kind, step=last, reason=session.stop.text)
    finally:
        session.seek(here)


def _range(session: Session, first: int, last: int) -> tuple[int, int]:
    low, high = sorted((first, last))
    return max(0, min(low, session.last)), max(0, min(high, session.last))


# -- the parts -------------------------------------------------------------------------------------------
def _header(session: Session, version: str) -> str:
    scenario = session.scenario
    name = f"{scenario.name} (sha {scenario.hash}{', edited' if scenario.edited else ''})"
    cpus = f"  cpu0-{session.m.nr_cpus - 1}" if session.m.nr_cpus > 1 else ""
    mutants = "".join(f"  MUTANT {mutant}" for mutant in sorted(session.mutants))
    return f"{f'thp-debug {version}'.rstrip()}  {name}  {session.variant}{mutants}  {session.m.arch.name}{cpus}"


def _body(session: Session, first: int, last: int) -> Iterator[tuple[str, str]]:
    """(label, text) of each line: accesses that begin, decisions, accesses that end."""
    log = session.log
    skip = range(0)
    if last - first + 1 > MOST:
        skip = range(first + MOST // 2, last + 1 - MOST // 2)
    ends = [end for end in session.ended if first < end.step <= last and end.step not in skip]
    said: dict[int, int] = {}
    for step in (*range(first, skip.start), *range(skip.stop, last + 1)) if skip else range(first, last + 1):
        if skip and step == skip.stop:
            yield "", f"... {len(skip)} decisions left out (#{skip.start} to #{skip.stop - 1}) ..."
        while ends and ends[0].step <= step:
            yield "", _ended(session, ends.pop(0))
        event = session.event(step)
        if not event.kind:
            continue
        number = session.access_of(step)
        if said.get(event.cpu) != number:
            said[event.cpu] = number
            access = session.scenario.events[number]
            who = f"cpu{event.cpu} " if session.m.nr_cpus > 1 else ""
            where = f", address {access.address:#x}" if access.is_access else ""
            yield "", f"{who}{event_text(access)}{where}"
        who = f"cpu{event.cpu}  " if session.m.nr_cpus > 1 else ""
        open_ = log.at(step).asked and event.kind in ENVIRONMENT and step == session.last
        yield f"#{step}  {who}", words(event, session.m.arch.page_size, _mark(session, event, open_))


def _mark(session: Session, event: Event, is_open: bool) -> str:
    """Who gave the answer, if it was not nature; or that none was given yet."""
    if is_open:
        return "  [not answered yet]"
    if event.natural:
        return ""
    by = "the user" if event.step in session.answers else "the scenario"
    return f"  [{'FORCED' if event.forced else 'answered'} by {by}]"


def _ended(session: Session, end: AccessEnd) -> str:
    """What became of an access, from the log alone."""
    access = session.scenario.events[end.event]
    size = session.m.arch.page_size
    mapped = "nothing mapped"
    for step in range(end.step - 1, end.first - 1, -1):
        shape = session.log.at(step)
        if session.access_of(step) == end.event and shape.kind in ("install", "zero-page"):
            event = session.event(step)
            kind = event.outcome if event.kind == "install" else "zero page"
            span = size_text(size << max(event.order, 0))
            mapped = f"mapped {kind}, order {max(event.order, 0)}  [{event.addr:x},+{span})"
            break
    if not access.is_access:
        who = f"cpu{end.cpu} " if session.m.nr_cpus > 1 else ""
        return f"{who}{event_text(access)} = {call_result(end.ret)}"
    faults = f"{end.faults} fault{'' if end.faults == 1 else 's'}"
    who = f"cpu{end.cpu} " if session.m.nr_cpus > 1 else ""
    return f"{who}{event_text(access)} = {result_name(end.ret)} after {faults}; {mapped}"


def _last(session: Session, last: int) -> str:
    if session.end is not None and last == session.last:
        kind = "" if session.end.kind == "end" else f"{session.end.kind}; "
        return f"stop at #{last}, {kind}{session.end.text}"
    return f"stands at #{last} of {session.last}{'' if session.finished else ' known so far'}"


def _reproduce(session: Session, width: int) -> list[str]:
    """The command that brings the run back; the token in one piece."""
    edited = session.scenario.edited
    if edited:
        text = f"no token, the scenario was edited ({', '.join(edited)}); save-scenario writes one that has a token"
        return _wrapped(text, "  ", "    ", width)
    import shlex

    here = session.step
    if session.finished:
        session.seek(session.last)
    token = shlex.quote(session.token())
    session.seek(here)
    command = "  reproduce: thp-debug replay"
    if len(f"{command} {token}") <= width:
        return [f"{command} {token}"]
    note = f"(the token is longer than {width} columns; keep it in one piece)"
    long = _wrapped(note, "  ", "    ", width) if len(token) + 2 > width else []
    return [*long, f"{command} \\", f"  {token}"]


def _wrapped(text: str, start: str, rest: str, width: int) -> list[str]:
    """Plain lines, the later ones indented by ``rest``."""
    import textwrap

    return textwrap.wrap(
        plain(text), width, initial_indent=start, subsequent_indent=rest, break_on_hyphens=False
    )  # fmt: skip
