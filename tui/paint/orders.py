# SPDX-License-Identifier: GPL-2.0-only
"""The orders to try, highest first: one row each, where the path is, and what each loop said of it."""

from __future__ import annotations

from kernelmodel.snapshot import OrderRow, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, hexa, size

HELP = (
    "The orders of this fault (orders[], or a mask), one row each, and what each loop of the function said of it.",
    "✓ the loop took this order   ✗ rejected, and why   · not asked   ▶ being tried   * changed by the last step",
    "» under your cursor   p prints it   { } to where it changed before and next",
)
_LOOPS = ("bounds", "range", "alloc", "charge")


def title(snap: Snapshot, look: Look) -> str:
    """The array as C would write it, or the mask; v1 and v2 count down from an estimate."""
    name = "orders[]" if snap.orders_form == "array" else "orders"
    if not snap.orders:
        return name
    if snap.orders_form == "array":
        return f"{name} = {{{', '.join(str(row.order) for row in snap.orders)}}}"
    offered = [row.order for row in snap.orders if row.order]
    mask = f" = {sum(1 << order for order in offered):#x}" if snap.orders_form == "mask" else ""
    return f"{name}{mask} ({', '.join(map(str, offered)) or 'none'})"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per order; more rows than ``height`` are scrolled by the caller."""
    if not snap.orders:
        return [((" policy has not spoken yet" if snap.calls else " no fault is being handled", "dim"),)]
    under = look.row.get("orders", -1)
    indexed = snap.orders_form == "array"
    return [_row(at if indexed else -1, row, width, at == under) for at, row in enumerate(snap.orders)]


def _row(at: int, row: OrderRow, width: int, under: bool) -> Row:
    head: list[Seg] = [
        ("▶" if row.cursor else " ", "here"),
        ("*" if row.changed else " ", "changed"),
        ("»" if under else " ", "here"),
        (f"[{at}] " if at >= 0 else "", "dim"),
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
