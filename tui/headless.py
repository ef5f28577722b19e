# SPDX-License-Identifier: GPL-2.0-only
"""The batch front end: ``run``, ``check``, ``replay``, ``variants``, ``schema``, ``new``.  No Textual here.

stdout is data, stderr is narration; the exit codes are part of the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kernelmodel import scenario as scenarios
from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.functions import functions
from kernelmodel.mutants import spelled
from kernelmodel.scenario import Problem, ScenarioError
from kernelmodel.scenario.faults import printable
from kernelmodel.scenario.types import Place, Scenario
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from kernelmodel.text_fault import TextFault
from kernelmodel.tokens import BadAnswer, Token, TokenError
from kernelmodel.tokens import parse as parse_token
from kernelmodel.tokens import replay as follow_token
from kernelmodel.trace import Record, follow, record, text_line
from kernelmodel.variant_names import aliases, without_aliases

if TYPE_CHECKING:
    from kernelmodel.check import Verdict
    from tui.commands import Console

OK, FAILED, USAGE, INCONCLUSIVE, DISAGREE, IMPOSSIBLE, OUR_BUG, INTERRUPTED = 0, 1, 2, 3, 4, 5, 70, 130


PASSING = 79
"""Columns of what is told in passing."""


class UsageError(Exception):
    """Bad words on the command line; the message is for stderr, exit code 2."""


def refuse(out: Output, program: str, wrong: Iterable[tuple[str, str]]) -> int:
    """Bad words with their hints, on stderr and as records; exit code 2."""
    for message, hint in wrong:
        out.note(f"{program}: {message}" + (f" ({hint})" if hint else ""))
        if out.form == "ndjson":
            out.put(record("error", message=message, hint=hint or None))
    return USAGE


class Output:
    """Where records go: NDJSON lines, or text."""

    def __init__(self, form: str, stdout: TextIO, stderr: TextIO) -> None:
        self.form = form
        self.stdout = stdout
        self.stderr = stderr

    def put(self, row: Record) -> None:
        """One record as NDJSON."""
        import json

        self.stdout.write(json.dumps(row, separators=(",", ":"), ensure_ascii=True) + "\n")

    def line(self, text: str) -> None:
        """One line of text."""
        self.stdout.write("\n".join(map(printable, text.split("\n"))) + "\n")

    def note(self, text: str) -> None:
        """Narration."""
        self.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")

    def passing(self, text: str) -> None:
        """How far something is, in the place of what was said of it before, where someone can see it; '': nothing."""
        if self.stderr.isatty():
            self.stderr.write(f"\r{text:<{PASSING}}" + ("" if text else "\r"))
            self.stderr.flush()

    def problems(self, found: Iterable[Problem]) -> None:
        """Errors: always on stderr, and as records where records are wanted."""
        for each in found:
            self.note(str(each) + (f" ({each.hint})" if each.hint else ""))
            if self.form == "ndjson":
                self.put(
                    record(
                        "error",
                        file=each.file,
                        line=each.line,
                        col=each.col,
                        message=each.message,
                        hint=each.hint or None,
                    )
                )


def load(name: str, out: Output, variant: str | None = None) -> Scenario:
    """A scenario by path or packaged name; its notes go to stderr."""
    scenario = scenarios.load(name, variant=variant)
    for note in scenario.warnings:
        out.note(note)
    return scenario


def problem_at(scenario: Scenario, place: Place, message: str) -> Problem:
    """A trouble that shows only when the machine is built or runs, at its place in the file."""
    return Problem(scenario.name, place.line, place.col, message, "")


def breakpoints(scenario: Scenario, extra: Iterable[str]) -> Breakpoints:
    """Those of the scenario, then those of the command line (``LOC`` or ``LOC if EXPR``)."""
    breaks = Breakpoints(functions)
    for spec in scenario.breaks:
        breaks.add(spec.on, spec.condition, origin="scenario")
    for text in extra:
        try:
            breaks.add(text, origin="option")
        except TextFault as error:
            raise UsageError(f"-b {text}: {error}{_caret(text, error)}") from None
    return breaks


def _caret(text: str, error: TextFault) -> str:
    """A line more for an expression; a location's words say it all."""
    from kernelmodel.expr import ExprError, caret_under

    return f"\n{caret_under(text, error.at)}" if isinstance(error, ExprError) else ""


