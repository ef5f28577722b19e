# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug``: parse the command line and dispatch.  Textual is imported only to open the terminal debugger."""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tui.headless import Output

VERSION = "0.1.0"
USAGE = """\
usage: thp-debug SCENARIO.toml|TOKEN [-b LOC]... [-ex CMD]... [-x FILE]... [KERNEL]  the debugger
                 [--plain] [--fresh] [--keymap gdb|cgdb|vscode|vim] [--ascii]
                 [--theme ansi|dark|light|contrast] [--no-mouse]
       thp-debug run      SCENARIO [KERNEL] [-b LOC]... [--format text|ndjson]       to the end or the first stop
       thp-debug run      SCENARIO -x FILE... [-ex CMD]... [-b LOC]...               a script of debugger commands
                 [--print buddyinfo,pagetypeinfo,zoneinfo,extfrag]                   what the kernel would show then
                 [--why]                                                             why allocations failed, what helps
       thp-debug check    SCENARIO|FOLDER... [--why] [--format text|ndjson|junit|b4] meet [expect]
       thp-debug explore  SCENARIO [KERNEL] [--preemptions N] [--time S] [--jobs N]  every interleaving and failure
                 [--format text|ndjson]
       thp-debug explore  --list-mutants                                             what --mutant takes
       thp-debug compare  SCENARIO --variant A --variant B... [--expect same|differ] [--format text|ndjson]
       thp-debug matrix   SCENARIO|FOLDER... [--variant V]... [--format text|ndjson|markdown]
       thp-debug sweep    SCENARIO --set KEY=VALUES... [--variant V] [--jobs N] [--svg FILE] [--format text|ndjson]
       thp-debug replay   TOKEN|FILE [--scenario FILE] [--format text|ndjson]        a run from its token
       thp-debug variants [--format text|ndjson]                                     what is modelled
       thp-debug schema | new                                                        JSON Schema, a first scenario
KERNEL is --variant V and what is wrong with it: --drop-recheck R1..., --mutant NAME...; in short --variant 'V~NAME'
"""
COMMANDS = ("run", "check", "explore", "compare", "matrix", "sweep", "replay", "variants", "schema", "new")
FORMS = {
    "run": ("text", "ndjson"),
    "check": ("text", "ndjson", "junit", "b4"),
    "explore": ("text", "ndjson"),
    "compare": ("text", "ndjson"),
    "matrix": ("text", "ndjson", "markdown"),
    "sweep": ("text", "ndjson"),
    "replay": ("text", "ndjson"),
    "variants": ("text", "ndjson"),
}
"""What ``--format`` takes, the default first."""
LATER = ("conform", "capture")
MAX_JOBS = 256


class Parser(argparse.ArgumentParser):
    """Usage errors are one line on stderr and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong."""
        sys.stderr.write(f"{self.prog}: {''.join(c if c.isprintable() else repr(c)[1:-1] for c in message)}\n")
        raise SystemExit(2)


