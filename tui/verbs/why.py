# SPDX-License-Identifier: GPL-2.0-only
"""Why did that allocation fail, what would have helped, and what would another one get?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.commands import Command, CommandError, Console, Line, Result
from tui.verbs.args import step_of, words

if TYPE_CHECKING:
    from kernelmodel.motion import Poll


def _failure(console: Console, line: Line) -> int:
    """The step that is asked about: the one that is named, or the last failure up to here."""
    from kernelmodel.why.request import failures, request_at

    session = console.session
    if line.args:
        step = step_of(console, line.args, line.start)
        if not 0 <= step <= session.last or request_at(session, step) is None:
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
        from kernelmodel.why.what_if import what_if
        from tui.explained import what_if_lines

        def tell(stops: int) -> None:
            if poll is not None and poll(stops):
                raise KeyboardInterrupt

        console.doing = "what if"
        try:
            return Result([f"#{step}", *what_if_lines(what_if(session, step, tell))])
        except KeyboardInterrupt:
            return Result(["interrupted"])
        finally:
            console.doing = ""

    return Result(work=work)


def _request(console: Console, line: Line) -> Result:
    from kernelmodel.defs import GFP_TRANSHUGE, parse_gfp
    from kernelmodel.why.reason import request_now

    given = words(line)
    if not 1 <= len(given) <= 2:
        raise CommandError("request ORDER [GFP]", line.start)
    (order, at), most = given[0], console.session.m.arch.max_order
    if not order.isdecimal() or len(order) > 2 or int(order) > most:
        raise CommandError(f"an order is 0 … {most}", at)
    try:
        gfp = parse_gfp(given[1][0]) if len(given) == 2 else GFP_TRANSHUGE
    except ValueError as error:
        raise CommandError(str(error), given[1][1]) from None
    return Result(request_now(console.session, int(order), gfp))


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
    Command(
        "request", (), "request ORDER [GFP]", "what such a request would get here, or what each zone lacks: GFP by name or number",
        _request, GROUP, ("number",),
        more="GFP is GFP_TRANSHUGE unless you say another: `request 4 GFP_TRANSHUGE_LIGHT`, `request 9 GFP_KERNEL|__GFP_NORETRY`, "
        "`request 0 0x100cca`. Nothing is reclaimed or compacted for it, and nothing changes.",
    ),
)  # fmt: skip
