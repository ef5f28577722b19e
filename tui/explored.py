# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug explore``: every interleaving and every answer of the environment, as a verdict or as records."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.explore.verdict import BLOCKED, cost, expected, explorable, findings, incomplete, reached, violated
from kernelmodel.explore.witness import session_at, token
from kernelmodel.explore.witness import text as columns_of
from kernelmodel.mutants import MUTANTS, spelled
from kernelmodel.scenario.faults import printable
from kernelmodel.trace import Record, record
from tui.headless import FAILED, INCONCLUSIVE, INTERRUPTED, OK, USAGE, load, problems_of

if TYPE_CHECKING:
    from kernelmodel.explore.types import Options, Outcome, Progress, Result, Witness
    from kernelmodel.explore.verdict import Finding
    from kernelmodel.scenario.types import Scenario
    from kernelmodel.session import Session
    from tui.headless import Output

WIDTH = 80
OF_INTEREST = ("map-pte:NULL", "lock:NULL", "orig-pte:NULL", "recheck:changed", "pmd-recheck:changed")
"""Where a scenario asks nothing and nothing is violated: the events whose witness is shown, the first that there is."""
Tokens = Callable[["Witness"], str | None]


def explore(name: str, variant: str | None, options: Options, out: Output) -> int:
    """``explore``: 0, 1 for a violation or what is not as expected, 3 if a bound was reached, 130 if interrupted."""
    from kernelmodel.explore import explore as search

    scenario = load(name, out, variant)
    mutants = frozenset(scenario.mutants)
    explorable(scenario)
    if options.jobs > 1 and options.preemptions is not None:
        out.note("thp-debug explore: a search with that bound is the work of one process; --jobs has no effect")
    try:
        with_failures = options._replace(failures=scenario.explore_failures)
        result = search(scenario, scenario.variant, mutants, with_failures, progress(out))
    except (BootError, ImpossibleAnswer) as error:
        out.problems(problems_of(error, scenario))
        return USAGE
    finally:
        out.passing("")
    expect = expected(scenario, scenario.variant, mutants)
    asked = findings(expect, result) if expect is not None else []

    def at(witness: Witness) -> Session:
        return session_at(scenario, scenario.variant, mutants, witness)

    if out.form == "ndjson":
        for row in records(scenario, result, lambda witness: token(at(witness)) or None):
            out.put(row)
    else:
        for line in text(scenario, result, asked, at):
            out.line(line)
    if why := incomplete(result):
        out.note(f"thp-debug explore: {why}")
    return code(result, asked, expect is None)


def list_mutants(out: Output) -> int:
    """``--list-mutants``: name, what is different, for whom."""
    width = max(map(len, MUTANTS))
    for name, each in MUTANTS.items():
        if out.form == "ndjson":
            out.put(record("mutant", name=name, words=each.words, variants=list(each.variants), source=each.source))
        else:
            whom = f" ({', '.join(each.variants)})" if each.variants else ""
            out.line(f"{name:<{width}}  {each.words}{whom}  [{each.source}]")
    return OK


def code(result: Result, asked: list[Finding], nothing_expected: bool) -> int:
    """The exit code: what is certain comes first."""
    if result.why == "interrupted":
        return INTERRUPTED
    if any(not each.ok and each.known for each in asked) or (nothing_expected and result.violations):
        return FAILED
    return OK if result.complete else INCONCLUSIVE


# -- while it runs -------------------------------------------------------------------------------------
def progress(out: Output) -> Progress | None:
    """What writes how far the search is, where someone can see it."""
    if not out.stderr.isatty():
        return None

    def tell(states: int, switches: int) -> None:
        bound = f", runs with {switches} context switches" if switches else ""
        out.passing(f"exploring: {states:,} states{bound}")

    return tell


