# SPDX-License-Identifier: GPL-2.0-only
"""Commands about what was when: marks, who wrote it, what differs."""

from __future__ import annotations

from kernelmodel.expr import parse
from kernelmodel.motion import INTERRUPTED, Motion, Poll
from tui.commands import Command, CommandError, Console, Line, Result, Verb
from tui.verbs import args
from tui.verbs.motion import to_step

MOST_ROWS = 200


def _mark(console: Console, line: Line) -> Result:
    word, where, col = args.first(line)
    if not word.isidentifier() or word in ("start", "end", "last") or len(word) > 40:
        raise CommandError("mark NAME [STOP]; a name is letters, digits and _", line.start)
    step = args.known_step(console, where, col) if where else console.session.step
    if len(console.places.marks) >= 1000 and word not in console.places.marks:
        raise CommandError("there are 1000 marks")
    console.places.marks[word] = step
    return Result([f"mark {word} = #{step}"])


def _marks(console: Console, line: Line) -> Result:
    return Result(mark_lines(console))


def mark_lines(console: Console) -> list[str]:
    """Every mark and its stop."""
    marks = console.places.marks
    return [f"{name}  #{step}" for name, step in sorted(marks.items())] or ["no marks: mark NAME sets one"]


def _unmark(console: Console, line: Line) -> Result:
    marks = console.places.marks
    for word, col in args.words(line):
        if word not in marks:
            raise CommandError(f"no mark {word}", col)
    for word in line.args.split() or list(marks):
        marks.pop(word, None)
    return Result(["marks: " + (" ".join(marks) or "none")])


def _follow(console: Console, line: Line) -> None:
    """Refuse an expression that can be followed nowhere."""
    with args.standing(line.start):
        console.check(parse(line.args), True)


def _last(console: Console, line: Line) -> Result:
    if not line.args:
        raise CommandError("last EXPR: who wrote it last")
    from kernelmodel.trail import last_change

    _follow(console, line)
    found = last_change(console.session, line.args)
    if found is None:
        return Result([f"no change of {line.args} up to here (a value's first appearance is none)"])
    return Result([f"{line.args} {found.text}",
                   f"jump with: goto {found.step}"])  # fmt: skip


def _history(console: Console, line: Line) -> Result:
    if not line.args:
        return Result(console.history[-MOST_ROWS:])
    from kernelmodel.trail import history

    _follow(console, line)
    found = history(console.session, line.args, most=MOST_ROWS + 1)
    rows = [each.text for each in found[-MOST_ROWS:]]
    if len(found) > MOST_ROWS:
        rows.insert(0, f"… those before the last {MOST_ROWS} are left out")
    return Result(rows or [f"{line.args} never changes in the run as far as it is known"])


def _change(direction: int) -> Verb:
    """To the next or previous change of an expression."""

    def verb(console: Console, line: Line) -> Result:
        text = line.args
        if not text:
            raise CommandError("of what?")
        _follow(console, line)

        def run(poll: Poll | None) -> Motion:
            from kernelmodel.trail import next_change

            session = console.session
            stopped = False

            def asked(step: int) -> bool:
                nonlocal stopped
                stopped = stopped or (poll is not None and poll(step))
                return stopped

            at = next_change(session, text, direction, asked)
            if at is None:
                return Motion(
                    session.stop, None, INTERRUPTED if stopped else f"no {_WHICH[direction]} change of {text}"
                )
            return Motion(session.seek(at))

        return Result(move=run)

    return verb


_WHICH = {1: "later", -1: "earlier"}


def _diff(console: Console, line: Line) -> Result:
    words = args.words(line)
    if len(words) > 2:
        raise CommandError("diff [A [B]]", line.start)
    steps = [args.known_step(console, word, col) for word, col in words]
    here = console.session.step
    since = console.since()
    begin = steps[0] if steps else since if since >= 0 else max(here - 1, 0)
    end = steps[1] if len(steps) > 1 else here
    return Result(_rows(console, begin, end))


def _rows(console: Console, begin: int, end: int) -> list[str]:
    """``what  old -> new`` between two stops, aligned."""
    from kernelmodel.look.differences import differences

    changes = differences(console.session, begin, end, MOST_ROWS)
    wide = min(max((len(each.what) for each in changes), default=0), 40)
    return [f" {each.what:<{wide}}  {each.old} -> {each.new}" for each in changes] or [" nothing differs"]


def _changes(console: Console, line: Line) -> Result:
    here = console.session.step
    return Result(_rows(console, max(here - 1, 0), here))


def _tomark(console: Console, line: Line) -> Result:
    if line.args not in console.places.marks:
        raise CommandError(f"no mark {line.args!a}", line.start)
    return to_step(console, console.places.marks[line.args])


GROUP = "time"

COMMANDS = (
    Command("mark", (), "mark NAME [STOP]", "name this stop (or another)", _mark, GROUP, ("", "mark")),
    Command("marks", (), "marks", "all of them", _marks, GROUP),
    Command("unmark", (), "unmark [NAME ...]", "forget marks; all without a name", _unmark, GROUP, ("mark",)),
    Command("jump", (), "jump MARK", "to a mark", _tomark, GROUP, ("mark",)),
    Command("last", (), "last EXPR", "who wrote it last, and where", _last, GROUP, ("expr",)),
    Command(
        "history", (), "history [EXPR]", f"every change of its value (the last {MOST_ROWS}); without EXPR: the lines you typed", _history,
        GROUP, ("expr",),
    ),
    Command("next-change", (), "next-change EXPR", "on to its next change", _change(1), GROUP, ("expr",), True),
    Command("previous-change", (), "previous-change EXPR", "back to its change before", _change(-1), GROUP, ("expr",), True),
    Command("diff", (), "diff [A [B]]", "what differs between two stops (A and here; the last step)", _diff, GROUP, ("mark", "mark")),
    Command("changes", (), "changes", "what the last step changed, cell by cell", _changes, GROUP),
)  # fmt: skip
