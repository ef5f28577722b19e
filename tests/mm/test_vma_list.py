# SPDX-License-Identifier: GPL-2.0-only
"""The list of an mm's VMAs: whatever is put in and taken out, it is sorted, and going back undoes it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.mm import vma_list
from kernelmodel.structs import Vma
from tests.build import session

PAGE = 4096


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=500))
def test_it_is_a_sorted_list(operations: list[tuple[bool, int]]) -> None:
    m = session(vma="", events="[[event]]\nread = 0x1000\n").m
    before, start = m.digest(), m.journal.mark()
    there: dict[int, int] = {}
    for put, page in operations:
        if put and page not in there:
            number = 1000 + page
            vma = Vma(m, number)
            vma.vm_start, vma.vm_end = page * PAGE, (page + 1) * PAGE
            vma_list.insert(m, 0, page * PAGE, number)
            there[page] = number
        elif not put and page in there:
            vma_list.remove(m, 0, page * PAGE)
            del there[page]
        m.map_count.set(0, len(there))
    ordered = [there[page] for page in sorted(there)]
    assert vma_list.numbers(m, 0) == ordered
    assert [vma_list.number_of(m, 0, k) for k in range(-1, len(ordered) + 1)] == [-1, *ordered, -1]
    for page in (0, 137, 400):
        above = [each for each in sorted(there) if each >= page]
        assert vma_list.vma_position(m, 0, page * PAGE) == len(there) - len(above)
        found = vma_list.number_at(m, 0, *vma_list.place_of(m, 0, page * PAGE))
        assert found == (there[above[0]] if above else -1)
    m.journal.move(start)
    assert m.digest() == before


def test_many_cost_little() -> None:
    """2,000 VMAs in no order: no more than 80 cells are stored for each on average."""
    m = session(vma="", events="[[event]]\nread = 0x1000\n").m
    start = m.journal.mark()
    for k in range(2000):
        page = k * 7919 % 4001
        vma = Vma(m, k)
        vma.vm_start, vma.vm_end = page * PAGE, (page + 1) * PAGE
        vma_list.insert(m, 0, page * PAGE, k)
        m.map_count.set(0, k + 1)
    assert m.journal.mark() - start < 80 * 2000