def main(argv: list[str] | None = None) -> int:
    """The command; its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if sys.stdout is None or sys.stderr is None:
        return 5
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = dispatch(words)
        sys.stdout.flush()
        return code
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        sys.stderr.write(f"thp-debug: {error.strerror or error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 5
    except Exception as error:  # our bug: a path to the report, never a traceback
        return crash(error)


def dispatch(words: list[str]) -> int:
    """By the first word."""
    if not words:
        return overview()
    if words[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if words[0] == "--version":
        return version()
    if words[0] in LATER:
        sys.stderr.write(f"thp-debug: {words[0]} is not in this version\n")
        return 5
    if words[0] in COMMANDS:
        return batch(words[0], words[1:])
    return debug(words)


def overview() -> int:
    """Usage, and the scenarios that come with the program."""
    from kernelmodel import scenario

    sys.stdout.write(USAGE + "\nscenarios that come with thp-debug:\n")
    for name in scenario.packaged():
        sys.stdout.write(f"  {name}\n")
    return 0


def version() -> int:
    """The releases that are modelled."""
    from kernelmodel.variant_names import VARIANTS

    sys.stdout.write(
        f"thp-debug {VERSION}, modelling {', '.join(VARIANTS)} (the series of 2023 and what Linux made of it)\n"
    )
    return 0


def batch(command: str, words: list[str]) -> int:
    """A subcommand that prints."""
    from tui import headless

    gc.set_threshold(100_000, 50, 50)  # what a run makes stays: to look at it again and again costs a quarter of it
    args = parser(command, words).parse_args(words)
    out = headless.Output(getattr(args, "format", "text"), sys.stdout, sys.stderr)
    calls: dict[str, Callable[[], int]] = {
        "run": lambda: run(args, out),
        "check": lambda: headless.check(args.scenario, out, args.why),
        "explore": lambda: explore(args, out),
        "compare": lambda: compare(args, out),
        "matrix": lambda: matrix(args, out),
        "sweep": lambda: sweep(args, out),
        "replay": lambda: headless.replay(args.token, args.scenario, out),
        "variants": lambda: headless.variants(out),
        "schema": lambda: headless.schema(out),
        "new": lambda: headless.new(out),
    }
    return headless.told(out, f"thp-debug {command}", calls[command])


def run(args: argparse.Namespace, out: Output) -> int:
    """``run``: records of the run, or the answers to a script of commands."""
    from tui import headless

    if args.lines:
        return headless.script(args.scenario, kernel(args), args.b, args.lines, out, args.print)
    return headless.run(args.scenario, kernel(args), args.b, out, args.print, args.why)


def explore(args: argparse.Namespace, out: Output) -> int:
    """``explore``: loaded when it is asked for."""
    from kernelmodel.explore.types import Options
    from tui import explored

    if args.list_mutants:
        return explored.list_mutants(out)
    options = Options(preemptions=args.preemptions, seconds=args.time, jobs=args.jobs)
    return explored.explore(args.scenario, kernel(args), options, out)


def kernel(args: argparse.Namespace) -> str | None:
    """The variant with its mutants, as the loader takes it; None: the file's own."""
    names = [*(f"drop {each}" for each in args.drop_recheck), *args.mutant]
    return "~".join((args.variant or "", *names)) or None


def compare(args: argparse.Namespace, out: Output) -> int:
    """``compare``: loaded when it is asked for."""
    from tui import sidebyside

    return sidebyside.compare(args.scenario, args.variant, args.expect, out)


def matrix(args: argparse.Namespace, out: Output) -> int:
    """``matrix``: the same."""
    from tui import matrix as table

    return table.matrix(args.scenario, args.variant, out)


def sweep(args: argparse.Namespace, out: Output) -> int:
    """``sweep``: the same."""
    from tui import swept

    return swept.sweep_command(args.scenario, kernel(args), args.set, args.jobs, args.svg, out)


def parser(command: str, words: list[str]) -> Parser:
    """The options of one subcommand, for these words."""
    made = Parser(prog=f"thp-debug {command}", allow_abbrev=False)
    if command in FORMS:
        made.add_argument("--format", choices=FORMS[command], default="text")
    if command == "run":
        made.add_argument("scenario", metavar="SCENARIO")
        add_session_options(made)
        made.add_argument("--print", type=prints, default=[], metavar="NAMES")
        made.add_argument("--why", action="store_true")
    elif command == "check":
        made.add_argument("--why", action="store_true")
        made.add_argument("scenario", nargs="+", metavar="SCENARIO|FOLDER")
    elif command == "explore":
        made.add_argument("scenario", metavar="SCENARIO", nargs="?" if "--list-mutants" in words else None)
        add_kernel_options(made)
        made.add_argument("--preemptions", type=number, metavar="N")
        made.add_argument("--time", type=seconds, metavar="S")
        made.add_argument("--jobs", type=processes, default=1, metavar="N")
        made.add_argument("--list-mutants", action="store_true")
    elif command == "compare":
        made.add_argument("scenario", metavar="SCENARIO")
        made.add_argument("--variant", action="append", default=[], metavar="V")
        made.add_argument("--expect", choices=("same", "differ"))
    elif command == "matrix":
        made.add_argument("scenario", nargs="+", metavar="SCENARIO|FOLDER")
        made.add_argument("--variant", action="append", default=[], metavar="V")
    elif command == "sweep":
        made.add_argument("scenario", metavar="SCENARIO")
        add_kernel_options(made)
        made.add_argument("--set", action="append", default=[], metavar="KEY=VALUES")
        made.add_argument("--jobs", type=processes, metavar="N")
        made.add_argument("--svg", metavar="FILE")
    elif command == "replay":
        made.add_argument("token", metavar="TOKEN|FILE")
        made.add_argument("--scenario", metavar="FILE")
    return made


