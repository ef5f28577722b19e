# SPDX-License-Identifier: GPL-2.0-only
"""What an exploration found, as a run that can be looked at: a session, its token, its text."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from kernelmodel.cpus import event_text
from kernelmodel.decision import ENVIRONMENT
from kernelmodel.explore.columns import columns
from kernelmodel.session import Session
from kernelmodel.tokens import make

if TYPE_CHECKING:
    from kernelmodel.explore.types import Witness
    from kernelmodel.scenario.types import Scenario
    from kernelmodel.snapshot import Event


def session_at(scenario: Scenario, variant: str, mutants: frozenset[str], witness: Witness) -> Session:
    """A session that stands at the stop that the witness is about; its run is known to the end of the tape."""
    session = Session(scenario, variant, mutants)
    if session.log.at(0).cpu != witness.tape[0][0]:
        session.begin(witness.tape[0][0])
    for cpu, answer in witness.tape[1:]:
        session.advance(answer, cpu)
    if session.step != len(witness.tape) - 1:
        raise AssertionError(f"the witness has {len(witness.tape)} stops, the run ends at #{session.step}")
    if witness.steps < session.step:
        session.seek(witness.steps)
    elif not session.finished and not any(map(session.cpus.enabled, range(session.m.nr_cpus))):
        session.advance()  # to the stop that says so
    return session


def token(session: Session) -> str:
    """The token of a session whose run is known as far as it matters: it leads to the present stop."""
    return make(session, here=True)


def text(session: Session, width: int = 80) -> list[str]:
    """The known run, a column per CPU.

    A question that the state answers stands where its CPU went on from it: what others did before has made its outcome.
    """
    events: list[Event] = []
    begun: dict[int, str] = {}
    open_: dict[int, Event] = {}
    seen: set[int] = set()
    for step in range(len(session.log)):
        event, number = session.event(step), session.access_of(step)
        if event.cpu in open_:
            events.append(open_.pop(event.cpu))
        if number not in seen and number < len(session.scenario.events):
            seen.add(number)
            begun[step] = event_text(session.scenario.events[number])
        if session.log.at(step).asked and event.kind not in ENVIRONMENT:
            open_[event.cpu] = event
        elif event.kind:
            events.append(event)
    events += [event for event in open_.values() if event.step == session.step]
    lines = columns(events, begun, width)
    return lines if session.end is None else [*lines, *wrap(f"{session.end.kind}: {session.end.text}", width)]
