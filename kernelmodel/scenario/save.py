# SPDX-License-Identifier: GPL-2.0-only
"""A run as a scenario file of its own: edited keys and the user's answers become part of it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from kernelmodel.defs import result_name
from kernelmodel.scenario.faults import printable
from kernelmodel.scenario.write import dumps
from kernelmodel.variant_names import SITES

if TYPE_CHECKING:
    from kernelmodel.session import Session


class UnwritableRun(Exception):
    """A run that no scenario file can say; ``message`` is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def text_of(session: Session) -> str:
    """A scenario file that reproduces the run as far as it is known, whatever the user answered or edited.

    Answers go into their events.  If the run has ended, ``[expect]`` says what it did, else there is none.
    ``UnwritableRun`` if what nature said before another answer of the same site is no answer that a file can give (a
    map that succeeded).
    """
    raw = deepcopy(session.scenario.raw)
    raw["variant"] = session.variant
    raw.pop("expect", None)
    raw["mutants"] = sorted(session.mutants)
    if not session.mutants:
        del raw["mutants"]
    for event, answers in zip(raw["event"], answers_of(session), strict=True):
        event.pop("answers", None)
        if answers:
            event["answers"] = answers
    if session.finished:
        raw["expect"] = _expect(session)
    name, edited = session.scenario.name, session.scenario.edited
    head = [f"{name} (sha {session.scenario.hash}) as it ran in thp-debug; its comments are not kept."]
    head += [f"edited: {each}" for each in edited]
    head += [f"answered: {len(session.answers)} by hand"] * bool(session.answers)
    comments = "".join(f"# {printable(line)}\n" for line in head)
    return f"# SPDX-License-Identifier: GPL-2.0-only\n{comments}\n{dumps(raw)}"


def answers_of(session: Session) -> list[list[str]]:
    """Per event what its ``answers`` must be for the run to go as it went.

    An answer is used up by the first decision of its site, so what nature said is written, too, wherever another answer
    of that site follows.  Answers of the scenario that a run in progress has not used yet are kept.
    """
    asked: list[list[tuple[str, str, bool]]] = [[] for _ in session.scenario.events]
    log, here = session.log, session.step
    session.seek(session.last)
    session.cpu_rows()  # has the paths driven to the last step
    pending = {step for step in session.questions if session.pending(step)}
    session.seek(here)
    for step in session.questions:
        shape = log.at(step)
        if step not in pending:
            asked[log.access[step]].append((shape.site, shape.outcome, shape.forced))
    found = []
    for number, questions in enumerate(asked):
        needed = {site: n for n, (site, _, forced) in enumerate(questions) if forced}
        answers = [(site, outcome) for n, (site, outcome, _) in enumerate(questions) if n <= needed.get(site, -1)]
        for site, outcome in answers:
            if outcome not in SITES.get(site.partition("(order=")[0], ()):
                raise UnwritableRun(f"event {number}: a file can't say that {site} = {outcome} before another answer")
        if not session.finished:
            answers += _unused(session, number, questions, needed)
        found.append([f"{site} = {outcome}" for site, outcome in answers])
    return found


def _unused(
    session: Session, number: int, questions: list[tuple[str, str, bool]], needed: dict[str, int]
) -> list[tuple[str, str]]:
    """What the file answers to questions that were not asked yet, after what nature said to those that were."""
    found: list[tuple[str, str]] = []
    used = [site for site, _, _ in questions]
    for answer in session.scenario.events[number].answers:
        if answer.site in used:
            used.remove(answer.site)
            continue
        if not any(site == answer.site for site, _ in found):
            last = needed.get(answer.site, -1)
            found += [(s, o) for n, (s, o, _) in enumerate(questions) if s == answer.site and n > last]
        found.append((answer.site, answer.outcome))
    return found


def _expect(session: Session) -> dict[str, Any]:
    """What the run did."""
    from kernelmodel.check import mapped_orders

    expect: dict[str, Any] = {
        "results": [result_name(end.ret) for end in session.accesses],
        "orders": list(mapped_orders(session)),
    }
    assert session.end is not None
    if session.end.kind == "bug":
        expect["bug"] = session.event(session.last).outcome
    elif session.end.kind == "blocked":
        expect["blocked"] = True
    return expect
