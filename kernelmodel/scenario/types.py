# SPDX-License-Identifier: GPL-2.0-only
"""A scenario as a value: frozen, validated, in numbers.  ``scenario.load`` makes it, ``boot`` builds from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kernelmodel.proc.parse import ZoneText


class Place(NamedTuple):
    """Where in the file a value stands (1-based), for messages that come after loading."""

    line: int
    col: int


class Thp(NamedTuple):
    """/sys/kernel/mm/transparent_hugepage and the prctl."""

    enabled: str = "always"
    defrag: str = "madvise"
    use_zero_page: bool = True
    prctl_thp_disable: bool = False
    per_size: tuple[tuple[str, str], ...] = ()
    """``("hugepages-64kB", "inherit")`` …: taken with a note where the variant has no such knob."""
    anon_orders: int | None = None
    """v6: bits of the orders to try; None: the PMD's only."""
    anon_always_mask: int | None = None
    """v6: bits of the orders that need no hint; None: none."""


class Boot(NamedTuple):
    """Boot values."""

    arch_wants_pte_order: int | None = None
    """None: the arch's own."""
    flexthp_unhinted_max: int | None = None
    """Bytes; None: the patch's default."""
    thp_anon: tuple[tuple[int, str], ...] = ()
    """(order, policy) as given on the command line, the last word for an order last."""
    init_on_alloc: bool = False
    has_transparent_hugepage: bool = True
    """False: the hardware has no huge pages."""


class Fragment(NamedTuple):
    """``fragment``: memory that has been in use for long; what the shares are of is told by the keys (keys.py)."""

    seed: int = 1
    free: float = 0.2
    unmovable: float = 0.05
    reclaimable: float = 0.02
    polluted: float = 0.1
    file: float = 0.5
    order: int | None = None
    """Free blocks of this order and above are rare; None: as it comes."""


class ZoneSpec(NamedTuple):
    """One zone."""

    name: str = "Normal"
    """DMA, DMA32, Normal or Movable."""
    size: int | None = None
    """Bytes; None with ``free`` or ``lists`` means: as large as the blocks need."""
    free: tuple[tuple[int, int], ...] | None = None
    """(order, number of blocks), ascending: movable ones, and nothing else is free."""
    min: int | None = None
    """WMARK_MIN in pages; None: computed (0 with given blocks)."""
    lists: tuple[tuple[int, int, int], ...] | None = None
    """(migratetype, order, number of blocks), ascending: nothing else is free."""
    used: str = ""
    """What the pages between given blocks are used for; "": unknown."""
    fragment: Fragment | None = None
    cma: int = 0
    highatomic: int = 0
    """Bytes of a fresh zone that are CMA, or reserved for HIGHATOMIC."""
    text: ZoneText | None = None
    """What the files of /proc say of it."""

    @property
    def given(self) -> bool:
        """Are its free blocks given one by one?  Then no formula of the kernel sets its watermarks."""
        return self.free is not None or self.lists is not None

    @property
    def real(self) -> bool:
        """Does it look like a zone of a machine that has been running?"""
        return self.fragment is not None or self.text is not None


class NodeSpec(NamedTuple):
    """A NUMA node."""

    cpus: tuple[int, ...] = ()
    zones: tuple[ZoneSpec, ...] = ()
    """From low to high."""


class Memory(NamedTuple):
    """Zones and nodes, and the knobs of /proc/sys/vm."""

    size: int | None = None
    """Bytes; None with ``free`` means: as large as the blocks need."""
    memcg_limit: int | None = None
    """Bytes."""
    free: tuple[tuple[int, int], ...] | None = None
    """(order, number of blocks), ascending; None: a fresh zone of ``size``."""
    min: int | None = None
    """WMARK_MIN in pages; None: computed (0 with ``free``)."""
    nodes: tuple[NodeSpec, ...] = ()
    """NUMA nodes; () is one node with one zone, described by ``size``, ``free`` and ``min``."""
    pcp: bool = False
    """Do the CPUs have page lists of their own?"""
    real: bool = False
    """Does the machine look like one that is running: aged memory, several zones?"""
    swap: bool = True
    """Is there swap space for the background's pages?"""
    sysctl: tuple[tuple[str, int | tuple[int, ...]], ...] = ()
    """Files of /proc/sys/vm that were given, and the sizes of the background's cgroup (in bytes)."""


