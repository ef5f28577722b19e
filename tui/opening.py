# SPDX-License-Identifier: GPL-2.0-only
"""Opening the debugger: configuration, what is remembered of this scenario, and the lines to begin with."""

from __future__ import annotations

import gc
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from tui import headless
from tui.commands import Console
from tui.headless import Output, UsageError
from tui.keys import Keymap, KeymapError, keymap
from tui.paint.rows import clean
from tui.settings import THEMES

if TYPE_CHECKING:
    from kernelmodel.session import Session
    from kernelmodel.stops import Breakpoints
    from tui.config import Config


def open_debugger(args: Namespace, out: Output) -> int:
    """Load, boot, and debug until the user quits; the exit code.

    Configuration, history and breakpoints of earlier sessions belong to a user at a terminal: where lines come from a
    file or a pipe, they mean the same for everybody.
    """
    from tui.config import Config, load

    user = sys.stdin.isatty()
    config = load() if user else Config()
    theme = args.theme or config.theme
    if theme not in THEMES:
        raise UsageError(f"no theme {theme!a}; there are {', '.join(THEMES)}")
    try:
        keys = keymap(args.keymap or config.keymap, dict(config.keys) if args.keymap in (None, config.keymap) else {})
    except KeymapError as error:
        raise UsageError(str(error)) from None
    args.plain = args.plain or (config.plain and user)

    def front_end(session: Session, breaks: Breakpoints) -> int:
        console = Console(session, breaks)
        settings = console.settings
        settings.theme, settings.layout = theme, config.layout
        settings.ascii = "on" if args.ascii or config.ascii else "off"
        console.aliases.update(config.alias)
        hint = remember(console, args.fresh) if user else ""
        if user:
            from tui.config import init_script

            console.wait(init_script())
        console.wait(args.lines)
        return _run(console, args, keys, config, hint)

    return headless.start(args.scenario, args.variant, args.b, out, front_end)


def _run(console: Console, args: Namespace, keys: Keymap, config: Config, hint: str) -> int:
    if args.plain:
        from tui.plain import run_plain, say

        gc.enable()
        if hint:
            say(sys.stdout, [hint])
        return run_plain(console, sys.stdin, sys.stdout)
    from tui.app import run_app

    return run_app(console, keys=keys, first_line=hint, mouse=config.mouse and not args.no_mouse)


def remember(console: Console, fresh: bool) -> str:
    """Bring back history, breakpoints and displays, and have them kept; what to tell the user first.

    ``fresh``: what was remembered is left alone, and nothing of this session is remembered either.
    """
    from tui.state import History, Remembered, first_run

    history = History()
    console.history = history.lines
    console.keep_line = history.add
    hint = "first time?  s steps, S steps back, ] next fallback, ? help, Q quits" if first_run() else ""
    if fresh:
        return hint
    remembered, name = Remembered(), console.session.scenario.name
    lines = remembered.load(name)
    troubles = console.restore(lines)
    console.keep = lambda lines: remembered.save(name, lines)
    breaks = len([each for each in console.breaks if not each.origin])
    if breaks:
        hint = f"{breaks} breakpoint{'s' * (breaks > 1)} restored (--fresh starts without)"
    if troubles:
        lost = f"{len(troubles)} remembered line{'s' * (len(troubles) > 1)} not understood: {clean(troubles[0])[:40]}"
        return f"{hint}; {lost}" if hint else lost
    return hint