def told(out: Output, program: str, call: Callable[[], int]) -> int:
    """The exit code of a call, after what was wrong with its words or its scenario has been told."""
    try:
        return call()
    except ScenarioError as error:
        out.problems(error.errors)
    except UsageError as error:
        out.note(f"{program}: {error}")
    return USAGE


def start(
    name: str, variant: str | None, extra: list[str], out: Output, front_end: Callable[[Session, Breakpoints], int]
) -> int:
    """Load, boot, and let a front end have the session; its exit code.

    ``name`` may be a token: the session then stands where it leads.
    """
    token = read_token(name) if name.startswith(("thp1:", "token:")) else None
    if token is not None and variant is not None:
        raise UsageError("a token says which kernel it is about")
    scenario = load(name, out, variant) if token is None else scenario_of(token, None, out)
    breaks = breakpoints(scenario, extra)
    try:
        session = Session(scenario, mutants=None if token is None else token.mutants)
        if token is not None and (trouble := lead(session, token)):
            out.note(f"thp-debug: {trouble}")
        return front_end(session, breaks)
    except (BootError, ImpossibleAnswer) as error:
        out.problems(problems_of(error, scenario))
        return USAGE


def run(
    name: str, variant: str | None, extra: list[str], out: Output, prints: Iterable[str] = (), why: bool = False
) -> int:
    """``run``: to the end or the first stop; then, if wanted, why allocations failed, and texts of the kernel's."""

    def after(session: Session) -> None:
        if why:
            explain(session, out)
        print_files(session, prints, out)

    return start(name, variant, extra, out, lambda session, breaks: emit(session, breaks, out, after=after))


def script(
    name: str, variant: str | None, extra: list[str], lines: list[str], out: Output, prints: Iterable[str] = ()
) -> int:
    """``run -x``: the debugger's commands without a user; what was typed and said, then the kernel's texts.

    The first error ends it with exit code 2; a check that failed, or an end at a bug or blocked, is 1.
    """

    def front_end(session: Session, breaks: Breakpoints) -> int:
        from tui.commands import Console

        console = Console(session, breaks)
        console.wait(lines)
        code = follow_script(console, out)
        print_files(console.session, prints, out)
        return FAILED if code == OK and console.session.stop.kind in ("bug", "blocked") else code

    return start(name, variant, extra, out, front_end)


def follow_script(console: Console, out: Output) -> int:
    """Execute the lines that wait and write what is said; the exit code that they ask for."""
    from tui.commands import TEXTUAL

    code = OK
    while console.queue:
        prompt, text = console.prompt, console.queue[0][0]
        result = console.next()
        assert result is not None
        said = result.lines
        if result.move is not None:
            said = said + console.arrived(result.move(None))
        elif result.work is not None:
            result = console.finished(result.work(None))
            said = said + result.lines
        if out.form == "ndjson":
            out.put(record("console", command=text, output=said, error=result.error or None))
        else:
            for row in (prompt + text, *said):
                out.line(row.rstrip())
        if result.ask is not None and result.ask[0] not in TEXTUAL:
            out.note(f"{text}: needs the screen")
        if result.error:
            out.note(f"{console.session.scenario.name}: {' '.join(said[-1:]).strip()}")
            return USAGE
        if result.quit:
            break
        code = FAILED if result.failed else code
    return code


def emit(
    session: Session,
    breaks: Breakpoints | None,
    out: Output,
    until: int = -1,
    after: Callable[[Session], None] = lambda session: None,
) -> int:
    """Write the records of a run, to its end, a breakpoint or a step; the exit code of its last stop.

    What ``after`` writes comes before the summary, which is always last.
    """
    code = OK
    for row in follow(session, breaks, until):
        if row["type"] == "summary":
            after(session)
        if out.form == "ndjson":
            out.put(row)
        else:
            out.line(text_line(session, row))
        if row["type"] == "stop":
            code = OK if row["kind"] in ("break", "end") else FAILED
            for each in breaks or () if row["kind"] == "break" else ():
                if each.trouble:
                    out.note(f"breakpoint {each.number}: {each.text}: {each.trouble}")
    for step, text in breaks.take_log() if breaks is not None else ():
        out.note(f"#{step} log: {text}")
    for answer in session.script.unasked() if session.finished else ():
        at = f"{session.scenario.name}:{answer.place.line}:{answer.place.col}"
        out.note(f"{at}: warning: answer '{answer.site} = {answer.outcome}' was never asked for")
    return code