class VmaSpec(NamedTuple):
    """One ``[[vma]]``."""

    name: str
    start: int
    size: int
    flags: tuple[str, ...] = ()
    """VM_ names as written; VM_READ is implied."""
    uffd: tuple[str, ...] = ()
    """``missing``, ``wp``."""


class Populate(NamedTuple):
    """One ``[[populate]]``."""

    at: int
    pages: int
    with_: str
    """``page``, ``zero-page``, ``uffd-wp-marker``, ``swap``, ``huge-pmd``."""
    order: int | None
    place: Place


class Answer(NamedTuple):
    """``site = outcome`` of an event: what the environment answers instead of nature."""

    site: str
    """Spelled as the decision shows it: ``vma_alloc_folio(order=4)``."""
    outcome: str
    place: Place


class Action(NamedTuple):
    """One ``[[event]]``: an access, or another verb."""

    cpu: int
    verb: str
    """``read``, ``write``, ``madvise`` …"""
    address: int
    """Where; -1 for a verb without an address."""
    text: str
    """What the verb is about, as written: ``heap+0x3000``."""
    answers: tuple[Answer, ...] = ()
    process: str = "main"
    """Who does it; for ``exit`` the process that ends."""
    size: int = 0
    """Bytes, of a verb that has a range."""
    args: tuple[tuple[str, Any], ...] = ()
    """Further values by their keys: ``advice``, ``flags`` (a tuple), ``to`` (an address) …"""

    @property
    def is_access(self) -> bool:
        """Does it read or write (and end with an ``access`` record)?"""
        return self.verb in ("read", "write")

    @property
    def write(self) -> bool:
        """Is it a write, or does it fault pages in for writing?"""
        return self.verb == "write" or self.arg("advice") == "MADV_POPULATE_WRITE"

    def arg(self, name: str, default: Any = None) -> Any:
        """A further value."""
        return dict(self.args).get(name, default)


class BreakSpec(NamedTuple):
    """One ``[[break]]``."""

    on: str
    condition: str | None
    place: Place


class Expect(NamedTuple):
    """``[expect]``; None: not asked for."""

    results: tuple[str, ...] | None = None
    orders: tuple[int, ...] | None = None
    decisions: str | None = None
    mthp_stat: tuple[tuple[str, int], ...] | None = None
    vmstat: tuple[tuple[str, int], ...] | None = None
    bug: str | None = None
    blocked: bool = False
    reachable: tuple[str, ...] | None = None
    unreachable: tuple[str, ...] | None = None
    invariants: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """The whole file."""

    title: str
    name: str
    """Path or packaged name, as tokens spell it."""
    hash: str
    """Eight hex digits of the text without comments."""
    variant: str
    arch: str
    thp: Thp = field(default_factory=Thp)
    boot: Boot = field(default_factory=Boot)
    memory: Memory = field(default_factory=lambda: Memory(size=64 << 20))
    vmas: tuple[VmaSpec, ...] = ()
    populate: tuple[Populate, ...] = ()
    events: tuple[Action, ...] = ()
    processes: tuple[str, ...] = ("main",)
    """Every process that the file names, in the order of their forks."""
    breaks: tuple[BreakSpec, ...] = ()
    config: tuple[tuple[str, bool], ...] = ()
    schedule: tuple[tuple[int, int], ...] = ()
    """(cpu, stops); stops -1: from there on natural."""
    expect: Expect | None = None
    expect_variant: tuple[tuple[str, Expect], ...] = ()
    expect_mutant: tuple[tuple[str, Expect], ...] = ()
    mutants: tuple[str, ...] = ()
    """What its run lacks or has wrong, by names of ``mutants.MUTANTS``."""
    explore_failures: bool = True
    """Does an exploration try every answer of the environment, not only nature's?"""
    warnings: tuple[str, ...] = ()
    """Notes for stderr: ``file:line:col: note: …``."""
    folder: str | None = field(default=None, compare=False)
    """Where the file is: files that it names are looked for there; None: it is in no folder."""
    raw: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    edited: tuple[str, ...] = ()
    """``key = value`` for each key that was changed after loading: no token can name such a scenario."""
