# SPDX-License-Identifier: GPL-2.0-only
"""Which zones a request may use, and in which order it looks."""

from __future__ import annotations

import pytest

from kernelmodel.defs import (
    __GFP_DMA,
    __GFP_DMA32,
    __GFP_HIGHMEM,
    __GFP_MOVABLE,
    __GFP_THISNODE,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from kernelmodel.mm.zonelist import gfp_zone, node_orders, zonelist
from tests.mm.zoned import Zone, zoned


@pytest.mark.parametrize(
    ("gfp", "zone"),
    [
        (0, ZONE_NORMAL),
        (__GFP_DMA, ZONE_DMA),
        (__GFP_HIGHMEM, ZONE_NORMAL),
        (__GFP_DMA32, ZONE_DMA32),
        (__GFP_MOVABLE, ZONE_NORMAL),
        (__GFP_MOVABLE | __GFP_DMA, ZONE_DMA),
        (__GFP_MOVABLE | __GFP_HIGHMEM, ZONE_MOVABLE),
        (__GFP_MOVABLE | __GFP_DMA32, ZONE_DMA32),
    ],
)
def test_gfp_zone_is_the_kernels_table(gfp: int, zone: int) -> None:
    assert gfp_zone(gfp | 0xCC0) == zone


def test_a_node_from_high_to_low_then_the_others() -> None:
    m = zoned("6.12", Zone(0, ZONE_DMA), Zone(0, ZONE_DMA32), Zone(0, ZONE_NORMAL), Zone(1, ZONE_NORMAL),
              Zone(1, ZONE_MOVABLE), Zone(2, ZONE_NORMAL))  # fmt: skip
    assert zonelist(m, 0, GFP_HIGHUSER_MOVABLE) == (2, 1, 0, 4, 3, 5)
    assert zonelist(m, 1, GFP_HIGHUSER_MOVABLE) == (4, 3, 5, 2, 1, 0)
    assert zonelist(m, 1, GFP_KERNEL) == (3, 5, 2, 1, 0)
    assert zonelist(m, 0, GFP_KERNEL | __GFP_DMA32) == (1, 0)
    assert zonelist(m, 1, GFP_HIGHUSER_MOVABLE | __GFP_THISNODE) == (4, 3)
    assert zonelist(m, 1, GFP_KERNEL | __GFP_DMA32 | __GFP_THISNODE) == ()


@pytest.mark.parametrize(
    ("cpu_nodes", "orders"),
    [
        ([0, 1, 2, 3], [(0, 1, 2, 3), (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)]),
        ([0, 1], [(0, 2, 3, 1), (1, 3, 2, 0), (2, 3, 0, 1), (3, 2, 0, 1)]),  # those without CPUs first
    ],
)
def test_the_next_best_node(cpu_nodes: list[int], orders: list[tuple[int, ...]]) -> None:
    """In the second case node 0 leads to 2, so that node 1 begins with 3: the one that is less loaded."""
    m = zoned("6.12", *(Zone(node) for node in range(4)))
    m.cpu_nodes = cpu_nodes
    assert node_orders(m) == orders
