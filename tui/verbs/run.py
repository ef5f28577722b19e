# SPDX-License-Identifier: GPL-2.0-only
"""Commands about the run itself: what the environment answers, what the scenario says, and its token."""

from __future__ import annotations

from pathlib import Path

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.motion import Motion, Poll
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.scenario.memory_keys import FILES
from kernelmodel.session import Session
from kernelmodel.tokens import BadAnswer, TokenError
from tui.commands import Command, CommandError, Console, Line, Result
from tui.settings import CHOICES
from tui.verbs import args
from tui.verbs.files import path_of, write


def _answer(console: Console, line: Line) -> Result:
    snap = args.look_at(console)
    possible = (*snap.outcomes, *snap.forcible)
    if not possible:
        raise CommandError("nothing is asked here: answers belong to what the environment decides")
    if line.args not in possible:
        raise CommandError("this decision takes " + ", ".join(possible), line.start if line.args else -1)
    return Result(move=lambda poll: answer(console, line.args), quick=True)


def answer(console: Console, outcome: str) -> Motion:
    """Answer the present decision and stand at the next stop; a new answer forks the run here."""
    session = console.session
    here, known, said = session.step, session.last, session.event(session.step)
    stop = session.advance(outcome)
    another = session.last < known or session.event(here) != said
    return Motion(stop, None, forked(console, here) if another else "")


def forked(console: Console, here: int) -> str:
    """The run is another one behind this stop: forget what was known of the old one; what to say of it, or ''."""
    if console.other is not None:
        console.other.cut(here)
    lost = console.places.cut(console.session, here)
    return f"the run is another from here on: lost mark{'s' * (len(lost) > 1)} {' '.join(lost)}" if lost else ""


def _set(console: Console, line: Line) -> Result:
    name, value = _split(line.args)
    if not name:
        return _show(console, line)
    if name in CHOICES:
        return _setting(console, name, value, line)
    if not value:
        raise CommandError(f"set {name} to what?")
    from kernelmodel.scenario import edit as scenario_edit

    try:
        edited = scenario_edit.edit(console.session.scenario, name, value)
        session = Session(edited)
    except scenario_edit.EditError as error:
        raise CommandError(error.message, line.start) from None
    except ScenarioError as error:
        raise CommandError("; ".join(_words(each) for each in error.errors), line.start) from None
    except (BootError, ImpossibleAnswer) as error:
        raise CommandError(error.message, line.start) from None
    dropped = len(console.session.answers)

    def run(poll: Poll | None) -> Motion:
        console.become(session)
        said = f"another run, with {name} = {value}; back returns to the one before"
        if dropped:
            said += f" ({dropped} answer{'s' * (dropped > 1)} of yours stayed there)"
        return Motion(session.stop, None, said)

    return Result(move=run, quick=True)


def _words(problem: object) -> str:
    message, hint = getattr(problem, "message", str(problem)), getattr(problem, "hint", "")
    return f"{message} ({hint})" if hint else message


def _split(text: str) -> tuple[str, str]:
    """``name value`` or ``name = value``."""
    name, _, value = text.partition(" ") if "=" not in text.split(" ")[0] else text.partition("=")
    return name.strip(), value.strip().removeprefix("=").strip()


def _setting(console: Console, name: str, value: str, line: Line) -> Result:
    settings = console.settings
    fine = value in CHOICES[name] or (name == "diff" and (value in console.places.marks or value.isdecimal()))
    if value and not fine:
        more = ", a mark or a step" if name == "diff" else ""
        raise CommandError(f"{name} is one of {', '.join(CHOICES[name])}{more}", line.start)
    if value:
        setattr(settings, name, value)
    return Result([f"{name} = {getattr(settings, name)}"], ask=("setting", name) if value else None)


def _show(console: Console, line: Line) -> Result:
    if line.args and line.args not in CHOICES:
        found = dict(_scenario_values(console))
        if line.args not in found:
            raise CommandError(f"nothing is called {line.args!a}", line.start)
        return Result([f"{line.args} = {found[line.args]}"])
    names = [line.args] if line.args else list(CHOICES)
    rows = [f"{name} = {getattr(console.settings, name)}" for name in names]
    return Result(rows if line.args else rows + [f"{name} = {text}" for name, text in _scenario_values(console)])


def _scenario_values(console: Console) -> list[tuple[str, str]]:
    """The keys that the scenario gives a value, as ``set`` takes them."""
    return [each for each in _flat("", console.session.scenario.raw) if not each[0].startswith("expect")]


