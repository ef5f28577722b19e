# SPDX-License-Identifier: GPL-2.0-only
"""The verbs of an event: the tables of their keys, and from a table that was read to an ``Action``."""

from __future__ import annotations

from typing import Any

from kernelmodel.defs import MADVICE, MAP_FLAGS, MREMAP_FLAGS
from kernelmodel.scenario.faults import KeyPath, nearest, show
from kernelmodel.scenario.kinds import WRONG, Address, Boolean, Choice, Int, Kind, Size, Str
from kernelmodel.scenario.mm import MAX_POPULATED, Context
from kernelmodel.scenario.tables import Key, Several, Table
from kernelmodel.scenario.types import Action, VmaSpec

NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"
NAME_WORDS = "a letter or _, then letters, digits, _ . - (at most 64)"
MAX_COUNT = (1 << 64) - 1
MAX_PROCESSES = 16
"""What the machine's fields have room for."""
VMA_FLAGS = (
    "VM_READ", "VM_WRITE", "VM_EXEC", "VM_SHARED", "VM_HUGEPAGE", "VM_NOHUGEPAGE", "VM_GROWSDOWN", "VM_SEQ_READ",
    "VM_RAND_READ", "VM_DONTEXPAND", "VM_PFNMAP", "VM_IO", "VM_MIXEDMAP", "VM_DONTCOPY", "VM_LOCKED",
    "VM_STACK_INCOMPLETE_SETUP", "VM_SOFTDIRTY", "VM_ACCOUNT", "VM_NORESERVE",
)  # fmt: skip
ACCESSES = ("read", "write")
UFFD_OPS = ("register", "unregister", "copy", "zeropage", "writeprotect", "move", "wake", "poison")
PROT = "r?w?x?"

_AT = Key("at", Address(), "First address, a multiple of the page size.", required=True)
_SIZE = Key("size", Size(1, 1 << 52, 'one page … 4096T, in bytes or as text: "64K"'),
            "Bytes, a multiple of the page size.", required=True)  # fmt: skip


def _a_list(words: str, *names: str) -> Several:
    return Several(Choice(*names, words=words), f"a list; each is {words}", distinct=True)


def _on_mapped(verb: str, doc: str) -> Table:
    """The table of something that the kernel does of its own to what is mapped in a range."""
    return Table(verb, f"{doc}: `{{ at, size }}`.", _AT, _SIZE)


