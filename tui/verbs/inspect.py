# SPDX-License-Identifier: GPL-2.0-only
"""Commands that look: values, panes as text, the call stack."""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.cpus import event_text
from kernelmodel.expr import EvalError, evaluate, number
from kernelmodel.expr import parse as parse_expr
from kernelmodel.expr.env import StopEnv
from kernelmodel.proc import FILES
from kernelmodel.value_text import value_text
from tui.commands import Command, CommandError, Console, Line, Result, Verb
from tui.paint import source
from tui.paint.rows import clean
from tui.told import display, value
from tui.verbs import args
from tui.verbs.text import WIDTH, pane_lines, view_of
from tui.verbs.time import mark_lines

FORMATS: dict[str, Callable[[int], str]] = {
    "x": hex, "d": lambda v: str(v - (1 << 64) if v >> 63 else v), "u": str, "t": bin, "o": oct,
}  # fmt: skip
"""``print/F``: hex, signed, unsigned, binary, octal."""


def _print(console: Console, line: Line) -> Result:
    text, form = line.args, ""
    if text.startswith("/"):
        form, _, text = text[1:].partition(" ")
        text = text.strip()
        if form not in FORMATS:
            raise CommandError("formats are " + ", ".join(f"/{each}" for each in FORMATS), line.start)
    if not text:
        raise CommandError("print what?", line.start)
    with args.standing(line.start + len(line.args) - len(text)):
        parsed = parse_expr(text)
        if form:
            found = evaluate(parsed, _env(console))
            return Result([f"{clean(text)} = {FORMATS[form](found)}"])
    shown = value(console.session, text, console.frame, console.cpu)
    if shown.startswith("("):
        if text in (local := _locals(console)):
            return Result([f"{clean(text)} = {local[text]}"])
        with args.standing(line.start + len(line.args) - len(text)):
            evaluate(parsed, _env(console))
        raise EvalError(shown[1:-1])
    return Result([f"{clean(text)} = {shown}"])


def _env(console: Console) -> StopEnv:
    """The names at the present stop, as the selected call and CPU see them."""
    session = console.session
    return StopEnv(session, session.step, variables=True, frame=console.frame, cpu=console.cpu)


def _locals(console: Console) -> dict[str, str]:
    """Variables as the locals pane shows them: also those that are no value of C."""
    snap = args.look_at(console)
    return {each.name: clean(each.text) for call in snap.calls[: snap.frame + 1] for each in call.locals}


def _display(console: Console, line: Line) -> Result:
    if not line.args:
        return Result(
            [
                f"{number}: {display(console.session, text, console.frame, console.cpu)}"
                for number, text in console.displays.items()
            ]
        )
    parse_expr(line.args)
    known = [number for number, text in console.displays.items() if text == line.args]
    if len(console.displays) >= 64 and not known:
        raise CommandError("there are 64 displays: undisplay one first")
    made = known[0] if known else max(console.displays, default=0) + 1
    console.displays[made] = line.args
    return Result([f"{made}: {display(console.session, line.args, console.frame, console.cpu)}"])


def _undisplay(console: Console, line: Line) -> Result:
    for word, col in args.words(line):
        if not word.isdecimal() or int(word[:9]) not in console.displays:
            raise CommandError(f"no display {word}", col)
    gone = dict.fromkeys(int(word[:9]) for word in line.args.split()) or dict(console.displays)
    for each in gone:
        del console.displays[each]
    return Result(["no longer displayed: " + (" ".join(map(str, gone)) or "nothing")])


def _info(console: Console, line: Line) -> Result:
    word, _, rest = line.args.partition(" ")
    names = [name for name in INFO if word == name] or [name for name in INFO if word and name.startswith(word)]
    if not names:
        raise CommandError("info " + ", ".join(INFO), line.start)
    if rest:
        _, text, col = args.first(line)
        if names[0] not in ("event", "events"):
            raise CommandError(f"info {names[0]} takes nothing more", col)
        return _event(console, args.known_step(console, text, col))
    return Result(INFO[names[0]](console))


def _event(console: Console, step: int) -> Result:
    """Everything about one decision."""
    event = console.session.event(step)
    if not event.kind:
        return Result([f"#{step} {console.session.end.text if console.session.end else 'no decision'}"])
    rows = [f"#{step} {event.kind}" + (f":{event.outcome}" if event.outcome else "")]
    for name, shown in (
        ("site", event.site), ("at", f"{event.function}:{event.line}"), ("cpu", event.cpu), ("fault", event.fault),
        ("order", event.order), ("i", event.i), ("addr", hex(event.addr) if event.addr >= 0 else -1),
        ("reason", event.reason), ("why", event.why),
        *((name, value_text(console.session.m.arch, name, each)) for name, each in event.more),
        ("answer", "forced" if event.forced else "" if event.natural else "given, not nature's"),
    ):  # fmt: skip
        if shown not in ("", -1):
            rows.append(f"  {name:<8} {clean(str(shown))}")
    return Result(rows)


def _pane(name: str) -> Callable[[Console], list[str]]:
    return lambda console: pane_lines(console, name)


def _proc(name: str) -> Callable[[Console], list[str]]:
    """A text that the kernel would give at this stop."""

    def verb(console: Console) -> list[str]:
        from kernelmodel.proc import text

        return text(console.session.m, name).split("\n")[:-1]

    return verb