def _flat(path: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, each in value.items() for row in _flat(f"{path}.{key}" if path else key, each)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [row for at, each in enumerate(value) for row in _flat(f"{path}[{at}]", each)]
    return [(path, str(value).lower() if isinstance(value, bool) else str(value))]


def _save(console: Console, line: Line) -> Result:
    from kernelmodel.scenario.save import UnwritableRun, text_of

    if not line.args:
        raise CommandError("save-scenario FILE")
    try:
        text = text_of(console.session)
    except UnwritableRun as error:
        raise CommandError(error.message) from None
    said = [write(line.args, text, line.start)]
    scenario, folder = console.session.scenario, path_of(line.args).parent
    files = [scenario.raw["memory"][key] for key in FILES if key in scenario.raw.get("memory", {})]
    if files and folder.resolve() != Path(scenario.folder or ".").resolve():
        said.append(f"it needs copies of {', '.join(files)} in {folder}")
    return Result(said)


def _token(console: Console, line: Line) -> Result:
    token = console.session.token()
    if not token:
        raise CommandError("the scenario was changed with set: save-scenario FILE first, then debug that file")
    return Result([f"thp-debug replay '{token}'"])


def _replay(console: Console, line: Line) -> Result:
    from kernelmodel import tokens
    from tui.headless import UsageError, read_token

    if not line.args:
        raise CommandError("replay TOKEN|FILE")
    scenario = console.session.scenario
    try:
        token = read_token(line.args.strip("'\""))
        tokens.fit(token, scenario, token.variant, token.mutants)
        session = Session(scenario, token.variant, token.mutants)
    except (TokenError, UsageError, BootError, ImpossibleAnswer, OSError) as error:
        raise CommandError(getattr(error, "message", str(error)), line.start) from None

    def run(poll: Poll | None) -> Motion:
        try:
            trouble = tokens.replay(session, token, poll)
        except (BadAnswer, ImpossibleAnswer) as error:
            return Motion(console.session.stop, None, f"the token does not fit: {getattr(error, 'message', error)}")
        console.become(session)
        ended = "ended" if token.place is None else "stands"
        verified = f"replayed; it {ended} in the state that the token names" if token.digest else "replayed"
        return Motion(session.stop, None, trouble or verified)

    return Result(move=run)


def _reload(console: Console, line: Line) -> Result:
    from kernelmodel import scenario

    here = console.session
    try:
        session = Session(scenario.load(here.scenario.name, variant=here.kernel))
    except ScenarioError as error:
        raise CommandError("; ".join(str(each) for each in error.errors[:3])) from None
    except (BootError, ImpossibleAnswer) as error:
        raise CommandError(error.message) from None

    def run(poll: Poll | None) -> Motion:
        console.become(session)
        return Motion(session.stop, None, f"{session.scenario.name} loaded anew; back returns to the run before")

    return Result(move=run, quick=True)


def _check(console: Console, line: Line) -> Result:
    scenario = console.session.scenario

    def work(poll: Poll | None) -> Result:
        from kernelmodel.check import check

        def progress(states: int, switches: int) -> None:
            console.doing = f"checking: {states:,} states"
            if poll is not None and poll(states):
                raise KeyboardInterrupt

        console.doing = "checking"
        try:
            verdicts = check(scenario, progress)
        except ScenarioError as error:
            return Result([each.message for each in error.errors], error=True)
        except (BootError, ImpossibleAnswer) as error:
            return Result([error.message], error=True)
        except KeyboardInterrupt:
            return Result(["interrupted"])
        finally:
            console.doing = ""
        rows = []
        for verdict in verdicts:
            rows.append(f"{'ok' if verdict.ok else 'FAIL' if verdict.known else 'open'} [{verdict.variant}]")
            rows += [f"  {why}" for why in verdict.why]
        return Result(rows or ["the scenario expects nothing"], failed=not all(verdict.ok for verdict in verdicts))

    return Result(work=work)


def _variants(console: Console, line: Line) -> Result:
    from kernelmodel.variant_names import aliases, without_aliases

    here = console.session.variant
    return Result(
        [
            f"{'*' if here in (each.id, *aliases(each.id)) else ' '} {' '.join((each.id, *aliases(each.id))):<12} {each.changed}"
            for each in without_aliases()
        ]
    )


GROUP = "the run"

COMMANDS = (
    Command("answer", (), "answer OUTCOME", "what-if: answer for the environment, here", _answer, GROUP, ("outcome",)),
    Command(
        "set", (), "set KEY VALUE", "another run with this key of the scenario changed; or a setting", _set, GROUP,
        ("setting",),
        more="Keys are spelled as in the file: thp.enabled, memory.memcg_limit, event[0].write, vma.heap.size, variant. The "
        "file is never touched, back returns to the run before. Settings: "
        + ", ".join(f"{name} ({'|'.join(values)})" for name, values in CHOICES.items()) + ".",
    ),
    Command("show", (), "show [NAME]", "settings and keys, with their values", _show, GROUP, ("setting",)),
    Command(
        "save-scenario", (), "save-scenario FILE", "this run as a scenario: edits, your answers, what came out", _save,
        GROUP, ("file",),
    ),
    Command("token", (), "token", "the line that replays this run elsewhere", _token, GROUP),
    Command("replay", (), "replay TOKEN|FILE", "go where a token leads; refuses another scenario", _replay, GROUP, ("file",)),
    Command("reload", (), "reload", "load the scenario's file anew", _reload, GROUP),
    Command("check", (), "check", "the scenario against its [expect]", _check, GROUP),
    Command("variants", (), "variants", "what is modelled; * is this one", _variants, GROUP),
)  # fmt: skip
