# SPDX-License-Identifier: GPL-2.0-only
"""What a word of each kind may be in this debugging session: the names behind completion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.settings import CHOICES, LAYOUTS, THEMES

if TYPE_CHECKING:
    from tui.commands import Console


class Candidates:
    """The names that a console knows."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def candidates(self, kind: str, word: str) -> list[str]:
        """All of that kind; the caller drops what does not begin with ``word``."""
        found = _KINDS.get(kind)
        if found is not None:
            return found(self.console, word)
        if kind == "diff":
            return [*CHOICES["diff"], *self.console.places.marks]
        return list(CHOICES.get(kind, ()))


def _location(console: Console, word: str) -> list[str]:
    functions = list(console.breaks.functions)
    name, colon, _ = word.partition(":")
    if colon and name in functions:
        from kernelmodel.functions import functions as lengths

        return [f"{name}:{line}" for line in range(1, lengths().get(name, 0) + 1)]
    return functions


def _expr(console: Console, word: str) -> list[str]:
    from kernelmodel.expr.completions import completions

    return completions(console.session, word)


def _info(console: Console, word: str) -> list[str]:
    from tui.verbs.inspect import INFO

    return list(INFO)


def _outcome(console: Console, word: str) -> list[str]:
    from tui.verbs.args import look_at

    snap = look_at(console)
    return [*snap.outcomes, *snap.forcible]


def _setting(console: Console, word: str) -> list[str]:
    from kernelmodel.scenario.edit import keys

    return [*CHOICES, *keys(console.session.scenario)]


def _variant(console: Console, word: str) -> list[str]:
    from kernelmodel.variant_names import VARIANTS

    return list(VARIANTS)


def _second(console: Console, word: str) -> list[str]:
    from kernelmodel.mutants import MUTANTS, misfit

    own = console.session.variant
    mutants = [f"{own}~{each.replace(' ', '+')}" for each in MUTANTS if "~" in word and misfit(each, own) is None]
    return [each for each in (*_variant(console, word), *mutants, "off") if each != own]


def _pane(console: Console, word: str) -> list[str]:
    from tui.paint.layout import PANES

    return list(PANES)


_KINDS: dict[str, Callable[[Console, str], list[str]]] = {
    "location": _location,
    "expr": _expr,
    "info": _info,
    "outcome": _outcome,
    "setting": _setting,
    "variant": _variant,
    "second": _second,
    "pane": _pane,
    "theme": lambda console, word: list(THEMES),
    "layout": lambda console, word: list(LAYOUTS),
    "mark": lambda console, word: [*console.places.marks, "start", "end"],
    "break": lambda console, word: [str(each.number) for each in console.breaks],
    "display": lambda console, word: list(map(str, console.displays)),
    "cpu": lambda console, word: list(map(str, range(console.session.m.nr_cpus))),
    "alias": lambda console, word: list(console.aliases),
    "command": lambda console, word: list(console.aliases),
    "flag": lambda console, word: [],
}