def explain(session: Session, out: Output) -> None:
    """Why each allocation and charge that failed did, and what would have helped."""
    from tui.explained import explained, texts, why_record

    for found, changes in explained(session):
        if out.form == "ndjson":
            out.put(why_record(found, changes))
        else:
            out.line("\n".join(texts(found, changes)))


def print_files(session: Session, prints: Iterable[str], out: Output) -> None:
    """Texts of the kernel's about memory as it is at this stop: each a record, or under a line with its name."""
    for name in prints:
        from kernelmodel.proc import text

        shown = text(session.m, name)
        if out.form == "ndjson":
            out.put(record("print", name=name, text=shown))
        else:
            out.line(f"==> {name} <==\n{shown.removesuffix(chr(10))}")


def files(names: list[str]) -> Iterator[str]:
    """Files as they are, folders as all the scenarios below them, sorted."""
    for name in names:
        path = Path(name)
        if path.is_dir():
            yield from sorted(str(each) for each in path.rglob("*.toml"))
        else:
            yield name


def check(names: list[str], out: Output, why: bool = False) -> int:
    """``check``: every scenario against its ``[expect]``; with ``why``, why allocations failed in each run."""
    from kernelmodel.check import check as verdicts_of

    code = OK
    verdicts: list[Verdict] = []
    broken: dict[str, list[Problem]] = {}
    for name in files(names):
        scenario = None
        try:
            scenario = scenarios.load(name)
            for note in check_notes(scenario):
                out.note(note)
            found = verdicts_of(scenario)
        except (ScenarioError, BootError, ImpossibleAnswer) as error:
            broken[name] = problems_of(error, scenario)
            out.problems(broken[name])
            code = USAGE
            continue
        verdicts.extend(found)
        for verdict in found:
            report(verdict, out)
            if why and out.form in ("text", "ndjson"):
                explain(rerun(scenario, verdict), out)
        if code != USAGE and any(not verdict.ok and verdict.known for verdict in found):
            code = FAILED
        elif code == OK and not all(verdict.ok for verdict in found):
            code = INCONCLUSIVE
    if out.form == "junit":
        out.line(junit(verdicts, broken))
    elif out.form == "b4":
        from tui.b4 import b4

        if text := b4(verdicts, broken, patch_on_stdin()):
            out.line(text)
    elif out.form == "text":
        passed, unknown = sum(each.ok for each in verdicts), sum(not each.known for each in verdicts)
        rest = f", {unknown} inconclusive" if unknown else ""
        rest += f", {len(broken)} could not be run" if broken else ""
        out.line(f"{passed} passed, {len(verdicts) - passed - unknown} failed{rest}")
    if not verdicts and not broken:
        out.note("thp-debug check: no scenario there")
        return USAGE
    return code


def rerun(scenario: Scenario, verdict: Verdict) -> Session:
    """The run that a verdict is about, at its end."""
    from kernelmodel.outcome import finish

    variant, *mutants = verdict.variant.split(", ")
    return finish(Session(scenario, variant, frozenset(mutants)))


def check_notes(scenario: Scenario) -> list[str]:
    """The notes of a file; that its variant lacks a knob once a knob, and not where the file is meant for several."""
    notes: dict[str, str] = {}
    for note in scenario.warnings:
        knob = note.endswith("; the value has no effect")
        if not knob:
            notes[note] = note
        elif len(scenario.expect_variant) < 2:
            notes.setdefault(note.rpartition(": note: ")[2], note)
    return list(notes.values())


def patch_on_stdin() -> str:
    """The mail that b4 gives to a check command; '' if there is none."""
    import sys

    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return sys.stdin.buffer.read(16 << 20).decode("utf-8", "replace")


def problems_of(error: ScenarioError | BootError | ImpossibleAnswer, scenario: Scenario | None) -> list[Problem]:
    """What a scenario that can't be run has to say for itself."""
    if isinstance(error, ScenarioError):
        return error.errors
    assert scenario is not None
    return [problem_at(scenario, error.place if isinstance(error, BootError) else error.answer.place, error.message)]


def report(verdict: Verdict, out: Output) -> None:
    """One verdict."""
    if out.form == "ndjson":
        out.put(
            record(
                "check", scenario=verdict.scenario, variant=verdict.variant, ok=verdict.ok, why=list(verdict.why),
                complete=None if verdict.known else False,
                token=None if verdict.ok else verdict.token or None,
            )
        )  # fmt: skip
    elif out.form == "text":
        said = "ok  " if verdict.ok else "FAIL" if verdict.known else "open"
        out.line(f"{said} {verdict.scenario} [{verdict.variant}]")
        for why in verdict.why:
            out.line(f"     {why}")
        if not verdict.ok and verdict.token:
            out.line(f"     thp-debug replay '{verdict.token}'")


