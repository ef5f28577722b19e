# SPDX-License-Identifier: GPL-2.0-only
"""The reference of commands and keys as Markdown, made from the tables: ``docs/commands.md``.

``python -m tui.reference > docs/commands.md`` writes it anew; a test compares.
"""

from __future__ import annotations

import sys

from kernelmodel.decision import KINDS
from tui.commands import Command, table
from tui.keys import PRESETS, keymap
from tui.settings import CHOICES

HEAD = """\
# Commands and keys

Made from the tables of the program by `python -m tui.reference`; the prompt on the screen (`:`), `--plain`, `-ex`, `-x`,
breakpoint commands, completion and `help` all come from the same table.

A command may be shortened as long as it stays unique. An empty line repeats the last motion. `#` begins a comment, `;`
separates commands. Stops are numbered; the number is the address for `goto`, marks and mails, and `goto N` stands exactly
before that decision's effect. A mistake is told with a caret under it and a suggestion.
"""

EXPRESSIONS = """\
## Expressions

C syntax over unsigned numbers of 64 bits that wrap like the kernel's: `() [] . -> ! ~ - * / % + << >> < <= > >= == != & ^ | &&
|| ?:`, numbers in decimal, hex or octal, `4K 2M 1G`, `true false NULL`, constants of the kernel by name (`VM_FAULT_OOM`,
`EINVAL`, `__GFP_DIRECT_RECLAIM`). A division by zero, a shift by 64 or a name without a value is an error that stops.

| names | what they are |
|---|---|
| `cpu` `order` `i` `addr` `fault` `step` `line` | operands of the decision |
| `vmf->address`, `orders[i]`, `folio->order`, any local | variables of the calls, innermost first |
| `vma->vm_start`, `mm->map_count`, `zone->free_area[4].nr_free`, `memcg->usage`, `vmstat->…` | the machine, through the table of structs |
| `PAGE_SIZE` `PAGE_SHIFT` `HPAGE_PMD_ORDER` | the page geometry of this run |
| `order(bytes)` `size(order)` `pte(addr)` `step()` `hits()` | functions |
| `changed(EXPR)` `was(EXPR)` | against the stop before |
"""


def reference() -> str:
    """All of it."""
    parts = [HEAD]
    for group in dict.fromkeys(each.group for each in table()):
        rows = [_row(each) for each in table() if each.group == group]
        parts.append(f"## {group.capitalize()}\n\n| command | short | what it does |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    parts += [_locations(), EXPRESSIONS, _settings(), _keys()]
    return "\n".join(parts)


def _row(command: Command) -> str:
    short = " ".join(f"`{each}`".replace("|", "\\|") for each in command.aliases)
    words = f"{command.help[:1].upper()}{command.help[1:]}." + (f" {command.more}" if command.more else "")
    return f"| `{command.usage}` | {short} | {words} |".replace(" | ", "\0").replace("|", "\\|").replace("\0", " | ").replace(
        "\\|", "|", 1
    )


def _locations() -> str:
    kinds = " ".join(f"`{kind}`" for kind in KINDS)
    return f"""\
## Locations

`KIND`, `KIND:OUTCOME`, `KIND(attr=value, …)` with the attributes `outcome`, `reason`, `found`, `order`, `i`, `cpu`, `from`, `to`;
`FUNCTION`, `FUNCTION:LINE`, `LINE` of the selected function; `/regular expression/` over the event's text; `alloc-fail`,
`charge-fail`, `end`, `blocked`, `bug`, `*` (any stop).

Kinds of decisions: {kinds}.
"""


def _settings() -> str:
    rows = "\n".join(f"| `{name}` | {', '.join(f'`{each}`' for each in values)} |" for name, values in CHOICES.items())
    return f"## Settings\n\n`set NAME VALUE`; `diff` takes a mark or a step as well.\n\n| name | values |\n|---|---|\n{rows}\n"


def _keys() -> str:
    maps = {name: keymap(name) for name in PRESETS}
    head = f"| what | {' | '.join(maps)} | command |\n|---|{'---|' * len(maps)}---|\n"
    rows = []
    for action in keymap().actions:
        if action.of:
            continue
        keys = " | ".join(_code(each.shown(action.id, every=True)) for each in maps.values())
        rows.append(f"| {action.help} | {keys} | {_code(action.command)} |")
    return (
        "## Keys\n\nA preset is chosen with `--keymap` or in `config.toml`; `[keys]` there changes single ones: "
        '`"exec.step" = "s,f11"`.\n\n' + head + "\n".join(rows) + "\n"
    )


def _code(text: str) -> str:
    return " ".join(f"`{word}`" for word in text.replace("|", "\\|").split()) if text.strip() else ""


if __name__ == "__main__":
    sys.stdout.write(reference())