TABLES: dict[str, Table] = {
    "madvise": Table(
        "madvise", 'Advice for a range: `{ at, size, advice = "MADV_HUGEPAGE" }`.', _AT, _SIZE,
        Key("advice", Choice(*MADVICE, words="advice that the model knows"), "A MADV_ name.", required=True),
    ),
    "mmap": Table(
        "mmap", "A new mapping in place of what is there: `{ name, start, size, flags }`.",
        Key("name", Str(NAME_WORDS, NAME), "Its name.", required=True),
        Key("start", Int(0, MAX_COUNT, "an address, as an integer"), "First address, a multiple of the page size.",
            required=True),
        _SIZE,
        Key("flags", _a_list("a VM_ or MAP_ flag", *VMA_FLAGS, *MAP_FLAGS), "As they stand; [] is PROT_NONE.", "[]"),
    ),
    "munmap": Table("munmap", "The end of what is mapped in a range: `{ at, size }`.", _AT, _SIZE),
    "mprotect": Table(
        "mprotect", 'Other permissions for a range: `{ at, size, prot = "rw" }`.', _AT, _SIZE,
        Key("prot", Str('some of r, w and x, in this order: "rw"', PROT), "What is allowed; \"\" is nothing.",
            required=True),
    ),
    "mremap": Table(
        "mremap", "A mapping moves, grows or shrinks: `{ at, size, to, flags }`.", _AT, _SIZE,
        Key("to", Address(), "New first address; without it the mapping grows or shrinks where it is."),
        Key("new_size", Size(1, 1 << 52, "bytes (at least one page)"), "New size.", "`size`"),
        Key("flags", _a_list("a MREMAP_ flag", *MREMAP_FLAGS), "Flags.",
            '["MREMAP_MAYMOVE", "MREMAP_FIXED"] with `to`, else []'),
    ),
    "prctl": Table(
        "prctl", "What the process wants: `{ PR_SET_THP_DISABLE = 1, flags }`.",
        Key("PR_SET_THP_DISABLE", Int(0, 1), "1 disables huge pages for the process, 0 enables them.", required=True),
        Key("flags", _a_list("a PR_THP_ flag", "PR_THP_DISABLE_EXCEPT_ADVISED"), "Flags (6.18).", "[]"),
    ),
    "sysfs": Table(
        "sysfs", 'Knobs of transparent_hugepage that are turned now: `{ enabled = "always" }`.',
        Key("enabled", Choice("always", "madvise", "never"), "Which VMAs may get huge pages."),
        Key("defrag", Choice("always", "defer", "defer+madvise", "madvise", "never"), "How hard an allocation tries."),
        Key("use_zero_page", Boolean(), "A read fault may map the huge zero page."),
        Key("hugepages-<size>kB", Choice("always", "inherit", "madvise", "never"), "The knob of one size.",
            pattern=r"hugepages-[0-9]{1,12}kB", knob="hugepages-*kB"),
        Key("anon_orders", Int(0, MAX_COUNT), "Bits of the orders to try.", knob="anon_orders"),
        Key("anon_always_mask", Int(0, MAX_COUNT), "Bits of the orders for VMAs without a hint.",
            knob="anon_always_mask"),
    ),
    "uffd": Table(
        "uffd", 'A userfaultfd ioctl: `{ op = "register", at, size, mode = ["missing"] }`.',
        Key("op", Choice(*UFFD_OPS), "Which.", required=True), _AT, _SIZE,
        Key("mode", Several(Choice("missing", "wp"), 'a list of "missing", "wp"', distinct=True),
            'What `register` arms for; `writeprotect`: ["wp"] protects, [] resolves.'),
        Key("src", Address(), "Where `move` takes the pages from, a multiple of the page size."),
    ),
    "migrate": _on_mapped("migrate", "Compaction moves the folios of a range"),
    "swap_out": _on_mapped("swap_out", "Reclaim swaps the folios of a range out"),
    "collapse": _on_mapped("collapse", "khugepaged collapses a range"),
    "reap": _on_mapped("reap", "The OOM reaper takes what is mapped in a range"),
    "shrink_huge_zero": Table(
        "shrink_huge_zero", "The shrinker frees the huge zero page: `{}`, or `{ at, size }`, which change nothing.",
        _AT._replace(required=False), _SIZE._replace(required=False),
    ),
}  # fmt: skip
"""Verbs whose value is a table."""
NAMED = ("fork", "exit")
"""Verbs whose value is a process."""
VERBS = (*ACCESSES, *TABLES, *NAMED)
"""Every verb."""


def keys() -> list[Key]:
    """The keys of an event that are verbs."""
    found = [
        Key(verb, Address(), f"The address that is {past}.") for verb, past in (("read", "read"), ("write", "written"))
    ]
    found += [Key(verb, table, table.doc) for verb, table in TABLES.items()]
    process: Kind = Str("the name of a process", NAME)
    found.append(Key("fork", process, "A new process of that name, a copy of `process`."))
    found.append(Key("exit", process, "The process ends."))
    return found


