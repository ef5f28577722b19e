# SPDX-License-Identifier: GPL-2.0-only
"""The command for a second run, of another variant, that goes along with this one."""

from __future__ import annotations

from kernelmodel.motion import Motion, Poll
from kernelmodel.mutants import misfit, taken_apart
from tui.commands import Command, CommandError, Console, Line, Result

QUICK = 64
"""Stops that a second run is brought up to between two keys."""


def _compare(console: Console, line: Line) -> Result:
    name = line.args or (console.compared if console.other is None else "")
    if name == "off":
        if console.other is None:
            raise CommandError("no other variant runs beside this one", line.start)
        console.other = None
        return Result(["one run again"])
    if not name and console.other is not None:
        return Result(console.other.lines())
    if not name:
        raise CommandError("compare with which variant?  variants lists them")
    return _open(console, name, line)


def _open(console: Console, name: str, line: Line) -> Result:
    from kernelmodel.scenario.keys import unknown_variant
    from kernelmodel.variant_names import VARIANTS
    from tui.other import IMPOSSIBLE, Other

    variant, mutants = taken_apart(name)
    faults = [misfit(each, variant) for each in sorted(mutants)] if variant in VARIANTS else [unknown_variant(variant)]
    for message, hint in filter(None, faults):
        raise CommandError(f"{message}; {hint}" if hint else message, line.start)
    try:
        other = Other(console.session, name)
    except IMPOSSIBLE as error:
        raise CommandError(f"{name} can't run this: {error}", line.start) from None
    if other.kernel == console.session.kernel:
        raise CommandError(f"this run is of {other.kernel}: a run is not compared with itself", line.start)

    def run(poll: Poll | None) -> Motion:
        console.other, console.compared = other, name
        other.follow(console.session, poll)
        return Motion(console.session.stop)

    return Result(move=run, quick=console.session.step <= QUICK)


COMMANDS = (
    Command(
        "compare", (), "compare [VARIANT|off]", "the same run with another variant, beside this one", _compare,
        "the run", ("second",),
        more="Both step together: the second stands at the last decision that has its like (event, fault, kind, order) "
        "up to where the first stands. Once something observable differs, both are told. Without a variant: where the "
        "second run stands; if there is none, the one before again. Answers and choices of a CPU go to both. v3~BUG_ON is "
        "v3 with that mutant.",
    ),
)  # fmt: skip
