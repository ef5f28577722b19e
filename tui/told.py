# SPDX-License-Identifier: GPL-2.0-only
"""What the console says after a motion: where the run stands, in a line of decision and a line of source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelmodel.trace import event_line

if TYPE_CHECKING:
    from kernelmodel.session import Session


def mutant_lines(session: Session) -> list[str]:
    """What the model lacks, if it is a mutant."""
    from kernelmodel.look import mutants

    return [f"MUTANT {name}: {words}" for name, words in mutants(session.m)] if session.mutants else []


def place_lines(session: Session) -> list[str]:
    """``#8 alloc_anon_folio:18  fallback …`` and the line of source that comes next; at the end how the run ended."""
    stop = session.stop
    if stop.kind != "decision":
        return [f"#{stop.step} {stop.kind}: {stop.text}"]
    event = session.event(stop.step)
    cpu = f"cpu{event.cpu} " if session.m.nr_cpus > 1 else ""
    lines = [f"#{event.step} {cpu}{event_line(event, session.m.arch.page_size)}"]
    return lines + source_line(session)


def source_line(session: Session) -> list[str]:
    """``alloc_anon_folio:18    the text of that line`` for the reviewed function that has stopped."""
    from kernelmodel.decision import is_mechanism
    from kernelmodel.look.calls import source_of

    for call in reversed(session.calls()):
        if not is_mechanism(call.code):
            line = call.line - call.code.co_firstlineno + 1
            return [f"{call.code.co_name}:{line}    {source_of(call.code)[line - 1].strip()}"]
    return []


def display(session: Session, text: str, frame: int = -1, cpu: int = -1) -> str:
    """``EXPR = value`` at the present stop, or why it has none here; ``frame`` and ``cpu`` as for ``View``."""
    return f"{text} = {value(session, text, frame, cpu)}"


def value(session: Session, text: str, frame: int = -1, cpu: int = -1) -> str:
    """The value as C would print it, and what else goes by that name; a reason in brackets where there is none."""
    from kernelmodel.snapshot import View

    view = View(ptes=1, events=1, timeline=1, watch=(text,), frame=frame, cpu=cpu)
    found = session.snapshot(view).watches[0]
    if not found.ok:
        return f"({found.value})"
    return f"{found.value}  ({found.beside})" if found.beside else found.value
