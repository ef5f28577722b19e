# SPDX-License-Identifier: GPL-2.0-only
"""Why did that allocation fail, and what would have helped?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.commands import Command, CommandError, Console, Line, Result
from tui.verbs.args import step_of

if TYPE_CHECKING:
    from kernelmodel.motion import Poll


def _failure(console: Console, line: Line) -> int:
    """The step that is asked about: the one that is named, or the last failure up to here."""
    from kernelmodel.why.request import failures, request_at

    session = console.session
    if line.args:
        step = step_of(console, line.args, line.start)
        if step >= session.last or request_at(session, step) is None:
            raise CommandError(f"no allocation and no charge failed at #{step}", line.start)
        return step
    found = [step for step in failures(session) if step <= session.step]
    if not found:
        raise CommandError("no allocation and no charge has failed up to here")
    return found[-1]


def _why(console: Console, line: Line) -> Result:
    from kernelmodel.why.reason import why
    from tui.explained import why_lines

    found = why(console.session, _failure(console, line))
    assert found is not None
    return Result(why_lines(found))


def _what_if(console: Console, line: Line) -> Result:
    step = _failure(console, line)
    session = console.session

    def work(poll: Poll | None) -> Result:
        from tui.explained import changes_at

        def tell(stops: int) -> None:
            if poll is not None and poll(stops):
                raise KeyboardInterrupt

        console.doing = "what if"
        try:
            return Result([f"#{step}", *changes_at(session, step, tell)])
        except KeyboardInterrupt:
            return Result(["interrupted"])
        finally:
            console.doing = ""

    return Result(work=work)


GROUP = "inspect"

COMMANDS = (
    Command(
        "why", (), "why [STEP]", "why an allocation or a charge failed, with the numbers: the last failure, or that at a step",
        _why, GROUP, ("step",),
    ),
    Command(
        "what-if", (), "what-if [STEP]", "which single change would have let it succeed: defrag, the hint, a block more, a limit",
        _what_if, GROUP, ("step",),
        more="Knobs are tried out: the scenario with that one key set is run again from boot. What is about free blocks and "
        "watermarks is worked out on the machine as it stood.",
    ),
)  # fmt: skip
