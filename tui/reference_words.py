# SPDX-License-Identifier: GPL-2.0-only
"""What the reference says that no table of the program holds."""

from __future__ import annotations

from typing import NamedTuple

HEAD = """\
# Commands and keys

Made from the tables of the program by `python -m tui.reference`. The prompt on the screen (`:`), `--plain`, `-ex`,
`-x`, the commands of a breakpoint, completion and `help` all come from the same table.
[The last section](#what-you-may-look-for) is a way in by what you are used to.

A command may be shortened as long as it stays unique. An empty line repeats the last motion. `#` begins a comment, `;`
separates commands. Stops are numbered; the number is the address for `goto`, marks and mails, and `goto N` stands
exactly before that decision's effect. A mistake is told with a caret under it and a suggestion.
"""

LOCATION_WORDS = "What `break`, `tbreak`, `toggle`, `log`, `until` and `continue` take."
LOCATIONS = (
    ("`fallback`, `vma-bounds`, …", "at each decision of that kind (they are listed below)"),
    ("`alloc:NULL`, `fallback:pte-range`", "at that outcome; for `fallback` and `step-down`, at that reason"),
    (
        "`pte-range(outcome=populated, order=4)`",
        "if all of these agree: `outcome` `reason` `found` `order` `i` `cpu` `from` `to`",
    ),
    ("`alloc-fail`, `charge-fail`", "short for `alloc:NULL`, `charge:-ENOMEM`"),
    ("`alloc_anon_folio`", "where the function is entered"),
    ("`alloc_anon_folio:25`, `25`", "at its line, counted from its `def`; at a line of the selected function"),
    ("`/outside.*below/`", "where the event's text has the regular expression"),
    ("`end`, `blocked`, `bug`", "at these ends of a run"),
    ("`*`", "at any stop"),
)
LOCATION_MORE = """\
Behind the location of a breakpoint, in any order: `cpu N`, `hits OP N` with `==` `!=` `<` `<=` `>` `>=` or `%`, `temp`,
`log "text {expr}"`; `if EXPR` comes last. Breakpoints work backwards as they do forwards. A condition that has no value
stops the run and says why.
"""

EXPRESSION_WORDS = """\
C syntax over unsigned numbers of 64 bits that wrap like the kernel's: `() [] . -> ! ~ - * / % + << >> < <= > >= == !=`
`& ^ | && || ?:`, numbers in decimal, hex or octal, `4K 2M 1G`, `true false NULL`, constants of the kernel by name
(`VM_FAULT_OOM`, `EINVAL`, `__GFP_DIRECT_RECLAIM`). A division by zero, a shift by 64 or a name without a value is an
error that stops.

A bare name in a condition is the operand of the decision if it has one of that name, else a variable of the calls,
else what stands by itself. Printed, displayed or followed it is the variable of the selected call, else of its callers;
then, unless it is followed, the operand; then what stands by itself. A variable that was never set has no value.
"""
EXPRESSIONS = (
    ("`cpu` `order` `i` `addr` `fault` `step` `line`", "operands of the decision"),
    ("`vmf->address`, `orders[i]`, `folio->order`, any local", "variables of the calls, innermost first"),
    (
        "`vma->vm_start`, `mm->map_count`, `zone->free_area[4].nr_free`, `memcg->usage`, `vmstat->…`",
        "the machine, through the table of structs",
    ),
    (
        "`mm->id` `mm->name`",
        "the process at work: its number (0 is `main`, the others in the order of their forks) and its name; "
        "`break wp if mm->id == 1`",
    ),
    ("`PAGE_SIZE` `PAGE_SHIFT` `HPAGE_PMD_ORDER`", "the page geometry of this run"),
    ("`order(bytes)` `size(order)` `pte(addr)` `step()` `hits()`", "functions"),
    ("`changed(EXPR)` `was(EXPR)`", "against the stop before"),
)


class Habit(NamedTuple):
    """What users of other debuggers look for, and what does it here."""

    wish: str
    commands: tuple[str, ...] = ()
    """Command lines."""
    keys: str = ""
    """Ids of actions."""
    rest: str = ""
    """Options and files, as Markdown."""


