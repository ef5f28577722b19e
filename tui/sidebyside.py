# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug compare``: one scenario with several variants, as a text for a mail or as records."""

from __future__ import annotations

import re
import shlex
from textwrap import wrap
from typing import TYPE_CHECKING

from kernelmodel import scenario as scenarios
from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.comparison import Comparison, Parting
from kernelmodel.comparison import compare as compare_runs
from kernelmodel.cpus import event_text
from kernelmodel.mutants import misfit, taken_apart
from kernelmodel.outcome import Outcome, finish, in_short, repeated
from kernelmodel.scenario import Problem, ScenarioError
from kernelmodel.scenario.faults import printable
from kernelmodel.scenario.keys import unknown_variant
from kernelmodel.session import Session
from kernelmodel.trace import Record, record
from kernelmodel.variant_names import VARIANTS
from tui.headless import FAILED, OK, USAGE, problems_of, refuse

if TYPE_CHECKING:
    from tui.headless import Output

WIDTH = 80
TIE = "\N{NO-BREAK SPACE}"
"""A blank at which no line is broken."""


def compare(name: str, variants: list[str], expect: str | None, out: Output) -> int:
    """``compare``: 0, or 1 if ``--expect`` was not met; 2 with everything that is wrong."""
    wrong = unusable(variants)
    sessions, problems, notes = run_all(name, [] if wrong else variants)
    refuse(out, "thp-debug compare", wrong)
    out.problems(problems)
    if wrong or problems:
        return USAGE
    for note in notes:
        out.note(note)
    found = compare_runs(sessions)
    if out.form == "ndjson":
        for row in records(sessions, found):
            out.put(row)
    else:
        for line in text(sessions, found):
            out.line(line)
    same = found.parting is None
    return OK if expect is None or same == (expect == "same") else FAILED


def unusable(variants: list[str]) -> list[tuple[str, str]]:
    """What is wrong with the variants that were asked for, with hints."""
    wrong = []
    for each in dict.fromkeys(variants):
        variant, mutants = taken_apart(each)
        if variant not in VARIANTS:
            wrong.append(unknown_variant(variant))
            continue
        wrong += filter(None, (misfit(name, variant) for name in sorted(mutants)))
        if variants.count(each) > 1:
            message = f"--variant {each} is given {variants.count(each)} times"
            wrong.append((message, "a run is not compared with itself"))
    if len(set(variants)) < 2:
        wrong.append(("give at least two variants", "--variant A --variant B"))
    return wrong


def run_all(name: str, variants: list[str]) -> tuple[list[Session], list[Problem], list[str]]:
    """The finished runs, what stands in the way of others, and each note once."""
    sessions: list[Session] = []
    problems: dict[Problem, None] = {}
    notes: dict[str, None] = {}
    for variant in variants or (None,):  # without any at least the file is looked at
        scenario = None
        try:
            scenario = scenarios.load(name, variant=variant)
            notes.update(dict.fromkeys(scenario.warnings))
            if variant is not None:
                sessions.append(finish(Session(scenario)))
        except (ScenarioError, BootError, ImpossibleAnswer) as error:
            problems.update(dict.fromkeys(problems_of(error, scenario)))
    return sessions, list(problems), list(notes)


# -- records -----------------------------------------------------------------------------------------
def records(sessions: list[Session], found: Comparison) -> list[Record]:
    """``difference`` if there is one, an ``outcome`` a variant, ``summary``."""
    rows = [] if found.parting is None else [difference_record(sessions, found)]
    for each in found.outcomes:
        rows.append(
            record(
                "outcome", variant=each.variant, events=list(each.events), results=list(each.results),
                orders=list(each.orders), maps=list(each.there), counters=each.counters, end=each.end, reason=each.why,
                steps=each.step, token=each.token or None,
            )
        )  # fmt: skip
    rows.append(
        record(
            "summary", scenario=sessions[0].scenario.name, same=found.parting is None,
            variants=[each.variant for each in found.outcomes], groups=[list(group) for group in found.groups],
            notes=list(found.notes),
        )
    )  # fmt: skip
    return rows


