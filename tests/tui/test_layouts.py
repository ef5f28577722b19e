# SPDX-License-Identifier: GPL-2.0-only
"""Where panes stand: every layout at every size, and what resizing does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.paint.layout import MIN_HEIGHT, MIN_WIDTH, PANES, Part, Slot
from tui.paint.layouts import LAYOUTS, choose, grow, layout, minimise
from tui.paint.look import Look

SIZES = [
    (40, 10),
    (59, 19),
    (60, 16),
    (60, 20),
    (80, 24),
    (99, 31),
    (100, 28),
    (100, 32),
    (120, 40),
    (160, 50),
    (200, 60),
    (300, 100),
]
STEPS = st.lists(
    st.tuples(st.sampled_from(PANES), st.integers(-9, 9), st.integers(-30, 30), st.booleans()), max_size=12
)


def tiles(slots: tuple[Slot, ...], width: int, height: int) -> bool:
    """Whether the slots cover the screen between header and message line, each cell once."""
    seen = [
        (x, y)
        for slot in slots
        for y in range(slot.y, slot.y + slot.height)
        for x in range(slot.x, slot.x + slot.width)
    ]
    everything = {(x, y) for y in range(1, height - 2) for x in range(width)}
    return len(seen) == len(everything) and set(seen) == everything


def slot_of(look: Look, pane: str, width: int, height: int) -> Slot:
    return next(slot for slot in layout(look, width, height) if pane in slot.panes)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("cpus", [1, 2, 64])
def test_every_layout_covers_the_screen_and_holds_every_pane_once(name, width, height, cpus):
    slots = layout(Look(layout=name, cpus=cpus), width, height)
    assert tiles(slots, width, height)
    assert sorted(pane for slot in slots for pane in slot.panes) == sorted(PANES)


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.integers(MIN_WIDTH, 240),
    st.integers(MIN_HEIGHT, 80),
    st.integers(1, 64),
    STEPS,
)
def test_no_resizing_leaves_a_hole(name, width, height, cpus, steps):
    look = Look(layout=name, cpus=cpus)
    for pane, by_rows, by_columns, small in steps:
        grow(look, pane, by_rows, by_columns, width, height)
        if small:
            minimise(look, pane, width, height)
        slots = layout(look, width, height)
        assert tiles(slots, width, height)
        assert all(slot.height >= 1 and slot.width >= 12 for slot in slots)


def test_sizes_survive_another_terminal():
    look = Look()
    grow(look, "events", 30, 0, 200, 60)
    for width, height in SIZES:
        assert tiles(layout(look, width, height), width, height)


def _keys(part: Part, down: bool) -> list[str]:
    inner = part.down or part.across
    mine = [each.key for each in inner if not each.flexible and bool(part.down) is down]
    return mine + [key for each in inner for key in _keys(each, down)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_two_parts_share_the_name_of_their_size(name):
    for fit in LAYOUTS[name]:
        for cpus in (1, 4):
            for down in (True, False):
                keys = _keys(fit.tree(cpus), down)
                assert len(keys) == len(set(keys))


@pytest.mark.parametrize("pane", ["events", "table", "source", "stack", "timeline", "console"])
def test_grow_and_shrink_by_rows(pane):
    look = Look()
    before = slot_of(look, pane, 120, 40).height
    grow(look, pane, 2, 0, 120, 40)
    assert slot_of(look, pane, 120, 40).height == before + 2
    grow(look, pane, -3, 0, 120, 40)
    assert slot_of(look, pane, 120, 40).height == before - 1


@pytest.mark.parametrize("pane", ["source", "orders", "stack"])
def test_wider_and_narrower(pane):
    look = Look()
    before = slot_of(look, pane, 120, 40).width
    grow(look, pane, 0, 4, 120, 40)
    assert slot_of(look, pane, 120, 40).width == before + 4
    grow(look, pane, 0, -7, 120, 40)
    assert slot_of(look, pane, 120, 40).width == before - 3


def test_a_pane_over_the_whole_width_gets_no_wider():
    look = Look()
    grow(look, "events", 0, 5, 120, 40)
    assert not look.widths


@pytest.mark.parametrize("pane", ["events", "source", "allocator"])
def test_minimise_leaves_the_title_and_gives_back(pane):
    look = Look()
    before = slot_of(look, pane, 120, 40)
    minimise(look, pane, 120, 40)
    assert slot_of(look, pane, 120, 40).height == 1
    minimise(look, pane, 120, 40)
    assert slot_of(look, pane, 120, 40) == before


def test_choosing_a_layout_gives_panes_their_own_sizes_and_the_main_one_the_focus():
    look = Look(zoom=True)
    look.sizes["events"], look.widths["orders"] = 3, 4
    choose(look, "memory")
    assert (look.layout, look.sizes, look.widths, look.zoom, look.focus) == ("memory", {}, {}, False, "table")
    with pytest.raises(KeyError):
        choose(look, "nosuch")


def test_an_unknown_layout_is_the_usual_one():
    assert layout(Look(layout="nosuch"), 80, 24) == layout(Look(), 80, 24)


def test_several_cpus_have_a_place_of_their_own_where_there_is_room():
    for width, height in ((120, 40), (200, 60)):
        assert ("cpus",) in [slot.panes for slot in layout(Look(cpus=2), width, height)]
        assert ("cpus",) not in [slot.panes for slot in layout(Look(cpus=1), width, height)]
        assert ("console",) in [slot.panes for slot in layout(Look(), width, height)]
    assert ("cpus",) not in [slot.panes for slot in layout(Look(cpus=2), 80, 24)]
