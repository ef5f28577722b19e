# SPDX-License-Identifier: GPL-2.0-only
"""The first line: which scenario, where we stand, why we stopped."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look, cpu_style
from tui.paint.rows import Row, Seg, crop


def paint(snap: Snapshot, look: Look, width: int) -> Row:
    """One row; the past is marked in reverse video, so that nobody mistakes it for the present."""
    name = snap.name if len(snap.name) <= width // 4 else snap.name.rsplit("/", 1)[-1]
    past = snap.step < snap.last
    bar: Seg = (" │ ", "dim")
    out: list[Seg] = [(f" {name}", "bold"), (" (edited)" if snap.edited else "", "forced"), bar, (snap.variant, "")]
    if look.second is not None:
        from tui.paint.beside import sign

        out.append((f" {sign(look.second)} {look.second.name}", "mark"))
    if snap.mutants:
        out += [(" ", ""), *_mutants(snap, width)]
    elif width >= 100:
        out += [bar, (snap.arch, "")]
    out.append(bar)
    out.append((f" PAST {snap.step}/{snap.last} ", "past") if past else (f"step {snap.step}/{snap.last}", ""))
    if look.since >= 0:
        out += [bar, (f"since {look.named(look.since)}", "mark")]
    out += [bar, (f"cpu{snap.cpu}", cpu_style(snap.cpu) if len(snap.cpus) > 1 else "")]
    if snap.view_cpu != snap.cpu:
        out += [(" ", ""), (f"CPU view cpu{snap.view_cpu}", "mark")]
    if snap.process:
        out.append((f" {snap.process}", "bold"))
    out.append(bar)
    if snap.event is not None and snap.event.forced:
        out += [("FORCED", "forced"), (" ", "")]
    if look.reason:
        out += [(look.reason, "break"), (": ", "")]
    out.append((snap.stop_text, "bad" if snap.stop in ("bug", "blocked") else "good" if snap.stop == "end" else "here"))
    return tuple(out)


def _mutants(snap: Snapshot, width: int) -> Row:
    """What the model lacks, loudly; in words where there is room."""
    names = ", ".join(name for name, _ in snap.mutants)
    words = "; ".join(words for _, words in snap.mutants)
    room = width // 2 - 20
    if room < 20:
        return ((f" MUTANT {names} ", "mutant"),)
    return ((f" MUTANT {names}: {words if len(words) <= room else crop(words, room - 1) + '…'} ", "mutant"),)
