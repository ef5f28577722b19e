# SPDX-License-Identifier: GPL-2.0-only
"""Every interleaving and every answer of the environment, from the debugger; what is found opens as a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.motion import Motion, Poll
from kernelmodel.scenario.faults import ScenarioError
from tui.commands import Command, CommandError, Console, Line, Result
from tui.verbs import args

if TYPE_CHECKING:
    from kernelmodel.session import Session
    from tui.paint.findings import Finding

SECONDS = 10
"""Time of an exploration, unless the user says another."""
MOST_SECONDS = 24 * 3600


class Explored(NamedTuple):
    """What was found, and of which run's scenario, variant and mutants."""

    session: Session
    verdict: str
    listed: tuple[Finding, ...]


def _explore(console: Console, line: Line) -> Result:
    from kernelmodel.explore.verdict import expected, explorable

    seconds, preemptions = _options(line)
    session = console.session
    scenario = session.scenario
    try:
        explorable(scenario)
    except ScenarioError as error:
        raise CommandError(error.errors[0].message) from None

    def work(poll: Poll | None) -> Result:
        from kernelmodel.explore import explore
        from kernelmodel.explore.types import Options
        from tui.paint.findings import findings, verdict

        def progress(states: int, switches: int) -> None:
            console.doing = f"exploring: {states:,} states" + (f", {switches} context switches" if switches else "")
            if poll is not None and poll(states):
                raise KeyboardInterrupt

        options = Options(preemptions, seconds, failures=scenario.explore_failures)
        console.doing = "exploring"
        try:
            found = explore(scenario, session.variant, session.mutants, options, progress)
        except ImpossibleAnswer as error:
            return Result([error.message], error=True)
        finally:
            console.doing = ""
        expect = expected(scenario, session.variant, session.mutants)
        console.explored = Explored(session, verdict(found), tuple(findings(found, expect)))
        return _list(console)

    return Result(work=work)


def _options(line: Line) -> tuple[float, int | None]:
    """Seconds, and the bound on preemptions."""
    seconds, preemptions = float(SECONDS), None
    words = args.words(line)
    while words:
        word, col = words.pop(0)
        value, at = words.pop(0) if words else ("", col)
        if word not in ("--time", "--preemptions"):
            raise CommandError("explore [--time S] [--preemptions N]", col)
        if not value.isdecimal() or len(value) > 5 or int(value) > MOST_SECONDS:
            raise CommandError(f"{word} takes a number", at)
        if word == "--time":
            seconds = float(value)
        else:
            preemptions = int(value)
    return seconds, preemptions


def _list(console: Console) -> Result:
    from tui.paint.findings import numbered

    explored = console.explored
    if explored is None:
        raise CommandError("explore first: there is nothing yet to have a witness of")
    return Result([explored.verdict, *numbered(explored.listed)], ask=("witness", ""))


def _witness(console: Console, line: Line) -> Result:
    explored = console.explored
    if explored is None or not line.args:
        return _list(console)
    many = len(explored.listed)
    if not line.args.isdecimal() or len(line.args) > 6 or not 1 <= int(line.args) <= many:
        raise CommandError(f"findings are 1 … {many}" if many else "nothing was found", line.start)
    finding = explored.listed[int(line.args) - 1]
    witness = finding.witness
    if witness is None:
        raise CommandError(f"there is no run to open: {finding.words}", line.start)

    def run(poll: Poll | None) -> Motion:
        from kernelmodel.explore.verdict import cost
        from kernelmodel.explore.witness import session_at

        of = explored.session
        session = session_at(of.scenario, of.variant, of.mutants, witness)
        console.become(session)
        far = "" if cost(witness) in finding.words else cost(witness)
        return Motion(session.stop, None, f"{finding.words}{far}; back returns")

    return Result(move=run, quick=True)


GROUP = "explore"

COMMANDS = (
    Command(
        "explore", (), "explore [--time S] [--preemptions N]", "every interleaving, every answer of the environment", _explore,
        GROUP, ("flag",),
        more=f"From the start of this run's scenario, {SECONDS} seconds unless --time says otherwise; Ctrl+C or Esc ends it with "
        "what was found: the scenario's questions, violations, ends, events, each with the run that has the fewest context "
        "switches and then the fewest steps.",
    ),
    Command(
        "witness", (), "witness [N]", "debug the run that shows finding N of explore; without N: the list again", _witness,
        GROUP, ("number",),
    ),
)  # fmt: skip