def _counters(console: Console) -> list[str]:
    snap = args.look_at(console)
    return [f"{name} {value}" for name, value in snap.counters] or ["no statistic has changed"]


def _scenario(console: Console) -> list[str]:
    session = console.session
    scenario = session.scenario
    rows = [f"{scenario.name}: {scenario.title}", f"variant {session.variant}, {scenario.arch}, hash {scenario.hash}"]
    rows += [f"edited: {each}" for each in scenario.edited]
    return rows + [
        f"event {n}: cpu{each.cpu} {event_text(each)}"
        for n, each in enumerate(scenario.events)
    ]


def _columns(console: Console) -> list[str]:
    """The run so far, a column per CPU."""
    from kernelmodel.explore.witness import text

    return text(console.session, WIDTH)


INFO: dict[str, Callable[[Console], list[str]]] = {
    "breakpoints": _pane("breaks"), "locals": _pane("stack"), "stack": _pane("stack"), "orders": _pane("orders"),
    "table": _pane("table"), "ptes": _pane("table"), "buddy": _pane("allocator"), "allocator": _pane("allocator"),
    "vmas": _pane("vmas"), "events": _pane("events"), "event": lambda console: _event(console, console.session.step).lines,
    "timeline": _pane("timeline"), "changes": _pane("changes"), "source": _pane("source"), "cpus": _pane("cpus"),
    "locks": _pane("cpus"), "watch": _pane("watch"), "display": _pane("watch"), "marks": mark_lines, "counters": _counters,
    "scenario": _scenario, "columns": _columns, **{name: _proc(name) for name in FILES},
}  # fmt: skip


def _list(console: Console, line: Line) -> Result:
    return Result(pane_lines(console, "source", 11))


def _where(console: Console, line: Line) -> Result:
    return Result(pane_lines(console, "stack"))


def _walk(console: Console, line: Line) -> Result:
    at = evaluate(parse_expr(line.args), _env(console)) if line.args else -1
    snap = console.session.snapshot(view_of(console, pte_at=at))
    rows = [f"{each.level:<5} [{each.entry:#05x}] {each.value:#018x}  {each.kind}" for each in snap.walk]
    entry = snap.entry
    if entry is not None:
        names = "|".join(entry.bits)
        rows.append(f"{entry.addr:#x}: {entry.kind}" + (f"  {names}" if names else ""))
        if entry.folio >= 0:
            rows.append(
                f"folio pfn {entry.folio:#x} order {entry.order} refcount {entry.refcount} mapcount {entry.mapcount}"
                + (f"  {'|'.join(entry.flags)}" if entry.flags else "")
            )
    return Result(rows or ["there is no address in view"])


def _frame_by(by: int) -> Verb:
    def verb(console: Console, line: Line) -> Result:
        move_frame(console, by * args.count(line))
        return _framed(console)

    return verb


def _framed(console: Console) -> Result:
    snap = args.look_at(console)
    call = source.selected(snap)
    return Result([f"#{len(snap.calls) - 1 - snap.frame} {call.function}:{call.line}" if call else "no call"])


def move_frame(console: Console, by: int) -> None:
    """Select another call, ``by`` calls further in; stays within the stack."""
    snap = args.look_at(console)
    console.frame = max(0, min(snap.frame + by, len(snap.calls) - 1)) if snap.calls else -1


def _frame(console: Console, line: Line) -> Result:
    if line.args:
        snap = args.look_at(console)
        wanted = number(line.args) if line.args.isdecimal() else -1
        if not 0 <= wanted < len(snap.calls):
            raise CommandError(f"frames are 0 … {len(snap.calls) - 1}, 0 the innermost", line.start)
        console.frame = len(snap.calls) - 1 - wanted
    return _framed(console)


GROUP = "inspect"

COMMANDS = (
    Command(
        "print", ("p",), "print[/F] EXPR", "value of a C expression, unsigned 64-bit", _print, GROUP, ("expr",),
        more="F is x (hex), d (signed), u (unsigned), t (binary) or o (octal). Also pte(addr), order(bytes), size(order), "
        "changed(EXPR), was(EXPR), step().",
    ),
    Command("display", (), "display [EXPR]", "print it after each motion; without EXPR: all", _display, GROUP, ("expr",)),
    Command("undisplay", (), "undisplay [N ...]", "no more; all without a number", _undisplay, GROUP, ("display",)),
    Command("info", ("i",), "info WHAT [N]", "a pane as text: " + ", ".join(INFO), _info, GROUP, ("info",)),
    Command("walk", (), "walk [ADDR]", "the page-table walk for an address", _walk, GROUP, ("expr",)),
    Command("list", ("l",), "list", "source around the current line", _list, GROUP),
    Command("where", ("bt", "w"), "where", "call stack and locals", _where, GROUP),
    Command("up", ("u",), "up [N]", "select the caller", _frame_by(-1), GROUP, ("number",)),
    Command("down", (), "down [N]", "select the callee", _frame_by(1), GROUP, ("number",)),
    Command("frame", (), "frame [N]", "select a call by number, 0 the innermost", _frame, GROUP, ("number",)),
)  # fmt: skip
