# SPDX-License-Identifier: GPL-2.0-only
"""Parts of a snapshot that only some views of the allocator ask for: a request, the CPU's lists, the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kernelmodel.snapshot import NextBlock


class TryView(NamedTuple):
    """The watermark test of one zone that a request looked at: ``free - unusable > min + reserve``, and a block."""

    zone: str
    node: int
    order: int
    mark: str
    """``min``, ``low``, ``high``."""
    free: int
    unusable: int
    min: int
    reserve: int
    enough: bool
    block: bool
    """Is there a block that the test counts?"""
    reason: str
    """Why the zone gave nothing, '' where it gave a block."""
    flags: tuple[str, ...]


class StageView(NamedTuple):
    """One stage of the slow path."""

    name: str
    """``S1 freelist@min``."""
    verdict: str
    numbers: str
    times: int = 1
    """How often in a row."""


class RequestView(NamedTuple):
    """The request at hand, and what would become of it in this state."""

    gfp: int
    gfp_names: tuple[str, ...]
    order: int
    node: int
    found: NextBlock
    zone: str
    """Where from, '' if from nowhere."""
    tries: tuple[TryView, ...]
    path: tuple[StageView, ...] = ()
    """What the slow path went through, or would; empty where the fast path finds a page."""


class PcpList(NamedTuple):
    """One page list of a CPU: what is kept in it, and its first blocks."""

    name: str
    blocks: int
    first: tuple[int, ...]
    """First pfns, from the head on."""


class PcpView(NamedTuple):
    """The page lists of one CPU in one zone."""

    cpu: int
    zone: str
    node: int
    pages: int
    """How many there are now (pcp->count)."""
    high: int
    batch: int
    factor: int
    """free_factor; from 6.7 on alloc_factor."""
    lists: tuple[PcpList, ...]
    """Those that hold something."""


class CellView(NamedTuple):
    """The cell of the map under the cursor."""

    first: int
    last: int
    """Pfns."""
    free: int
    pages: int
    types: tuple[tuple[str, int], ...]
    """(migratetype, pageblocks)."""
    uses: tuple[tuple[str, int], ...] = ()
    """(use, pages) of what is not free, where the cell is one pageblock."""


class MapView(NamedTuple):
    """A zone, or a part of it, in cells of as many pageblocks as it takes."""

    zone: str
    node: int
    start: int
    """First pfn of the zone."""
    first: int
    """Pfn of the first cell; may lie before the zone."""
    size: int
    """Pages a cell."""
    scale: int
    """Pageblocks a cell, as a power of two."""
    types: bytes
    """Per cell the migratetype that it is shown as: the most frequent one but movable if that has a quarter of it."""
    fill: bytes
    """Per cell how much is in use, in eighths, rounded up."""
    before: int
    """Cells of the zone before the first."""
    total: int
    """Cells of the whole zone."""
    at: int
    """The cell under the cursor."""
    here: int
    """The cell of the folio at hand; -1 if it is not among these."""
    next: int
    """The cell of the block that the request at hand would take, -1 likewise."""
    cell: CellView