# -- records -------------------------------------------------------------------------------------------
def records(scenario: Scenario, result: Result, tokens: Tokens) -> Iterator[Record]:
    """``reached``, ``outcome``, ``violation`` and a ``summary``; each but the last has a token."""
    for each in result.reached:
        yield record(
            "reached", event=each.event, found=each.found or None, cpu=each.cpu, switches=each.witness.switches,
            steps=each.witness.steps, token=tokens(each.witness),
        )  # fmt: skip
    for end in result.outcomes:
        yield record(
            "outcome", end=end.end, results=list(end.results), orders=list(end.mapped),
            why=end.why or None, switches=end.witness.switches, steps=end.witness.steps, token=tokens(end.witness),
        )  # fmt: skip
    for wrong in result.violations:
        yield record(
            "violation", name=wrong.name, step=wrong.witness.steps, why=wrong.why, switches=wrong.witness.switches,
            token=tokens(wrong.witness),
        )  # fmt: skip
    yield record(
        "summary", scenario=scenario.name, variant=scenario.variant, mutants=sorted(scenario.mutants) or None,
        states=result.states, transitions=result.transitions, complete=result.complete, why=result.why or None,
        violations=[each.name for each in result.violations],
    )  # fmt: skip


# -- text ----------------------------------------------------------------------------------------------
def text(
    scenario: Scenario, result: Result, asked: list[Finding], at: Callable[[Witness], Session]
) -> Iterator[str]:
    """The verdict first, then the outcomes, then the run that shows it, at most 80 columns but for what is copied."""
    kernel = spelled(scenario.variant, frozenset(scenario.mutants))
    yield from wrap(f"{printable(scenario.name)} [{kernel}]: {scenario.title}", WIDTH, subsequent_indent="  ")
    for each in asked:
        yield from entry(f"  {'ok  ' if each.ok else 'FAIL' if each.known else 'open'}  ", each.words)
    told = {id(each.witness) for each in asked}
    for wrong in (each for each in result.violations if id(each.witness) not in told):
        yield from entry("  also  " if asked else "  FAIL  ", f"{violated(wrong, result)}: {wrong.why}")
    if not asked:
        if not result.violations:
            yield "  ok    nothing is violated" if result.complete else "  open  nothing that was seen is violated"
        words = ", ".join(f"{each.event}({each.found})" if each.found else each.event for each in result.reached)
        yield from entry("  reached  ", words)
    yield ""
    yield "outcomes"
    yield from outcome_lines(result.outcomes)
    yield ""
    yield f"{result.states:,} states, {result.transitions:,} transitions; {incomplete(result) or 'complete'}"
    if not scenario.explore_failures:
        yield "allocations and charges fail only where the scenario says so"
    title, witness = most_interesting(result, asked)
    if witness is None:
        return
    session = at(witness)
    yield ""
    yield from wrap(f"{title}:", WIDTH)
    yield from columns_of(session, WIDTH)
    if shown := token(session):
        yield ""
        yield f"thp-debug replay {shlex.quote(shown)}"


def most_interesting(result: Result, asked: list[Finding]) -> tuple[str, Witness | None]:
    """The run to show: of what is not as expected, else of what was asked for, else of what is violated or waits."""
    told = [*(each for each in asked if not each.ok), *(each for each in asked if each.ok)]
    for each in told:
        if each.witness is not None:
            return each.words, each.witness
    for wrong in result.violations:
        return violated(wrong, result), wrong.witness
    for end in result.outcomes:
        if end.end == BLOCKED:
            return f"{end.why}{cost(end.witness)}", end.witness
    for word in OF_INTEREST:
        if (there := reached(word, result)) is not None:
            found = f"({there.found})" if there.found else ""
            return f"{word}{found}{cost(there.witness)}", there.witness
    return "", None


def outcome_lines(outcomes: tuple[Outcome, ...]) -> Iterator[str]:
    """What the program sees at an end, and how many end states look like that."""
    seen: dict[tuple[str, str], int] = {}
    for each in outcomes:
        results = ", ".join(word or "-" for word in each.results)
        end = "" if each.end == "end" else f"; {each.end}: {each.why}"
        orders = ", ".join("-" if order < 0 else str(order) for order in each.mapped)
        seen_as = f"results {results}" + (f"; orders {orders}" if orders else ""), end
        seen[seen_as] = seen.get(seen_as, 0) + 1
    for (words, end), states in seen.items():
        yield from entry(f"  {states:>4} {'state ' if states == 1 else 'states'}  ", words + end)


def entry(head: str, words: str) -> list[str]:
    """A line that goes on under its own beginning."""
    more = " " * len(head)
    return wrap(head + words, WIDTH, subsequent_indent=more, break_long_words=False, break_on_hyphens=False)
