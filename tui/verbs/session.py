# SPDX-License-Identifier: GPL-2.0-only
"""Commands about the debugging session: what is taken away, scripts, aliases, help."""

from __future__ import annotations

from tui.commands import MAX_QUEUE, Command, CommandError, Console, Line, Result, find, parse, perform, table
from tui.verbs import args
from tui.verbs.files import read_lines, write

WIDTHS = range(40, 201)


def transcript(console: Console, since: int | None = None, form: str = "mail", width: int = 72) -> list[str]:
    """The run from a stop (the mark set last before here, or the start) to here, as text for a mail."""
    from kernelmodel import mail
    from tui.cli import VERSION

    session = console.session
    if since is None:
        since = max((step for step in console.places.marks.values() if step <= session.step), default=0)
    if form == "log":
        return list(console.log)
    if form == "ndjson":
        import json

        return [json.dumps(row, separators=(",", ":")) for row in mail.ndjson(session, since, session.step)]
    if form == "md":
        return mail.markdown(session, since, session.step, VERSION)
    return mail.mail(session, since, session.step, width, VERSION)


def _transcript(console: Console, line: Line) -> Result:
    try:
        import shlex

        words = shlex.split(line.args)
    except ValueError as error:
        raise CommandError(str(error), line.start) from None
    file, since, form, width = "", None, "mail", 72
    while words:
        word = words.pop(0)
        if word in ("--mail", "--md", "--ndjson", "--log"):
            form = word[2:]
        elif word in ("-o", "--since", "--width") and words:
            value = words.pop(0)
            if word == "-o":
                file = value
            elif word == "--since":
                since = args.known_step(console, value, line.start)
            elif value.isdecimal() and len(value) < 4 and int(value) in WIDTHS:
                width = int(value)
            else:
                raise CommandError(f"a width is {WIDTHS.start} … {WIDTHS.stop - 1}", line.start)
        else:
            raise CommandError(
                "transcript [-o FILE] [--since STOP] [--width N] [--mail|--md|--ndjson|--log]", line.start
            )
    rows = transcript(console, since, form, width)
    if file:
        return Result([write(file, "".join(row + "\n" for row in rows), line.start)])
    return Result(rows)


def _source(console: Console, line: Line) -> Result:
    if not line.args:
        raise CommandError("source FILE")
    console.wait(read_lines(line.args, line.start), first=True)
    return Result()


def _alias(console: Console, line: Line) -> Result:
    name, _, text = line.args.partition("=")
    name, text = name.strip(), text.strip()
    if not name:
        return Result([f"{name} = {text}" for name, text in sorted(console.aliases.items())] or ["no aliases"])
    if not text:
        raise CommandError("alias NAME = COMMAND …", line.start)
    if not name.replace("-", "").isalnum() or any(name == each.name or name in each.aliases for each in table()):
        raise CommandError(f"{name} is a command already, or no word", line.start)
    try:
        parse(text)
    except CommandError as error:
        raise CommandError(error.message, line.start + len(line.args) - len(text) + max(error.col, 0)) from None
    if len(console.aliases) >= 1000:
        raise CommandError("there are 1000 aliases")
    console.aliases[name] = text
    return Result([f"{name} = {text}"])


def _unalias(console: Console, line: Line) -> Result:
    if console.aliases.pop(line.args, None) is None:
        raise CommandError(f"no alias {line.args!a}", line.start)
    return Result()


def _echo(console: Console, line: Line) -> Result:
    return Result([line.args])


def _shell(console: Console, line: Line) -> Result:
    if not line.args:
        raise CommandError("!COMMAND")
    return Result(shell=(line.args, ""))


def _pipe(console: Console, line: Line) -> Result:
    command, bar, shell = line.args.partition(" | ")
    if not bar or not shell.strip():
        raise CommandError("pipe COMMAND | SHELL COMMAND", line.start)
    found, inner = parse(line.start * " " + command.rstrip())
    if found.group in ("motion", "screen") or found.name == "set":
        raise CommandError(f"{found.name} gives no text", line.start)
    with args.standing(inner.start):
        result = perform(console, found, inner)
    if result.move is not None or result.quit or result.shell:
        raise CommandError(f"{found.name} gives no text", line.start)
    return Result(shell=(shell.strip(), "".join(row + "\n" for row in result.lines)))


def _help(console: Console, line: Line) -> Result:
    if not line.args:
        return Result(help_lines(), ask=("help", ""))
    try:
        command = find(line.args, line.text, line.start)
    except CommandError:
        group = [each for each in table() if each.group == line.args]
        if not group:
            raise
        return Result([f"{each.usage:<30} {each.help}" for each in group])
    rows = [f"{command.usage}   {command.help}"]
    if command.aliases:
        rows.append("short: " + ", ".join(command.aliases))
    if command.more:
        from textwrap import wrap

        rows += wrap(command.more, 76)
    return Result(rows)


def help_lines() -> list[str]:
    """Every command by its group."""
    rows: list[str] = []
    for group in dict.fromkeys(each.group for each in table()):
        rows.append(f"{group}:")
        rows += [f"  {each.usage:<30} {each.help}" for each in table() if each.group == group]
    return rows


def _quit(console: Console, line: Line) -> Result:
    return Result(quit=True)


GROUP = "session"

COMMANDS = (
    Command(
        "transcript", (), "transcript [-o FILE] [--since STOP] [--width N] [--mail|--md|--ndjson|--log]",
        "the run so far as text that survives kernel mail", _transcript, GROUP, ("flag", "file"),
        more="From the mark before here, or --since STOP, to here: 72 columns of ASCII with the line that replays it. --md is a "
        "fenced block, --ndjson the records, --log what was typed and said.",
    ),
    Command(
        "source", (), "source FILE", "execute a file of commands", _source, GROUP, ("file",),
        more=f"At most 1 MiB and {MAX_QUEUE} lines; the first error ends it; ! and pipe are refused there.",
    ),
    Command("alias", (), "alias [NAME = COMMAND …]", "a word of your own for the beginning of a command", _alias, GROUP, ("", "command")),
    Command("unalias", (), "unalias NAME", "forget it", _unalias, GROUP, ("alias",)),
    Command("echo", (), "echo TEXT", "say it", _echo, GROUP),
    Command("shell", ("!",), "!COMMAND", "have your shell execute it; not from files", _shell, GROUP),
    Command("pipe", ("|",), "pipe COMMAND | SHELL COMMAND", "the text of a command to your shell; not from files", _pipe, GROUP, ("command",)),
    Command("help", ("h",), "help [COMMAND]", "this list, or more about one", _help, GROUP, ("command",)),
    Command("quit", ("q",), "quit", "end the session", _quit, GROUP),
)  # fmt: skip
