# SPDX-License-Identifier: GPL-2.0-only
"""States as numbers, effects, and the key by which states are matched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.arch import SWP_MIGRATION_READ
from kernelmodel.decision import Decision, GeneratorDriver, Path
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE
from kernelmodel.explore.fingerprint import Fingerprints
from kernelmodel.explore.world import World
from kernelmodel.journal import Field, Journal
from kernelmodel.lists import Links
from kernelmodel.machine import Machine
from kernelmodel.mm import page_alloc
from kernelmodel.mm.rmap_walk import Place
from kernelmodel.state_key import NUMBERED, PAGES, Renamed, renamed_fields
from kernelmodel.structs import Vma
from tests.build import machine

CELLS = st.integers(0, 1100)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), CELLS, st.integers(0, 3)),
        st.tuples(st.just("add"), CELLS, st.just(1)),
        st.tuples(st.just("fill"), CELLS, st.integers(1, 40)),
        st.tuples(st.just("run"), CELLS, st.integers(1, 40)),
        st.tuples(st.just("copy"), CELLS, CELLS),
        st.tuples(st.just("count"), CELLS, st.just(0)),
        st.tuples(st.just("insert"), st.integers(1, 6), st.integers(0, 1)),
    ),
    max_size=6,
)


def do(field: Field, links: Links, steps: list[tuple[str, int, int]]) -> None:
    """Some code: what it writes depends on what it reads."""
    for verb, i, k in steps:
        if verb == "set":
            field.set(i, k)
        elif verb == "add":
            field.add(i, k)
        elif verb == "fill":
            field.fill(i, k, field.get(k))
        elif verb == "run":
            field.set(i, sum(field.run(i, k)) & 0xFF)
        elif verb == "copy":
            field.set(k, field.get(i))
        elif verb == "count":
            field.set(i, sum(1 for _ in field.items()))
        elif links.next.get(i) == 0 and links.first(0) != i:
            links.insert(i, 0, bool(k))


def world() -> tuple[World, Field, Links]:
    journal = Journal()
    field = Field(journal, "x", 4)
    links = Links(journal, 1, Field(journal, "order", 1), Field(journal, "nr", 8, linear=True))
    return World(journal), field, links


def cells(w: World) -> dict[str, dict[int, int]]:
    return {field.name: dict(field.items()) for field in w.journal.fields}


@given(st.lists(STEPS, min_size=2, max_size=5))
@settings(max_examples=150, deadline=None)
def test_an_effect_does_what_the_code_did(parts: list[list[tuple[str, int, int]]]) -> None:
    """``apply`` gives the state that running gives; and in a state that ``fits`` running does the same again."""
    w, field, links = world()
    states, effects = [w.open()], []
    for part in parts:
        w.restore(states[-1])
        w.begin()
        do(field, links, part)
        effects.append(w.end())
        after = cells(w)
        states.append(w.apply(effects[-1], states[-1]))
        w.restore(states[-1])
        assert cells(w) == after
    for part, effect in zip(parts, effects, strict=True):
        for state in states:
            if w.fits(effect, state):
                expected = w.apply(effect, state)
                w.restore(state)
                w.begin()
                do(field, links, part)
                w.end()
                found = cells(w)
                w.restore(expected)
                assert cells(w) == found


def test_the_same_state_has_the_same_number() -> None:
    w, field, _ = world()
    start = w.open()
    w.begin()
    field.set(5, 1)
    there = w.apply(w.end(), start)
    w.restore(there)
    w.begin()
    field.set(5, 0)
    assert w.apply(w.end(), there) == start


def test_code_that_nobody_asked_about_is_undone_by_restore() -> None:
    """A path that is driven again leaves stores behind."""
    w, field, _ = world()
    start = w.open()
    w.begin()
    field.set(700, 1)
    w.restore(start)
    assert field.get(700) == 0


def one_of_two(freed: int) -> Machine:
    """A machine that has taken two pages and given one of them back."""
    m = machine()
    folios = [page_alloc.take(m, GFP_HIGHUSER_MOVABLE, 0) for _ in range(2)]
    page_alloc.folio_put(folios[freed])  # type: ignore[arg-type]
    return m


def test_buddies_may_change_places() -> None:
    one, other = one_of_two(0), one_of_two(1)
    base = one.zones[0].start
    assert one.digest() != other.digest()
    assert one.state_key((base + 1,)) == other.state_key((base,))
    assert one.state_key((base + 1,)) != other.state_key(())


def test_pages_that_do_not_merge_with_each_other_are_others() -> None:
    m = machine()
    base = m.zones[0].start
    near, far = Renamed(m), Renamed(m)
    assert [near.name(base + k) for k in (0, 1)] != [far.name(base + k) for k in (0, 2)]


def test_names_are_given_in_the_order_of_mention() -> None:
    m = machine()
    base = m.zones[0].start
    first, second = Renamed(m), Renamed(m)
    assert [first.name(base + k) for k in (5, 4)] == [second.name(base + k) for k in (2, 3)]
    assert [Renamed(m).name(base)] == [Renamed(m).name(base + (1 << m.arch.max_order) + 7)]
    assert first.name(3) == (-1, 0, 3, 0)  # no page of a zone


def freed_in_order(memory: str, first: int) -> object:
    """What stands on the lists after two buddies were freed, this one of them first."""
    m = machine(memory)
    folios = [page_alloc.take(m, GFP_HIGHUSER_MOVABLE, 0) for _ in range(2)]
    for each in (first, 1 - first):
        page_alloc.folio_put(folios[each])  # type: ignore[arg-type]
    return m.state_key()


def test_where_cpus_have_lists_pages_keep_their_numbers() -> None:
    plain, own = 'size = "64M"', 'size = "64M"\npcp = true'
    assert freed_in_order(plain, 0) == freed_in_order(plain, 1)
    assert freed_in_order(own, 0) != freed_in_order(own, 1)


@pytest.mark.parametrize("why", ["mixed", "lru"])
def test_where_a_pageblock_counts_pages_keep_their_numbers(why: str) -> None:
    m = machine()
    base = m.zones[0].start
    setattr(m, why, True)
    assert not renamed_fields(m)
    assert m.state_key((base,)) != m.state_key((base + 512,))


def test_who_reads_less_the_second_time_is_found_out() -> None:
    """A path that is driven again and does something else has hidden a part of its state."""
    w, field, _ = world()
    w.open()
    w.mark()
    field.get(1)
    field.get(2)
    effect = w.end()
    w.replay([effect], lambda _: field.set(3, field.get(1) + field.get(2)))
    with pytest.raises(AssertionError, match="driven again"):
        w.replay([effect], lambda _: field.set(3, field.get(1)))


def test_what_is_known_of_a_page_goes_with_its_name() -> None:
    """Of two pages the one that was mentioned first has a stale translation, or the other one has."""

    def key(first: int, second: int, stale: int) -> object:
        m = machine()
        base = m.zones[0].start
        m.tlb_stale.set(base + stale, 1)
        return m.state_key((base + first, base + second))

    assert key(0, 1, stale=0) == key(1, 0, stale=1)
    assert key(0, 1, stale=0) != key(1, 0, stale=0)


def test_pages_of_a_folio_keep_their_order() -> None:
    """A leaf maps them by it.  And what stands at a page that no table names counts, too."""

    def key(offset: int) -> object:
        m = machine()
        folio = page_alloc.take(m, GFP_HIGHUSER_MOVABLE, 4)
        assert folio is not None
        m.content.set(folio.id + offset, 7)
        return m.state_key((folio.id,))

    assert len({key(offset) for offset in range(16)}) == 16
    assert Renamed(machine()).name(machine().zones[0].start) == Renamed(machine()).name(machine().zones[0].start + 1)


def test_a_path_mentions_the_pages_of_the_entries_that_it_holds() -> None:
    """Whatever the local is called, and also an entry of a folio under migration."""
    m = machine()
    pfn = m.zones[0].start

    def holds() -> Path[None]:
        moving = m.arch.swp_entry(SWP_MIGRATION_READ, pfn + 5)
        place = Place(Vma(m, 0), 0, 0, m.arch.swp_entry(SWP_MIGRATION_READ, pfn + 6))
        page = pfn + 7
        yield Decision("wp", "reuse", arg=moving + place.pmdval + page)

    path = GeneratorDriver(holds())
    path.advance(None)
    assert set(Fingerprints(m).of(path)[1]) == {pfn, pfn + 5, pfn + 6, pfn + 7}


WITHOUT_PAGES = frozenset(
    """
    nr_free_pages watermark table_used table_mm rcu table_grace nr_grace unstable_seen ptl pmd_deposit pgd rss_stat
    nr_ptes mm_flags map_count mmap_lock mmap_lock_writer mm_users mm_mt mm_mt_len mm_mt_dir mm_mt_blocks vm_start
    vm_end vm_flags vm_mm vm_pgoff vm_lock vm_write_locked vma_detached vma_name vma_next vma_free anon_vma
    nr_anon_vmas anon_vma_root anon_vma_parents withdrawn reaped reaped_pmd uffd_wp_lost thp_enabled thp_defrag
    thp_use_zero_page huge_anon_orders_always huge_anon_orders_madvise huge_anon_orders_inherit anon_orders
    anon_always_mask huge_zero_refcount memcg_usage memcg_stock memcg_others memcg_reclaimable memcg_killable deferred_split_lru swap_map stores swap_content overwritten
    cpu_event answered uffd_wait watermark_boost zone_flags nr_reserved_highatomic nr_reclaimable nr_movable
    compact_considered compact_defer_shift compact_order_failed kswapd_order pcp_count pcp_high pcp_factor
    pcp_free_count pcp_flags
    """.split()
)
"""Fields that neither go by pfn nor hold one."""


def test_every_field_that_speaks_of_pages_is_renamed() -> None:
    """Who adds a field says here, or in state_key.py, whether it speaks of pages."""
    fields = {field.name for field in machine().journal.fields if not field.stat}
    assert fields == PAGES | WITHOUT_PAGES | NUMBERED
    assert not [field.name for field in machine().journal.fields if field.name in NUMBERED and dict(field.items())]