# -- from values to actions -----------------------------------------------------------------------------
def declare(ctx: Context, tables: list[dict[str, Any]]) -> None:
    """What later events may name: mappings that ``mmap`` makes, processes that ``fork`` makes."""
    for i, table in enumerate(tables):
        path: KeyPath = ("event", i)
        if "fork" in table:
            name = table["fork"]
            if name in ctx.processes:
                ctx.faults.add(
                    (*path, "fork"), f"there is a process {show(name)} already", "each has a name of its own"
                )
            elif len(ctx.processes) == MAX_PROCESSES:
                ctx.faults.add((*path, "fork"), f"more than {MAX_PROCESSES} processes", "leave some out")
            else:
                ctx.processes.append(name)
        spec = table.get("mmap")
        if not isinstance(spec, dict) or "name" not in spec:
            continue
        name = spec["name"]
        if name in ctx.declared:
            hint = "each mapping has a name of its own"
            ctx.faults.add((*path, "mmap", "name"), f"two mappings have the name {show(name)}", hint)
        ctx.declared.add(name)
        aligned = [ctx.aligned(spec[key], (*path, "mmap", key), key) for key in ("start", "size") if key in spec]
        if not all(aligned) or not {"start", "size"} <= spec.keys():
            continue
        if ctx.arch is not None and spec["start"] + spec["size"] > ctx.arch.task_size:
            message = f"{name} ends at {spec['start'] + spec['size']:#x}, outside the user address space"
            ctx.faults.add((*path, "mmap", "size"), message, f"it ends at {ctx.arch.task_size:#x} on {ctx.arch.name}")
            continue
        if {"VM_HUGEPAGE", "VM_NOHUGEPAGE"} <= {flag for flag in spec.get("flags", ()) if flag is not WRONG}:
            message = "VM_HUGEPAGE and VM_NOHUGEPAGE exclude each other"
            ctx.faults.add((*path, "mmap", "flags"), message, "each madvise clears the other")
        ctx.mapped.setdefault(name, VmaSpec(name, spec["start"], spec["size"]))


def limit_populates(ctx: Context, events: list[tuple[int, Action]], locked: bool) -> None:
    """Tell of the first event with which the program asks for too many pages at once, all its wishes together.

    ``events`` with their numbers in the file; ``locked``: is some mapping VM_LOCKED, so that other verbs fault in, too?
    """
    if ctx.arch is None:
        return
    total = 0
    for number, event in events:
        flags = event.arg("flags", ())
        wants = str(event.arg("advice")).startswith("MADV_POPULATE") or {"MAP_POPULATE", "MAP_LOCKED"} & {*flags}
        if not wants and not (locked and event.verb in ("mmap", "mprotect", "mremap")):
            continue
        total += max(event.size, event.arg("new_size") or 0) >> ctx.arch.page_shift
        if total > MAX_POPULATED:
            message = f"more than {MAX_POPULATED:,} pages are faulted in by madvise, mmap and the like"
            ctx.faults.add(("event", number, event.verb, "size"), message, "a smaller scenario shows the same")
            return


def action(ctx: Context, verb: str, table: dict[str, Any], raw: dict[str, Any], path: KeyPath) -> Action | None:
    """One event without its answers; None (and told) if it can't be."""
    cpu, process = table.get("cpu", 0), _process(ctx, verb, table, path)
    value = table[verb]
    if verb in ACCESSES:
        address = ctx.address(value, (*path, verb))
        return Action(cpu, verb, address or 0, written(raw[verb]), process=process)
    if verb in NAMED:
        return Action(cpu, verb, -1, value, process=process)
    args = {key: each for key, each in value.items() if key not in ("at", "start", "size")}
    if verb in ("prctl", "sysfs"):
        if verb == "sysfs" and not value:
            ctx.faults.add((*path, verb), "sysfs turns no knob", 'write { enabled = "always" }')
        for name in args:
            key = TABLES[verb].key(name)
            if key is not None and key.knob and ctx.variant is not None and key.knob not in ctx.variant.knobs:
                ctx.faults.note((*path, verb, name), f"{ctx.variant.id} has no {name}; the value has no effect")
            if key is not None and key.pattern:
                ctx.known_size(name, (*path, verb, name))
        if "flags" in args:
            args["flags"] = tuple(flag for flag in args["flags"] if flag is not WRONG)
        text = ", ".join(f"{key}={each}" for key, each in _raw_args(raw[verb]).items())
        return Action(cpu, verb, -1, text, process=process, args=tuple(args.items()))
    if verb == "shrink_huge_zero" and not value:
        return Action(cpu, verb, -1, "", process=process)
    if verb == "uffd":
        args |= _uffd_args(ctx, args, (*path, verb))
    if not {"size"} <= value.keys() or not ({"at", "start"} & value.keys()):
        if verb == "shrink_huge_zero":
            ctx.faults.add((*path, verb), "at and size stand together or not at all", "shrink_huge_zero = {}")
        return None
    return _on_range(ctx, verb, value, raw[verb], path, (cpu, process), args)


