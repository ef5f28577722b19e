# SPDX-License-Identifier: GPL-2.0-only
"""The memcg: stock and batch, rounds of reclaim, what a mask and an order allow, the OOM killer's limit."""

from __future__ import annotations

import pytest

from kernelmodel.defs import (
    __GFP_HIGH,
    __GFP_NORETRY,
    __GFP_RETRY_MAYFAIL,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    GFP_TRANSHUGE,
    GFP_TRANSHUGE_LIGHT,
)
from kernelmodel.invariants import violations
from kernelmodel.machine import Machine
from kernelmodel.mm.memcontrol import charge_memcg, over_limit, peek_charge, try_charge
from kernelmodel.mm.page_alloc import folio_put, take
from kernelmodel.structs import Folio, MemCgroup
from tests.build import cells, decisions, finish, session

LIGHT, HUGE = GFP_TRANSHUGE_LIGHT, GFP_TRANSHUGE


def memcg(limit: int, charged: int = 0, reclaimable: int = 0, killable: int = 0) -> Machine:
    """A machine whose program is in a cgroup; pages."""
    pages = {"limit": limit, "charged": charged, "reclaimable": reclaimable, "killable": killable}
    text = "".join(f"memcg_{key} = {value << 12}\n" for key, value in pages.items())
    return session(f"[memory]\nsize = '64M'\nmin = 0\n{text}").m


def charge(m: Machine, order: int, gfp: int = GFP_KERNEL, ok: bool | None = None) -> tuple[int, Folio]:
    """Charge a new folio, as nature answers or as told."""
    folio = take(m, GFP_HIGHUSER_MOVABLE, order)
    assert folio is not None
    before = cells(m)
    natural = peek_charge(m, 1 << order, gfp)[0] == "0"
    assert cells(m) == before
    found = charge_memcg(folio, gfp, natural if ok is None else ok)
    assert not [name for name, _ in violations(m, False) if "charge" in name]
    return found, folio


def state(m: Machine) -> tuple[int, list[int]]:
    return m.memcg_usage.get(0), [m.memcg_stock.get(cpu) for cpu in range(2)]


def test_a_page_is_charged_as_a_batch_of_64_and_the_next_come_from_the_stock() -> None:
    m = memcg(1000)
    folios = [charge(m, 0)[1] for _ in range(64)]
    assert state(m) == (64, [0, 0])
    folios.append(charge(m, 0)[1])
    assert state(m) == (128, [63, 0])
    folio_put(folios.pop())
    assert state(m) == (127, [63, 0]), "what is given back goes to the counter"


def test_a_stock_of_more_than_64_is_drained() -> None:
    m = memcg(1000)
    charge(m, 0)
    assert charge(m, 6)[0] == 0
    assert state(m) == (128, [63, 0])
    m.memcg_usage.add(0, -63)
    m.memcg_stock.set(0, 2)
    m.memcg_usage.add(0, 2)
    charge(m, 2)  # 62 are left over, 64 with the two
    assert state(m)[1] == [62, 0]


def test_near_the_limit_just_what_is_needed() -> None:
    m = memcg(16)
    assert charge(m, 3)[0] == 0
    assert state(m) == (8, [0, 0])


def test_stocks_of_all_cpus_are_drained_once_and_not_for_who_may_not_block() -> None:
    m = memcg(64)
    charge(m, 0)
    m.memcg_stock.set(0, 0)
    m.memcg_stock.set(1, 63)
    assert over_limit(m, 8) == -55
    assert charge(m, 3, LIGHT)[0] != 0
    assert state(m) == (64, [0, 63])
    m.nr_cpus = 2
    assert charge(m, 3, HUGE)[0] == 0
    assert state(m) == (9, [0, 0])


def test_without_direct_reclaim_there_is_no_event() -> None:
    m = memcg(8)
    assert charge(m, 4, LIGHT)[0] < 0
    assert dict(m.memcg_event.items()) == {}


