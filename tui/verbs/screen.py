# SPDX-License-Identifier: GPL-2.0-only
"""Commands about the screen: only the terminal debugger can carry them out."""

from __future__ import annotations

from tui.commands import Command, CommandError, Console, Line, Result, Verb
from tui.paint.layout import PANES
from tui.settings import LAYOUTS, THEMES

GROUP = "screen"


def _ask(name: str, choices: tuple[str, ...] = ()) -> Verb:
    def verb(console: Console, line: Line) -> Result:
        if choices and line.args not in choices:
            close = [each for each in choices if line.args and each.startswith(line.args)]
            if len(close) != 1:
                raise CommandError(f"{name} is one of " + ", ".join(filter(None, choices)), line.start)
            return Result(ask=(name, close[0]))
        return Result(ask=(name, line.args))

    return verb


COMMANDS = (
    Command("pane", (), "pane NAME", "focus a pane: " + ", ".join(PANES), _ask("pane", PANES), GROUP, ("pane",)),
    Command("zoom", ("z",), "zoom", "this pane on the whole screen, and back", _ask("zoom"), GROUP),
    Command("layout", (), "layout NAME", "arrange the panes: " + ", ".join(LAYOUTS), _ask("layout", LAYOUTS), GROUP, ("layout",)),
    Command("theme", (), "theme NAME", "colours: " + ", ".join(THEMES), _ask("theme", THEMES), GROUP, ("theme",)),
    Command("search", (), "search TEXT", "find it in the focused pane", _ask("search"), GROUP),
    Command("copy", ("y",), "copy [transcript]", "the pane (or the transcript) to the clipboard and a file", _ask("copy", ("", "transcript")), GROUP, ("copy",)),
    Command("shot", (), "shot [FILE.svg]", "the screen as SVG and as text", _ask("shot"), GROUP, ("file",)),
    Command("edit", (), "edit", "open the scenario in $EDITOR, then load it anew", _ask("edit"), GROUP),
)  # fmt: skip