def _on_range(
    ctx: Context, verb: str, value: dict[str, Any], raw: dict[str, Any], path: KeyPath, who: tuple[int, str],
    args: dict[str, Any],
) -> Action | None:  # fmt: skip
    """A verb that has an address and a size."""
    faults, here = ctx.faults, (*path, verb)
    start = value["start"] if verb == "mmap" else ctx.address(value["at"], (*here, "at"))
    if start is None:
        return None
    good = verb == "mmap" or (
        ctx.aligned(start, (*here, "at"), "at") and ctx.aligned(value["size"], (*here, "size"), "size")
    )
    if ctx.arch is not None and verb != "mmap" and start + value["size"] > ctx.arch.task_size:
        faults.add((*here, "size"), f"the range ends at {start + value['size']:#x}, outside the user address space",
                   f"it ends at {ctx.arch.task_size:#x} on {ctx.arch.name}")  # fmt: skip
        good = False
    if verb == "mremap":
        if "to" in value:
            to = ctx.address(value["to"], (*here, "to"))
            good = to is not None and ctx.aligned(to, (*here, "to"), "to") and good
            args["to"] = to
        if "new_size" in value:
            good = ctx.aligned(value["new_size"], (*here, "new_size"), "new_size") and good
        args.setdefault("flags", ["MREMAP_MAYMOVE", "MREMAP_FIXED"] if "to" in value else [])
    if "src" in args:
        src = ctx.address(args["src"], (*here, "src"))
        good = src is not None and ctx.aligned(src, (*here, "src"), "src") and good
        args["src"] = src
    if "flags" in args:
        args["flags"] = tuple(flag for flag in args["flags"] if flag is not WRONG)
    if not good:
        return None
    shown = [written(raw.get("at", raw.get("start", 0))), f"{value['size']:#x}"]
    told = ("op", "at", "start", "size") + (() if raw.get("mode") else ("mode",))
    shown += [written(each) for key, each in _raw_args(raw).items() if key not in told]
    if verb == "uffd":
        shown[0] = f"{args.get('op')} {shown[0]}"
    return Action(*who[:1], verb, start, ", ".join(shown), process=who[1], size=value["size"], args=tuple(args.items()))


def _uffd_args(ctx: Context, args: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    """``mode`` and ``src`` of an ioctl as its actor takes them; told where they don't suit ``op``."""
    op, mode = args.get("op"), args.get("mode")
    if op in ("register", "writeprotect") and (mode is None or (op == "register" and not mode)):
        wanted = 'mode = ["missing"]' if op == "register" else 'mode = ["wp"] protects, mode = [] resolves'
        ctx.faults.add(path if mode is None else (*path, "mode"), f"{op} needs a mode", wanted)
    elif mode is not None and op not in (None, "register", "writeprotect"):
        ctx.faults.add((*path, "mode"), f"{op} has no mode", "leave it out", key=True)
    elif op == "writeprotect" and "missing" in (mode or ()):
        ctx.faults.add((*path, "mode"), "writeprotect has the mode wp only", '["wp"] protects, [] resolves')
    if op == "move" and "src" not in args:
        ctx.faults.add(path, "move needs src", "src: where the pages come from")
    elif op not in (None, "move") and "src" in args:
        ctx.faults.add((*path, "src"), f"{op} has no src", "leave it out", key=True)
    return {"mode": tuple(each for each in mode if each is not WRONG)} if mode is not None else {}


def _raw_args(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: "|".join(map(str, each)) if isinstance(each, list) else each for key, each in raw.items()}


def written(value: Any) -> str:
    """A value as the file has it."""
    if value == "":
        return '""'
    return value if isinstance(value, str) else f"{value:#x}" if type(value) is int else str(value)


def _process(ctx: Context, verb: str, table: dict[str, Any], path: KeyPath) -> str:
    """Who does it."""
    process: str = table.get("process", "main")
    where: KeyPath = (*path, "process")
    if verb == "exit":
        if process not in ("main", table["exit"]):
            ctx.faults.add(where, f"exit ends the process that it names, {show(table['exit'])}", "leave process out")
        process, where = table["exit"], (*path, "exit")
    if process not in ctx.processes:
        hint = nearest(process, ctx.processes) or "there is main, and what a fork event names"
        ctx.faults.add(where, f"no process has the name {show(process)}", hint)
        return "main"
    return process
