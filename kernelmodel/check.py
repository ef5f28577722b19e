# SPDX-License-Identifier: GPL-2.0-only
"""Does a scenario meet its ``[expect]``?  One verdict per variant and per mutant that the file names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import MM_ANONPAGES, result_name
from kernelmodel.invariants import violations
from kernelmodel.mm.vmstat import counters, mthp_stats
from kernelmodel.scenario.types import Expect, Scenario
from kernelmodel.session import Session
from kernelmodel.stops.locations import parse_location
from kernelmodel.trace import event_line

if TYPE_CHECKING:
    from kernelmodel.explore.types import Progress

BUDGET = 2_000_000
"""Pages (and 1,000 a check for the rest) that the invariants of one run may look at before its end."""


class Verdict(NamedTuple):
    """One kernel held against what was expected of it."""

    scenario: str
    variant: str
    """With its mutants: ``v3, drop R1``."""
    ok: bool
    why: tuple[str, ...]
    token: str
    known: bool = True
    """False: not ok only because a search came to its bound."""


def check(scenario: Scenario, progress: Progress | None = None) -> list[Verdict]:
    """The scenario's own variant, each other one that has an ``[expect.variant]``, and each ``[expect.mutant]``.

    ``KeyboardInterrupt`` if an exploration was interrupted, perhaps by who is told of its ``progress``.
    """
    mutants = frozenset(scenario.mutants)
    variants = dict(scenario.expect_variant)
    if scenario.expect is not None or not (variants or scenario.expect_mutant):
        variants = {scenario.variant: scenario.expect or Expect(), **variants}
    runs = [(variant, mutants, expect) for variant, expect in variants.items()]
    runs += [(scenario.variant, frozenset({name}), expect) for name, expect in scenario.expect_mutant]
    return [verdict(scenario, *each, progress) for each in runs]


def verdict(
    scenario: Scenario, variant: str, mutants: frozenset[str], expect: Expect, progress: Progress | None
) -> Verdict:
    """Explore if the expectation asks for it, and run once if it says anything of that or asks nothing else."""
    why: list[str] = []
    token, known = "", False
    plain = expect._replace(reachable=None, unreachable=None, invariants=None)
    explores = expect != plain
    if explores:
        failed, token, known = check_all(scenario, variant, mutants, expect, progress)
        why += failed
    if plain != Expect() or not explores:
        failed, run = check_run(scenario, variant, mutants, expect)
        why += failed
        known = known or bool(failed)
        token = token or run
    name = ", ".join((variant, *sorted(mutants)))
    return Verdict(scenario.name, name, not why, tuple(why), token, known or not why)


def check_all(
    scenario: Scenario, variant: str, mutants: frozenset[str], expect: Expect, progress: Progress | None
) -> tuple[list[str], str, bool]:
    """Explore: what is not as expected, the token of a witness, and whether that is certain."""
    from kernelmodel.explore import explore
    from kernelmodel.explore.types import Options
    from kernelmodel.explore.verdict import explorable, findings, incomplete
    from kernelmodel.explore.witness import session_at, token

    explorable(scenario)
    result = explore(scenario, variant, mutants, Options(failures=scenario.explore_failures), progress)
    if result.why == "interrupted":
        raise KeyboardInterrupt
    failed = [each for each in findings(expect, result) if not each.ok]
    why = [each.words if each.known else f"{each.words}; {incomplete(result)}" for each in failed]
    witness = next((each.witness for each in failed if each.witness is not None), None)
    shown = token(session_at(scenario, variant, mutants, witness)) if witness is not None else ""
    return why, shown, any(each.known for each in failed)


def check_run(scenario: Scenario, variant: str, mutants: frozenset[str], expect: Expect) -> tuple[list[str], str]:
    """Run to the end, with the invariants after every access: what is not as expected, and the run's token.

    A check looks at every mapped page.  Once ``BUDGET`` pages were looked at, only the end is checked, so that a long
    scenario takes no more than its own time.
    """
    session = Session(scenario, variant, mutants)
    why: list[str] = []
    done = looked = 0
    while not session.finished:
        session.advance()
        if (len(session.accesses) != done and looked < BUDGET) or session.finished:
            done = len(session.accesses)
            looked += 1000 + session.m.rss_stat.get(session.m.mm_counter(0, MM_ANONPAGES))
            settled = session.finished and session.stop.kind == "end"
            why.extend(f"invariant {name}: {text}" for name, text in violations(session.m, settled))
            if why:
                break
    why.extend(compare(session, expect))
    if why:
        why.extend(reasons(session))
    return why, session.token()


MOST_REASONS = 4


def reasons(session: Session) -> list[str]:
    """Why allocations and charges failed in a run that is not as expected, the first few."""
    from kernelmodel.why.reason import why
    from kernelmodel.why.request import failures

    found = [why(session, step) for step in failures(session)[:MOST_REASONS]]
    return [f"{each.head}: {each.because}" for each in found if each is not None]


def compare(session: Session, expect: Expect) -> list[str]:
    """What is not as expected, in words."""
    why = ending(session, expect)
    results = tuple(result_name(end.ret) for end in session.accesses)
    if expect.results is not None and results != expect.results:
        why.append(f"results are {list(results)}, expected {list(expect.results)}")
    if expect.orders is not None and (orders := mapped_orders(session)) != expect.orders:
        why.append(f"orders are {list(orders)}, expected {list(expect.orders)}")
    if expect.decisions is not None:
        why.extend(missing_decisions(session, expect.decisions))
    stats = mthp_stats(session.m)
    for name, value in expect.mthp_stat or ():
        if stats.get(name, 0) != value:
            why.append(f"{name} is {stats.get(name, 0)}, expected {value}")
    everything = counters(session.m)
    for name, value in expect.vmstat or ():
        if everything.get(name, 0) != value:
            why.append(f"{name} is {everything.get(name, 0)}, expected {value}")
    why.extend(f"answer '{text}' was never asked for" for text in unasked(session))
    return why


def ending(session: Session, expect: Expect) -> list[str]:
    """Did the run end where it should?"""
    stop = session.stop
    name = session.event(session.last).outcome if stop.kind == "bug" else ""
    wanted = "bug" if expect.bug else "blocked" if expect.blocked else "end"
    if stop.kind != wanted:
        return [f"the run stopped with {stop.kind} ({stop.text}), expected {wanted}"]
    if expect.bug and name != expect.bug:
        return [f"the bug is '{name}', expected '{expect.bug}'"]
    return []


def mapped_orders(session: Session) -> tuple[int, ...]:
    """What each access mapped, in the order in which they ended; -1: nothing."""
    log = session.log
    mapped: dict[int, int] = {}
    for step in range(session.last):
        shape = log.at(step)
        if shape.kind == "install":
            mapped[log.access[step]] = shape.order
        elif shape.kind == "zero-page":
            mapped[log.access[step]] = 0
    return tuple(mapped.get(end.event, -1) for end in session.accesses)


def missing_decisions(session: Session, wanted: str) -> list[str]:
    """Are these locations a subsequence of the run?  What has no outcome is named by its reason."""
    steps = iter(range(len(session.log)))
    for n, word in enumerate(wanted.split()):
        location = parse_location(word)
        kind = location.kind
        for step in steps:
            event = session.event(step)
            if event.kind == kind and location.matches(session, step, event):
                break
        else:
            size = session.m.arch.page_size
            near = [
                event_line(session.event(s), size) for s in range(len(session.log)) if session.log.at(s).kind == kind
            ]
            rest = f"; the run has: {' | '.join(near[:4])}" if near else f"; the run has no {kind}"
            return [f"decision {n + 1} of {len(wanted.split())}, '{word}', is missing{rest}"]
    return []


def unasked(session: Session) -> list[str]:
    """Scripted answers that no decision asked for."""
    return [f"{answer.site} = {answer.outcome}" for answer in session.script.unasked()]
