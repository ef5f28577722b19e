# SPDX-License-Identifier: GPL-2.0-only
"""Runs of several processes, for the tests of fork, exit and copy on write."""

from __future__ import annotations

from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.vma import vmas
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.structs import Mm

START = 0x7F0000000000
SMALL = 'enabled = "never"\nhugepages-64kB = "always"'
HUGE = 'enabled = "always"'
HEAP = ("heap", "0", "4M", ("VM_WRITE",))


def story(
    *events: str,
    variant: str = "6.18",
    vma: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (HEAP,),
    sizes: str = SMALL,
    more: str = "",
    uffd: str = "",
    arch: str = "x86-64",
) -> Session:
    """A session on events written as ``[process:] verb value [| answer; answer]``; values are TOML, an event each on CPU 0.

    ``sizes`` goes into ``[thp]``, ``more`` stands behind it; ``uffd`` is for every VMA.
    """
    lines = [f'variant = "{variant}"', f'arch = "{arch}"', "[thp]", sizes, more]
    for name, offset, size, flags in vma:
        lines += ["[[vma]]", f'name = "{name}"', f"start = {START + int(offset, 0)}", f'size = "{size}"']
        lines += [f"flags = {list(flags)}"] + ([f"uffd = {uffd}"] if uffd else [])
    for event in events:
        what, _, answer = event.partition(" | ")
        who, colon, rest = what.partition(": ")
        verb, value = (rest if colon else who).split(" ", 1)
        lines += ["[[event]]", "cpu = 0", f"{verb} = {value}"]
        lines += [f'process = "{who}"'] if colon else []
        lines += [f"answers = {answer.split('; ')}"] if answer else []
    return Session(loads("\n".join(lines), "story.toml"))


def entry(s: Session, process: int, offset: int) -> int:
    """The leaf entry that maps an address of a process."""
    return translate(Mm(s.m, process), START + offset)


def pfn(s: Session, process: int, offset: int) -> int:
    """The page (of a leaf: the first) that a process has at an offset, -1 if none."""
    arch, at = s.m.arch, START + offset
    value = translate(Mm(s.m, process), at)
    if not arch.pte_present(value):
        return -1
    return arch.pte_pfn(value)


def names(s: Session, process: int) -> list[str]:
    """The VMAs of a process."""
    return [each.name for each in vmas(Mm(s.m, process))]
