# SPDX-License-Identifier: GPL-2.0-only
"""NUMA: which node an allocation comes from, per order and release (variants.md 2.7)."""

from __future__ import annotations

import pytest

from kernelmodel.decision import Question
from kernelmodel.defs import __GFP_DIRECT_RECLAIM, GFP_TRANSHUGE_LIGHT
from kernelmodel.machine import Machine
from kernelmodel.mm import mempolicy
from kernelmodel.structs import Folio, Vma
from tests.build import session

LIGHT, FULL = GFP_TRANSHUGE_LIGHT, GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM
LOCAL_SMALL = '[[memory.node]]\nfree = { 2 = 200 }\ncpus = [0]\n[[memory.node]]\nsize = "64M"\n'


def allocated(m: Machine, form: str, gfp: int, order: int) -> tuple[str, str, int]:
    """(outcome, reason, node or -1) of one request on CPU 0."""
    call = getattr(mempolicy, form)
    more = () if form.endswith("6_13") else (True,)
    path = call(gfp, order, Vma(m, 0), 0x7F0000000000, *more)
    question = next(path)
    assert isinstance(question, Question)
    outcome, reason, _ = question.peek()
    try:
        path.send(outcome)
    except StopIteration as end:
        folio: Folio | None = end.value
        return outcome, reason, m.zones[m.zone_of(folio.id)].node if folio is not None else -1
    raise AssertionError("one question")


@pytest.mark.parametrize(
    ("form", "gfp", "order", "expected"),
    [
        ("vma_alloc_folio", LIGHT, 4, ("NULL", "no-block", -1)),  # 6.5: this node or nothing
        ("vma_alloc_folio", FULL, 4, ("folio", "remote-node", 1)),  # … unless the request may reclaim
        ("vma_alloc_folio", LIGHT, 9, ("NULL", "no-block", -1)),
        ("vma_alloc_folio_6_8", LIGHT, 4, ("folio", "remote-node", 1)),
        ("vma_alloc_folio_6_8", LIGHT, 9, ("NULL", "no-block", -1)),
        ("vma_alloc_folio_6_8", FULL, 9, ("folio", "remote-node", 1)),
        ("vma_alloc_folio_6_13", LIGHT, 4, ("folio", "remote-node", 1)),
        ("vma_alloc_folio_6_13", LIGHT, 9, ("NULL", "no-block", -1)),
    ],
)
def test_local_node_or_nothing(form: str, gfp: int, order: int, expected: tuple[str, str, int]) -> None:
    assert allocated(session(LOCAL_SMALL).m, form, gfp, order) == expected


def test_a_node_has_its_cpus() -> None:
    """CPU 1 is on node 1 and finds its memory there; a CPU that no node names is on node 0."""
    m = session('[[memory.node]]\nsize = "32M"\n[[memory.node]]\nsize = "32M"\ncpus = [1]\n',
                events="[[event]]\ncpu = 1\nwrite = 'heap'\n[[event]]\ncpu = 2\nwrite = 'heap'\n").m  # fmt: skip
    m.this_cpu = 1
    assert allocated(m, "vma_alloc_folio_6_8", LIGHT, 4) == ("folio", "", 1)
    m.this_cpu = 2
    assert allocated(m, "vma_alloc_folio_6_8", LIGHT, 4) == ("folio", "", 0)


def test_zones_follow_one_another() -> None:
    """Each node has one zone, aligned to the largest block, with watermarks of its own share."""
    m = session('[[memory.node]]\nsize = "32M"\n[[memory.node]]\nsize = "96M"\n').m
    assert [(zone.node, zone.end - zone.start) for zone in m.zones] == [(0, 8192), (1, 24576)]
    assert m.zones[1].start == m.zones[0].end
    marks = [m.watermark.get(4 * zone) for zone in (0, 1)]
    assert marks == [90, 271]  # 1 : 3 of one min_free_kbytes


def test_the_record_names_the_node_only_where_there_are_several() -> None:
    """``alloc`` carries its node, and says that the memory is another node's."""
    from kernelmodel.trace import follow

    rows = [row for row in follow(session(LOCAL_SMALL + '[thp]\nenabled = "never"\n')) if row.get("kind") == "alloc"]
    assert rows[-1]["node"] == 0
    one = [row for row in follow(session('[thp]\nenabled = "never"\n')) if row.get("kind") == "alloc"]
    assert "node" not in one[-1]
