# SPDX-License-Identifier: GPL-2.0-only
"""orders[]: one row per element, the cursor ``i``, and what each loop said of it."""

from __future__ import annotations

from kernelmodel.snapshot import OrderRow, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, hexa, size

HELP = (
    "orders[] of this fault, one row per element, and what each loop of the function said of it.",
    "✓ the loop took this order   ✗ rejected, and why   · not asked   ▶ the cursor i   * changed by the last step",
    "» under your cursor   p prints it   { } to where it changed before and next",
)
_LOOPS = ("bounds", "range", "alloc", "charge")


def title(snap: Snapshot, look: Look) -> str:
    """The array as C would write it."""
    if not snap.orders:
        return "orders[]"
    return "orders[] = {" + ", ".join(str(row.order) for row in snap.orders) + "}"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per order; more rows than ``height`` are scrolled by the caller."""
    if not snap.orders:
        return [((" policy has not spoken yet" if snap.calls else " no fault is being handled", "dim"),)]
    under = look.row.get("orders", -1)
    return [_row(at, row, width, at == under) for at, row in enumerate(snap.orders)]


def _row(at: int, row: OrderRow, width: int, under: bool) -> Row:
    head: list[Seg] = [
        ("▶" if row.cursor else " ", "here"),
        ("*" if row.changed else " ", "changed"),
        ("»" if under else " ", "here"),
        (f"[{at}] ", "dim"),
        (f"{row.order} ", "bold"),
    ]
    if row.start < 0:
        return (*head, ("  end", "dim"))
    head.append((f"{size(row.bytes):>4} ", ""))
    if width >= 58:
        head.append((f"{hexa(row.start)} ", "dim"))
    return (*head, *_verdicts(row, width - sum(len(text) for text, _ in head)))


def _verdicts(row: OrderRow, room: int) -> list[Seg]:
    """``✓bounds ✗range pte 0x00b is populated``; the loops after a rejection never see this order."""
    out: list[Seg] = []
    short = room < 34
    for name in _LOOPS:
        said = getattr(row, name)
        if said == "ok":
            out.append((f"✓{name[0] if short else name} ", "good"))
        elif said:
            out.append((f"✗{name} ", "bad"))
            used = sum(len(text) for text, _ in out)
            words = row.why if row.why and len(row.why) <= room - used else said
            out.append((words, "bad"))
            return out
        elif name != "charge":
            out.append((f"·{name[0] if short else name} ", "dim"))
    return out