def junit(verdicts: list[Verdict], broken: dict[str, list[Problem]]) -> str:
    """JUnit XML: a case a verdict, and one for each file that could not be run; an inconclusive one is skipped."""
    from xml.sax.saxutils import escape, quoteattr

    total, failed = len(verdicts) + len(broken), sum(not each.ok and each.known for each in verdicts)
    counts = f'tests="{total}" failures="{failed}" errors="{len(broken)}"'
    if unknown := sum(not each.known for each in verdicts):
        counts += f' skipped="{unknown}"'
    rows = [f'<testsuite name="thp-debug check" {counts}>']
    for each in verdicts:
        case = f"  <testcase classname={quoteattr(printable(each.scenario))} name={quoteattr(each.variant)}"
        text = escape("\n".join(each.why))
        kind = "failure" if each.known else "skipped"
        fault = "" if each.ok else f"<{kind} message={quoteattr(each.why[0])}>{text}</{kind}>"
        rows.append(f"{case}>{fault}</testcase>")
    for name, found in broken.items():
        case = f'  <testcase classname={quoteattr(printable(name))} name="load"'
        text = escape("\n".join(map(str, found)))
        rows.append(f"{case}><error message={quoteattr(str(found[0]))}>{text}</error></testcase>")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join([*rows, "</testsuite>"])


def replay(text: str, scenario_file: str | None, out: Output) -> int:
    """``replay``: a token (or a file that holds one), verified by its digest."""
    token = read_token(text)
    scenario = scenario_of(token, scenario_file, out)
    try:
        session = Session(scenario, mutants=token.mutants)
        trouble = lead(session, token)
        here = session.step
        session.seek(0)
        code = emit(session, None, out, here)
    except (BootError, ImpossibleAnswer) as error:
        out.problems(problems_of(error, scenario))
        return USAGE
    if trouble:
        out.note(f"thp-debug replay: {trouble}")
        return FAILED
    return code


def scenario_of(token: Token, file: str | None, out: Output) -> Scenario:
    """The scenario that a token is about: in a file, or where the token says, there or in the working directory."""
    name = file or token.name
    if file is None and not Path(name).exists() and Path(Path(name).name).exists():
        name = Path(name).name
    scenario = load(name, out, spelled(token.variant, token.mutants))
    if scenario.hash != token.hash:
        raise UsageError(f"{name} has changed: its hash is {scenario.hash}, the token was made with {token.hash}")
    return scenario


def lead(session: Session, token: Token) -> str:
    """Bring a session where a token leads; what is different there, in words."""
    try:
        return follow_token(session, token)
    except (BadAnswer, TokenError) as error:
        raise UsageError(f"the token does not fit {session.scenario.name}: {error}") from None


def read_token(text: str) -> Token:
    """From the command line (with or without its ``token:``), or the last token in a file (a saved run)."""
    text = text.removeprefix("token:").strip()
    if not text.startswith("thp1:") and Path(text).is_file():
        with Path(text).open("rb") as file:
            content = file.read(16 << 20).decode("utf-8", "replace")
        words = [word.strip("\"',") for line in content.splitlines() for word in line.replace('"', " ").split()]
        tokens = [word for word in words if word.startswith("thp1:")]
        if not tokens:
            raise UsageError(f"{text}: there is no token in this file")
        text = tokens[-1]
    try:
        return parse_token(text)
    except TokenError as error:
        raise UsageError(f"bad token: {error.message}") from None


def variants(out: Output) -> int:
    """``variants``: id first, then source and what changed."""
    for each in without_aliases():
        also = aliases(each.id)
        words = f"(also {', '.join(also)}) " if also else ""
        if out.form == "ndjson":
            out.put(record("variant", id=each.id, aliases=also, source=each.source, changed=each.changed))
        else:
            out.line(f"{each.id:<7} {words}{each.changed}  [{each.source}]")
    return OK


def schema(out: Output) -> int:
    """``schema``: the JSON Schema of scenario files."""
    import json

    out.line(json.dumps(scenarios.schema(), indent=2))
    return OK


def new(out: Output) -> int:
    """``new``: a commented scenario to begin with."""
    out.stdout.write(scenarios.new())
    return OK