@pytest.mark.parametrize(
    ("gfp", "order", "rounds", "ooms"),
    [
        (LIGHT, 4, 0, 0), (LIGHT, 2, 0, 0),
        (HUGE | __GFP_NORETRY, 4, 2, 0), (HUGE | __GFP_NORETRY, 2, 2, 0),
        (HUGE, 4, 18, 0), (HUGE, 2, 18, 1), (GFP_KERNEL, 4, 18, 0), (GFP_KERNEL, 0, 18, 1),
        (HUGE | __GFP_RETRY_MAYFAIL, 2, 18, 0),
    ],
)  # fmt: skip
def test_what_a_mask_may_do_where_nothing_can_be_reclaimed(gfp: int, order: int, rounds: int, ooms: int) -> None:
    """Facts §5; one round, one more after the stocks are drained, 16 retries."""
    m = memcg(20, 20)
    assert peek_charge(m, 1 << order, gfp) == ("-ENOMEM", "memcg-limit", 1 << order)
    assert charge(m, order, gfp)[0] < 0
    assert [MemCgroup(m, 0).events_max, MemCgroup(m, 0).events_oom] == [rounds, ooms]
    assert m.memcg_usage.get(0) == 20


def test_reclaim_makes_room() -> None:
    m = memcg(100, 100, reclaimable=50)
    assert peek_charge(m, 16, HUGE) == ("0", "memcg-reclaim", 32)
    charge(m, 4, HUGE)
    assert (state(m), m.memcg_others.get(0), m.memcg_reclaimable.get(0)) == ((84, [0, 0]), 68, 18)
    assert m.memcg_event.get(0) == 1


def test_the_oom_killer_is_for_orders_up_to_3() -> None:
    for order, answer in ((4, "-ENOMEM"), (3, "0")):
        m = memcg(100, 100, killable=60)
        assert peek_charge(m, 1 << order, HUGE)[0] == answer
        charge(m, order, HUGE)
        assert m.memcg_others.get(0) == (40 if answer == "0" else 100)
        assert m.memcg_event.get(2) == int(answer == "0")


def test_who_is_killed_after_all_was_reclaimed_has_less() -> None:
    m = memcg(100, 100, reclaimable=100, killable=100)
    for _ in range(4):
        charge(m, 5, HUGE)
    assert try_charge(m, 1, GFP_KERNEL).killed == 0
    assert m.memcg_others.get(0) == 0 or m.memcg_others.get(0) < 32


def test_a_charge_that_must_not_fail_goes_over_the_limit() -> None:
    m = memcg(4, 4)
    assert charge(m, 3, GFP_KERNEL | __GFP_HIGH)[0] == 0
    assert m.memcg_usage.get(0) == 12
    assert try_charge(m, 8, __GFP_HIGH).events[0] == 1  # told even of one that could not reclaim


def test_the_environments_refusal_leaves_nothing() -> None:
    m = memcg(100, 100, reclaimable=50)
    _, folio = charge(m, 0, HUGE)
    before = cells(m)
    again = take(m, GFP_HIGHUSER_MOVABLE, 0)
    assert again is not None
    assert charge_memcg(again, HUGE, False) < 0
    folio_put(again)
    assert {name: cells(m)[name] for name in cells(m) if name.startswith("memcg")} == {
        name: before[name] for name in before if name.startswith("memcg")
    }
    assert folio.memcg_data


def test_without_a_limit_only_the_usage_counts() -> None:
    m = session("[memory]\nsize = '64M'").m
    charge(m, 0)
    assert state(m) == (1, [0, 0])


CLOSE = "[memory]\nsize = '64M'\nmemcg_limit = '1M'\nmemcg_charged = '1M'\nmemcg_reclaimable = '256K'\n"


def test_a_fault_that_reclaims_in_its_cgroup() -> None:
    thp = "[thp]\nenabled = 'always'\ndefrag = 'always'\nhugepages-64kB = 'always'\nhugepages-2048kB = 'never'\n"
    s = finish(session(CLOSE + thp, head='variant = "6.18"'))
    charges = [s.event(step) for step in range(s.last + 1) if s.event(step).kind == "charge"]
    assert [(each.order, each.outcome, each.reason) for each in charges] == [(4, "0", "memcg-reclaim")]
    assert "return:0" in decisions(s)
