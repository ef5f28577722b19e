# SPDX-License-Identifier: GPL-2.0-only
"""One decision in the short words of a mail, and text that no mail tool takes for anything else."""

from __future__ import annotations

import re

from kernelmodel.snapshot import Event
from kernelmodel.trace import size_text


def words(event: Event, page_size: int, mark: str = "") -> str:
    """A decision in short words: ``i=0 order 4  [7f1a00000000,+64K) starts 0x2000 below vm_start``."""
    ranged = event.order > 0 and event.addr >= 0 and event.kind not in ("fallback", "pmd-gate")
    where = f"[{event.addr:x},+{size_text(page_size << event.order)})" if ranged else ""
    why = event.why.removeprefix("range ") if event.natural else ""
    found = dict(event.more).get("found")
    outcome = f"{event.outcome} ({found})" if found and event.outcome == "NULL" else event.outcome
    match event.kind:
        case "policy":
            offered = [] if event.outcome == "none" else event.outcome.split(",")
            text = f"orders = {{{', '.join([*offered, '0'])}}}, prefer = {event.order}"
        case "vma-bounds":
            text = f"i={event.i} order {event.order}  {where} {why or 'fits into the VMA'}"
        case "pte-range":
            text = f"i={event.i} order {event.order}  {where} {why or 'has no populated PTE'}"
        case "step-down":
            text = f"i={event.i} {why}"
        case "fallback":
            text = f"fallback, reason {event.reason}; {why}"
        case "install":
            text = f"install {event.outcome}, order {event.order}  {where or f'{event.addr:#x}'}; {why}"
        case "bug":
            text = f"BUG {event.outcome}; {why}"
        case _:
            order = f" order {event.order}" if event.order >= 0 else ""
            place = f"  {where}" if ranged else f" {event.addr:#x}" if event.addr >= 0 else ""
            text = f"{event.kind}{order}{place} = {outcome}{f'; {why}' if why else ''}"
    return text + mark


def plain(text: str) -> str:
    """ASCII without control characters, and without what could be taken for a label."""
    ascii_ = text.encode("ascii", "backslashreplace").decode("ascii")
    printable = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in ascii_)
    return re.sub(r":(?= |$)", ";", printable)