def prints(text: str) -> list[str]:
    """``buddyinfo,zoneinfo``."""
    from kernelmodel.proc import FILES

    for name in text.split(","):
        if name not in FILES:
            raise argparse.ArgumentTypeError(f"{name!a} can't be printed; {', '.join(FILES)} can")
    return text.split(",")


def number(text: str) -> int:
    """A number that is not negative."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!a} is no number")
    return int(text)


def processes(text: str) -> int:
    """How many to divide the work among."""
    found = number(text)
    if not 1 <= found <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"{found} is no number of processes: 1 … {MAX_JOBS}")
    return found


def seconds(text: str) -> float:
    """``10``, ``0.5``, ``10s``."""
    whole, point, part = text.removesuffix("s").partition(".")
    number(whole + part)
    return float(whole + point + part)


def add_kernel_options(made: Parser) -> None:
    """Which kernel: a variant, and what it lacks."""
    made.add_argument("--variant", metavar="V")
    made.add_argument("--drop-recheck", action="append", default=[], metavar="R")
    made.add_argument("--mutant", action="append", default=[], metavar="NAME")


def add_session_options(made: Parser) -> None:
    """What the debugger and ``run`` have in common."""
    add_kernel_options(made)
    made.add_argument("-b", action="append", default=[], metavar="LOC")
    made.add_argument("-ex", action="append", default=[], dest="lines", metavar="CMD")
    made.add_argument(
        "-x", action="append", default=[], dest="lines", metavar="FILE", type=lambda name: f"source {name}"
    )


def debug(words: list[str]) -> int:
    """The debugger: in the terminal, or line by line."""
    made = Parser(prog="thp-debug", allow_abbrev=False)
    made.add_argument("scenario", metavar="SCENARIO.toml")
    add_session_options(made)
    made.add_argument("--plain", action="store_true")
    made.add_argument("--fresh", action="store_true")
    made.add_argument("--no-mouse", action="store_true")
    made.add_argument("--ascii", action="store_true")
    made.add_argument("--keymap", metavar="PRESET")
    made.add_argument("--theme", metavar="NAME")
    args = made.parse_args(words)
    args.variant = kernel(args)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - closed with the process
    if not args.plain and not terminal():
        if sys.stdin.isatty() and not args.lines:
            sys.stderr.write("thp-debug: no terminal to draw on; use --plain, -ex CMD, or thp-debug run\n")
            return 5
        args.plain = True
    gc.disable()  # what is loaded at the start stays: looking for garbage in it costs a tenth of the start
    try:
        from tui import headless
        from tui.opening import open_debugger

        out = headless.Output("text", sys.stdout, sys.stderr)
        return headless.told(out, "thp-debug", lambda: open_debugger(args, out))
    finally:
        gc.enable()


def terminal() -> bool:
    """Is there a terminal that can be drawn on?"""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "")


def crash(error: Exception) -> int:
    """Our bug: write a report, name its path, exit 70."""
    from tui.crash import report

    sys.stderr.write(f"thp-debug: internal error: {type(error).__name__}; the report is in {report(error)}\n")
    return 70


if __name__ == "__main__":
    sys.exit(main())