HABITS = (
    Habit("stop at a line, or at an event", ("break alloc_anon_folio:25", "toggle"), "bp.toggle",
          "`-b LOC`, `[[break]]` in a scenario"),
    Habit("stop where the kernel decides: at a fallback, a failed allocation",
          ("break fallback", "break alloc-fail", "fallback"), "nav.fallback_prev nav.fallback_next"),
    Habit("a condition", ("break fallback if order > 3", "condition 1 cpu == 0"), "bp.edit"),
    Habit("count hits", ("break alloc hits >= 3", "ignore 1 2"), "", "the pane `breaks` shows them"),
    Habit("stop once; run to the cursor", ("tbreak alloc", "until alloc", "continue alloc"),
          "exec.tocursor exec.rtocursor"),
    Habit("log and go on; commands at a breakpoint", ('log alloc "order={order}"', "commands 1")),
    Habit("stop when a value changes", ("watch vma->anon_vma",), "nav.change_prev nav.change_next"),
    Habit("go backwards", ("reverse-step", "reverse-next", "reverse-finish", "reverse-continue", "reverse next 3"),
          "exec.rstep exec.rnext exec.rfinish exec.rcont"),
    Habit("bookmarks", ("mark here", "jump here", "back", "forward"), "nav.mark nav.tomark nav.back nav.forward"),
    Habit("look through earlier stops", ("goto 7", "info events", "info timeline"), "enter nav.first nav.last",
          "the digits `8` and `9` focus the timeline and the events"),
    Habit("a command line with completion and history", ("history", "alias ff = continue fallback"), "cmd palette",
          "Tab completes; what was typed is kept"),
    Habit("the mouse", (), "", "a click takes what is under it, the wheel scrolls; `--no-mouse`"),
    Habit("help for a pane, for a command", ("help", "help break"), "help"),
    Habit("arrange the panes", ("layout memory", "zoom", "pane events"),
          "view.layout view.grow view.shrink view.wider view.narrower view.zoom",
          '`layout = "memory"` in `config.toml`'),
    Habit("scripts and batch", ("source FILE",), "", "`-x FILE`, `-ex CMD`, `thp-debug run SCENARIO -x FILE`"),
    Habit("an init file", (), "", "`init.thp` (commands) and `config.toml` (`theme`, `keymap`, `layout`, `mouse`, "
          "`ascii`, `plain`, `[keys]`, `[alias]`) in the configuration folder, `~/.config/thp-debug`"),
    Habit("breakpoints that are remembered", (), "", "for each scenario, with displays; `--fresh` leaves them alone"),
    Habit("search", ("search order",), "search.open search.next search.prev"),
    Habit("copy", ("copy",), "copy.pane", "to the clipboard (OSC 52) and to a file"),
    Habit("a transcript to mail", ("transcript", "transcript --log -o FILE"), "copy.transcript"),
    Habit("a picture", ("shot picture.svg",), "shot", "an SVG, and the same as text"),
    Habit("themes", ("theme light", "set theme contrast"), "", "`--theme ansi`, `dark`, `light`, `contrast`"),
    Habit("no colours, a screen reader, a dumb terminal", ("set ascii on",), "", "`NO_COLOR`, `--ascii`, `--plain`"),
    Habit("a small terminal", ("zoom",), "view.zoom focus.next", "everything is within reach at 80x24"),
    Habit("look at another CPU", ("cpu 0", "info cpus", "info locks"), "cpu.prev cpu.next", "the run stays as it is"),
    Habit("run another CPU", ("take 0", "run 0"), "exec.take",
          "`Enter` in the pane `cpus` does so too; `schedule` in a scenario says it for good"),
    Habit("every interleaving", ("explore", "info columns"), "",
          "`witness` lists again what was found; `thp-debug explore SCENARIO`"),
    Habit("the model without a recheck, or with a bug", ("compare v3~BUG_ON",), "view.second",
          "`--mutant`, `--drop-recheck`; `thp-debug explore --list-mutants`"),
    Habit("what changed", ("changes", "set diff start"), "view.diff", "`*` marks each value, PTE, list that differs"),
    Habit("compare two states", ("diff here", "diff 3 9"), "view.diff"),
    Habit("compare two versions", ("compare v3-off",), "view.second",
          "both runs step together; `≠` marks what differs"),
    Habit("values of C expressions", ("print vma->vm_start", "print/x addr", "display orders[i]"), "cmd.print"),
    Habit("who wrote it", ("last orders[i]", "history orders[i]", "next-change addr"), "enter nav.change_prev"),
    Habit("what if", ("answer NULL", "set thp.enabled never", "save-scenario FILE"), "whatif"),
    Habit("memory as the kernel would show it",
          ("info buddyinfo", "info pagetypeinfo", "info zoneinfo", "info extfrag"), "",
          "`thp-debug run SCENARIO --print buddyinfo,pagetypeinfo,zoneinfo,extfrag`"),
    Habit("record and replay", ("token", "replay TOKEN"), "", "`thp-debug replay TOKEN`"),
    Habit("share a run", ("token", "transcript"), "copy.transcript",
          "a token names scenario, variant and answers, and its end is verified"),
    Habit("read it by machine", ("transcript --ndjson",), "", "`--format ndjson`, `--format junit`, `--format b4`"),
    Habit("exit codes", ("check",), "", "0 ok, 1 a check failed or a bug, 2 bad usage or scenario, 5 not possible "
          "here, 70 a fault of ours, 130 interrupted"),
)  # fmt: skip
