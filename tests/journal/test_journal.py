# SPDX-License-Identifier: GPL-2.0-only
"""The journal: exact undo, runs, list operations, the long jump, the digest, and the check of a re-driven path."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel import leap
from kernelmodel.journal import Diverged, Field, Journal
from kernelmodel.lists import Links

PAGE = 4096


class World:
    """A journal with a field of each kind and three lists."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.plain = Field(self.journal, "plain", 4)
        self.ramp = Field(self.journal, "ramp", 8, stride=PAGE)
        order_of = Field(self.journal, "order_of", 1)
        nr = Field(self.journal, "nr", 8, linear=True)
        self.links = Links(self.journal, 3, order_of, nr)

    def dump(self) -> list[dict[int, int]]:
        return [dict(field.items()) for field in self.journal.fields]

    def lists(self) -> list[list[int]]:
        found = []
        for number in range(3):
            nodes, node = [], self.links.first(number)
            while node:
                nodes.append(node)
                node = self.links.after(node, number)
            found.append(nodes)
        return found

    def do(self, op: tuple[int, ...]) -> None:
        kind, a, b, c = op
        if kind == 0:
            self.plain.set(a * 37, b)
        elif kind == 1:
            for k in range(c + 1):
                self.ramp.set(a + k, (b << 12) + k * PAGE)
        elif kind == 2:
            for k in range(c + 1):
                self.ramp.set(a + k, 0)
        elif kind == 3:
            self.links.nr.add(a % 3, 1)
        else:
            node = a + 1
            where = next((n for n, nodes in enumerate(self.lists()) if node in nodes), None)
            if where is None:
                self.links.insert(node, b % 3, tail=bool(c & 1))
            else:
                self.links.remove(node, where)


ops = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(0, 5), st.integers(0, 20)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(ops, st.lists(st.integers(0, 40), max_size=6))
def test_moving_to_any_mark_gives_the_state_that_was_there(todo: list[tuple[int, ...]], visits: list[int]) -> None:
    world = World()
    marks, states, digests, orders = [0], [world.dump()], [world.journal.digest()], [world.lists()]
    for op in todo:
        world.do(op)
        marks.append(world.journal.mark())
        states.append(world.dump())
        digests.append(world.journal.digest())
        orders.append(world.lists())
    for n, visit in enumerate(visits):
        at = visit % len(marks)
        (leap.move if n % 2 else Journal.move)(world.journal, marks[at])
        assert world.dump() == states[at]
        assert world.lists() == orders[at]
        assert world.journal.digest() == digests[at]


@settings(max_examples=60, deadline=None)
@given(ops)
def test_the_digest_is_a_function_of_the_cells_and_not_of_the_way(todo: list[tuple[int, ...]]) -> None:
    world = World()
    for op in todo:
        world.do(op)
        world.journal.mark()
    other = World()
    for mine, theirs in zip(world.journal.fields, other.journal.fields, strict=True):
        for index, value in mine.items():
            theirs.set(index, value)
            other.journal.mark()
    assert other.dump() == world.dump()
    assert other.journal.digest() == world.journal.digest()
    other.plain.add(5, 1)
    assert other.journal.digest() != world.journal.digest()


def test_a_run_of_stores_is_one_entry() -> None:
    world = World()
    world.plain.fill(10, 300, 7)
    assert len(world.journal) == 1
    world.journal.mark()
    for k in range(16):
        world.ramp.set(k, 0x100000 + k * PAGE)
    assert len(world.journal) == 2
    world.journal.move(1)
    assert world.ramp.run(0, 16) == [0] * 16
    world.journal.move(2)
    assert world.ramp.run(0, 16) == [0x100000 + k * PAGE for k in range(16)]


def test_runs_do_not_cross_a_mark() -> None:
    world = World()
    world.plain.set(0, 1)
    mark = world.journal.mark()
    world.plain.set(1, 1)
    assert len(world.journal) == 2
    world.journal.move(mark)
    assert world.plain.run(0, 2) == [1, 0]


def test_storing_the_same_value_is_no_entry() -> None:
    world = World()
    world.plain.set(3, 0)
    assert len(world.journal) == 0


def test_a_path_that_is_driven_again_must_store_the_same() -> None:
    world = World()
    world.plain.fill(0, 4, 9)
    world.links.insert(5, 1, tail=False)
    world.journal.move(0)
    world.plain.fill(0, 4, 9)
    world.links.insert(5, 1, tail=False)
    assert world.journal.pos == len(world.journal) == 2
    world.journal.move(0)
    with pytest.raises(Diverged):
        world.plain.fill(0, 4, 8)


def test_another_list_operation_than_recorded_is_noticed() -> None:
    world = World()
    world.links.insert(5, 1, tail=False)
    world.journal.move(0)
    with pytest.raises(Diverged):
        world.links.insert(5, 2, tail=False)


def test_cutting_forgets_what_was_undone_and_keeps_the_digest_right() -> None:
    world = World()
    world.plain.set(1, 1)
    world.journal.mark()
    before = world.journal.digest()
    world.plain.set(2, 2)
    world.journal.digest()
    world.journal.move(1)
    world.journal.cut()
    assert len(world.journal) == 1
    assert world.journal.digest() == before
    world.plain.set(3, 3)
    assert world.plain.run(1, 3) == [1, 0, 3]


def test_a_chunk_comes_into_being_at_the_first_store_only() -> None:
    world = World()
    assert world.plain.get(1 << 40) == 0
    assert world.plain.chunks == {}
    world.plain.set(1 << 40, 1)
    assert len(world.plain.chunks) == 1


def test_sealing_keeps_the_digest() -> None:
    world = World()
    for op in ((0, 3, 4, 0), (1, 2, 3, 9), (4, 7, 1, 0), (4, 8, 1, 1), (3, 1, 0, 0), (4, 7, 1, 0)):
        world.do(op)
        world.journal.mark()
    before = world.journal.digest()
    world.journal.seal()
    assert len(world.journal) == 0
    assert world.journal.digest() == before
    world.plain.add(1, 1)
    assert world.journal.digest() != before
