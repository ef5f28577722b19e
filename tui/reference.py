# SPDX-License-Identifier: GPL-2.0-only
"""The reference of commands and keys as Markdown, made from the tables: ``docs/commands.md``.

``python -m tui.reference > docs/commands.md`` writes it anew; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from kernelmodel.decision import KINDS
from kernelmodel.stops.attrs import OUTCOMES
from tui import reference_words as words
from tui.commands import Command, table
from tui.keys import PRESETS, keymap
from tui.keytable import MOVE_KEYS
from tui.settings import CHOICES


def reference() -> str:
    """All of it."""
    return "\n".join([words.HEAD, *_commands(), _locations(), _expressions(), _settings(), _keys(), _habits()])


def grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; ``|`` in a cell stays text."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join("".join(f"| {cell} " if cell else "| " for cell in line) + "|\n" for line in lines)


def code(texts: Iterable[str]) -> str:
    """Texts as they are typed."""
    return " ".join(f"`{text}`" for text in texts if text)


def _commands() -> list[str]:
    parts, told = [], dict[str, str]()
    for group in dict.fromkeys(each.group for each in table()):
        rows = [(f"`{each.usage}`", code(each.aliases), _help(each, told)) for each in table() if each.group == group]
        parts.append(f"## {group.capitalize()}\n\n" + grid(("command", "short", "what it does"), rows))
    return parts


def _help(command: Command, told: dict[str, str]) -> str:
    """The help of a command; what was told of one before is not told again."""
    text = f"{command.help[:1].upper()}{command.help[1:]}."
    if not command.more:
        return text
    if command.more in told:
        return f"{text} The rest is as with `{told[command.more]}`."
    told[command.more] = command.name
    return f"{text} {command.more}"


def _locations() -> str:
    kinds = [(f"`{kind}`", code(OUTCOMES.get(kind, "").split())) for kind in KINDS]
    return (
        f"## Locations\n\n{words.LOCATION_WORDS}\n\n{grid(('LOC', 'stops'), words.LOCATIONS)}\n{words.LOCATION_MORE}\n"
        f"{grid(('kind of decision', 'its outcomes (or reasons)'), kinds)}"
    )


def _expressions() -> str:
    names = grid(("names", "what they are"), words.EXPRESSIONS)
    return f"## Expressions\n\n{words.EXPRESSION_WORDS}\n{names}"


def _settings() -> str:
    rows = [(f"`{name}`", code(values)) for name, values in CHOICES.items()]
    text = "`set NAME VALUE`; `diff` takes a mark or a step as well. Any other name is a key of the scenario."
    return f"## Settings\n\n{text}\n\n{grid(('name', 'values'), rows)}"


def _keys() -> str:
    names = [(each.id, each.help, each.command.strip()) for each in keymap().actions if not each.of]
    names += [(name, f"cursor {name[5:].replace('_', ' ')}", "") for name in MOVE_KEYS]
    rows = [
        (f"`{name}`", text, *(code(keymap(preset).shown(name, every=True).split()) for preset in PRESETS), code([line]))
        for name, text, line in names
    ]
    text = (
        "A preset is chosen with `--keymap` or in `config.toml`; `[keys]` there changes single ones by their id: "
        '`"exec.step" = "s,f11"`.\nThe digits focus panes. `^X` is Ctrl+X, `S-` is Shift.'
    )
    return f"## Keys\n\n{text}\n\n{grid(('id', 'what', *PRESETS, 'command'), rows)}"


def _habits() -> str:
    keys = keymap()
    rows = [
        (each.wish, code(each.commands), code(keys.shown(name) for name in each.keys.split()), each.rest)
        for each in words.HABITS
    ]
    return "## What you may look for\n\n" + grid(("what", "commands", "keys (preset gdb)", "besides"), rows)


if __name__ == "__main__":
    sys.stdout.write(reference())