def difference_record(sessions: list[Session], found: Comparison) -> Record:
    """Where they part: ``fault`` is the number of the turn within its event."""
    parting = found.parting
    assert parting is not None
    variants: Record = {}
    for session, side, outcome in zip(sessions, parting.sides, found.outcomes, strict=True):
        seen = side.seen
        row = {
            "step": side.step,
            "kind": session.event(side.step).kind or None,
            "order": seen.order if seen is not None and seen.order >= 0 else None,
            "outcome": seen.outcome if seen is not None else None,
            "text": side.text,
            "token": outcome.token or None,
        }
        variants[session.kernel] = {key: value for key, value in row.items() if value is not None}
    of_event = parting.event >= 0
    return record(
        "difference",
        scenario=sessions[0].scenario.name,
        event=parting.event if of_event else None,
        fault=parting.turn if of_event else None,
        kind=parting.kind,
        variants=variants,
    )


# -- text --------------------------------------------------------------------------------------------
def text(sessions: list[Session], found: Comparison) -> list[str]:
    """At most 80 columns, but for the lines to be copied."""
    scenario = sessions[0].scenario
    width = max(len(each.variant) for each in found.outcomes)
    title = f": {scenario.title}" if not scenario.name.endswith(scenario.title) else ""
    lines = wrap(printable(scenario.name) + title, WIDTH)
    if found.parting is None:
        lines += ["", f"no observable difference between {', '.join(each.variant for each in found.outcomes)}"]
    else:
        lines += ["", *wrap(where(sessions[0], found.parting), WIDTH)]
        steps = max(len(str(side.step)) for side in found.parting.sides) + 1
        for outcome, side in zip(found.outcomes, found.parting.sides, strict=True):
            lines += entry(f"  {outcome.variant:<{width}}  {f'#{side.step}':>{steps}}  ", side.text)
    lines += ["", "outcome", *outcome_lines(found.outcomes, width)]
    if found.parting is not None and len(found.groups) < len(sessions):
        lines += ["", *entry("agree: ", " | ".join(", ".join(group) for group in found.groups))]
    lines += [line for note in found.notes for line in entry("note: ", note)]
    if found.parting is not None:
        lines += ["", "to look at it"]
        for outcome, side in zip(found.outcomes, found.parting.sides, strict=True):
            file = shlex.quote(scenario.name)
            lines += [f"  thp-debug {file} --variant {shlex.quote(outcome.variant)} -ex 'goto {side.step}'"]
        lines += ["", *(f"token: {each.token}" for each in found.outcomes if each.token)]
    return lines


def where(session: Session, parting: Parting) -> str:
    """The headline of the difference."""
    if parting.event < 0:
        return "no fault differs, but what stands there at the end does:"
    event = session.scenario.events[parting.event]
    nth = f", fault {parting.turn + 1}" if event.is_access and parting.turn else ""
    return f"first difference: {parting.kind} in event {parting.event} (cpu{event.cpu}: {event_text(event)}){nth}"


def outcome_lines(outcomes: tuple[Outcome, ...], width: int) -> list[str]:
    """Of each variant what it mapped and returned, and the counters that are not the same in all."""
    names = sorted({name for each in outcomes for name in each.counters})
    same = [name for name in names if len({each.counters.get(name, 0) for each in outcomes}) == 1]
    lines = []
    for each in outcomes:
        told = f"orders{TIE}{in_short(each)}; results{TIE}{repeated(each.results) or 'none'}"
        if each.end != "end":
            told += f"; {each.end} at #{each.step}: {each.why}"
        lines += entry(f"  {each.variant:<{width}}  ", told)
        if own := [f"{name}{TIE}{each.counters[name]}" for name in names if name not in same and name in each.counters]:
            lines += entry(" " * (width + 4), ", ".join(own))
    if same:
        shared = ", ".join(f"{name}{TIE}{outcomes[0].counters[name]}" for name in same)
        lines += entry(f"  {'in all':<{width}}  ", shared)
    return lines


def entry(head: str, words: str) -> list[str]:
    """A line that goes on under its own beginning, broken at blanks and after commas."""
    lines = [head]
    for piece in re.findall("[^ ,]*,* *", words):
        if len(f"{lines[-1]}{piece}".rstrip(" ")) > WIDTH and lines[-1] not in (head, " " * len(head)):
            lines.append(" " * len(head))
        lines[-1] += piece
    return [line.rstrip(" ").replace(TIE, " ") for line in lines]
