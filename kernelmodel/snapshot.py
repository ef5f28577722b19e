# SPDX-License-Identifier: GPL-2.0-only
"""What one stop looks like: frozen, bounded by the view, all that a front end may know.

``View`` is what a front end asks for; ``Snapshot`` is the answer.  Building one is the session's business
(``kernelmodel.look``); nothing here computes.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kernelmodel.snapshot_memory import MapView, PcpView, RequestView


class View(NamedTuple):
    """What should be visible.  Every number is a bound, so the cost of a snapshot is bounded by the view."""

    ptes: int = 64
    """PTEs shown around the fault address (or around ``pte_at``)."""
    pte_at: int = -1
    """Address (bytes) whose PTE is under the cursor; -1 follows the fault address."""
    events: int = 32
    """Decisions listed, ending at the present one (and a few after it, if known)."""
    timeline: int = 128
    """Steps of the timeline shown, a window around the present one."""
    frame: int = -1
    """Which call is selected: index into ``Snapshot.calls``; -1 is the innermost modelled function."""
    cpu: int = -1
    """CPU whose call stack and locals are in view; -1 is the one that stopped."""
    since: int = -1
    """What differs from the state at this known step, an earlier or a later one; -1 means the stop before."""
    watch: tuple[str, ...] = ()
    """Expressions whose values are wanted."""
    overview: int = 0
    """Into how many buckets the whole known run is divided for ``Snapshot.overview``; 0: none."""
    event_at: int = -1
    """Step in the middle of the list of decisions; -1: the list follows the present one."""
    allocator: tuple[str, ...] = ()
    """What is wanted of the allocator beside the free lists: ``test``, ``path``, ``pcp``, ``map``."""
    zone: int = -1
    """Which zone is first: place in ``Snapshot.zone_names``; -1: the one of the folio at hand, else the request's."""
    zones: int = 4
    """How many zones, at most."""
    order: int = -1
    """Order of the request that is asked about; -1: the one at hand."""
    cells: int = 0
    """Cells of the map of pageblocks."""
    cell_at: int = -1
    """Pfn under the map's cursor; -1 follows the folio at hand."""
    scale: int = -1
    """Pageblocks a cell, as a power of two; -1: as few as show the whole zone."""


class Event(NamedTuple):
    """One decision as it is shown: in the list, on the timeline, in a mail."""

    step: int
    cpu: int
    fault: int
    kind: str
    site: str
    function: str
    line: int
    """Counts from the ``def`` line (1) of ``function``."""
    outcome: str
    order: int
    i: int
    addr: int
    reason: str
    why: str
    natural: bool
    forced: bool
    more: tuple[tuple[str, object], ...]


class Local(NamedTuple):
    """A variable of a call: name, text as C would print it, whether the last step changed it, and what it was."""

    name: str
    text: str
    changed: bool
    was: str


class CallView(NamedTuple):
    """One line of the kernel call stack."""

    function: str
    line: int
    """Counts from the ``def`` line (1)."""
    mechanism: bool
    """Below the reviewed text: a function of ``mm/`` that is no system call's."""
    locals: tuple[Local, ...]
    source: tuple[str, ...]
    """The modelled function's text; ``source[line - 1]`` is the current line."""
    hits: tuple[int, ...]
    """How often a decision stopped at each line so far in this run; same length as ``source``."""


class OrderRow(NamedTuple):
    """One element of ``orders[]`` and what each loop said of it: '' not asked, 'ok', or the reason why not."""

    order: int
    bytes: int
    start: int
    """Aligned start address of the candidate range; -1 for the sentinel."""
    bounds: str
    range: str
    alloc: str
    charge: str
    why: str
    """The words of the last rejection, '' if none."""
    cursor: bool
    changed: bool


class WalkRow(NamedTuple):
    """One level of the page-table walk for the address under the cursor."""

    level: str
    entry: int
    value: int
    kind: str
    """``none``, ``table``, ``leaf``, ``migration``; of a PTE ``none``, ``page``, ``zero``, ``marker``, ``swap``."""
    changed: bool


class PteCell(NamedTuple):
    """One PTE (or the place of one, where no table is)."""

    entry: int
    addr: int
    value: int
    kind: str
    """``outside`` (of every VMA), ``none``, ``page``, ``zero``, ``marker``, ``swap``, ``migration``, ``leaf``."""
    order: int
    """Order of the folio mapped here, -1 if none."""
    head: bool
    """First page of its folio."""
    changed: bool


class Bracket(NamedTuple):
    """The candidate range of one order, over the PTE row."""

    order: int
    first: int
    """PTE index (may lie before the VMA)."""
    last: int
    verdict: str
    """'' not judged yet, 'ok', or the reason code."""
    why: str


class EntryView(NamedTuple):
    """The entry under the cursor, decoded."""

    addr: int
    entry: int
    value: int
    bits: tuple[str, ...]
    """Names of the set bits, highest first, as the architecture names them."""
    kind: str
    pfn: int
    folio: int
    """Head pfn of the folio, -1 if none."""
    order: int
    refcount: int
    mapcount: int
    flags: tuple[str, ...]


class VmaView(NamedTuple):
    """One VMA."""

    name: str
    start: int
    end: int
    flags: tuple[str, ...]
    uffd: tuple[str, ...]
    anon_vma: bool
    current: bool
    """Holds the fault address, or where a system call is at."""


class NextBlock(NamedTuple):
    """What the next request of an order would take from a zone."""

    pfn: int
    """-1: nothing."""
    block: int
    """Order of the block that it comes from."""
    how: str = "own"
    """As ``freelist.Found``: ``pcp``, ``own``, ``cma``, ``highatomic``, ``claim``, ``steal``; without a block the
    reason why."""
    type: str = ""
    """Of a block that is claimed or stolen: the type of the list that it stands on."""
    retyped: int = 0
    """How many pageblocks change their type with it."""
    moved: int = 0
    """Pages that go to the lists of the request's type."""


class TypeRow(NamedTuple):
    """The free lists of one migratetype in a zone."""

    name: str
    nr_free: tuple[int, ...]
    delta: tuple[int, ...]


class ZoneView(NamedTuple):
    """One zone's free lists."""

    name: str
    node: int
    nr_free: tuple[int, ...]
    """Free blocks per order 0 … MAX_ORDER, all migratetypes."""
    delta: tuple[int, ...]
    """How many more than at the stop that is compared with, per order."""
    free: int
    min: int
    low: int
    high: int
    next_block: tuple[NextBlock, ...]
    """Per order."""
    types: tuple[TypeRow, ...] = ()
    """The migratetypes that have blocks, or had some at the other stop."""
    boost: int = 0
    """watermark_boost; ``min``, ``low`` and ``high`` are without it."""
    unusable: tuple[int, ...] = ()
    """Per order the unusable free space index, in thousandths."""
    extfrag: tuple[int, ...] = ()
    """Per order the fragmentation index in thousandths: towards 0 memory is short, towards 1000 it is fragmented;
    -1000: a block is there."""


class Change(NamedTuple):
    """One cell that differs from the stop that is compared with; a last row without values says what was left out."""

    what: str
    old: str
    """There."""
    new: str
    """Here."""
    step: int


class LockView(NamedTuple):
    """A lock that is held, and who waits."""

    name: str
    owner: int
    """CPU that holds it alone, -1 if it is read."""
    waiters: tuple[int, ...]
    readers: tuple[int, ...] = ()
    """CPUs that read under it."""


class CpuView(NamedTuple):
    """One CPU."""

    cpu: int
    event: str
    state: str
    """``ready`` to begin its next event, ``stopped`` in one, ``waits for …``, ``done``."""
    function: str
    line: int
    at: int = -1
    """Step of the decision at which it is suspended, -1 if it is in no event."""
    found: str = ""
    """That decision: ``recheck:same``."""
    enabled: bool = False
    """Whether it can run from here."""
    next: bool = False
    """Whether it is the one that runs from here, unless another is taken."""


class WatchView(NamedTuple):
    """One watched expression."""

    text: str
    """As it was asked for."""
    value: str
    """As C would print it; without a value the reason why."""
    changed: bool
    """Another value than at the stop that is compared with (``View.since``)."""
    was: str
    """What it was there, '' if it has not changed."""
    ok: bool
    """Has it a value?"""
    beside: str = ""
    """What else goes by that name: ``the decision's addr: 0x7f0000005000`` beside a variable that differs."""


class TimelineMark(NamedTuple):
    """One step on the timeline."""

    step: int
    cpu: int
    kind: str
    bad: bool
    """A rejection: outside, populated, NULL, -ENOMEM, changed …"""
    forced: bool
    ended: bool = False
    """Its CPU has ended an event here: it is in none until its next stop."""


class Snapshot(NamedTuple):
    """One stop, frozen."""

    title: str
    name: str
    variant: str
    arch: str
    page_size: int
    pmd_order: int
    step: int
    last: int
    """Highest step that is known in this run (``step`` < ``last``: the past)."""
    stop: str
    """``decision``, ``bug``, ``blocked``, ``end``."""
    stop_text: str
    """In words, for the header."""
    cpu: int
    event: Event | None
    """The decision at this stop; None at the end."""
    outcomes: tuple[str, ...]
    """Answers that the environment could give here; empty if nothing is asked."""
    forcible: tuple[str, ...]
    access: str
    """The access in progress, as the scenario writes it: ``write heap+0x3000``."""
    address: int
    """Fault address (bytes), -1 if none."""
    calls: tuple[CallView, ...]
    """Outermost first."""
    frame: int
    """Index of the selected call."""
    orders: tuple[OrderRow, ...]
    gfp: int
    """gfp mask of the allocation in view, -1 before it is computed."""
    gfp_names: tuple[str, ...]
    walk: tuple[WalkRow, ...]
    ptes: tuple[PteCell, ...]
    fault_index: int
    """PTE index of the fault address; -1 if none."""
    brackets: tuple[Bracket, ...]
    entry: EntryView | None
    vmas: tuple[VmaView, ...]
    zones: tuple[ZoneView, ...]
    """The first ``View.zones`` of them from ``View.zone`` on."""
    changes: tuple[Change, ...]
    events: tuple[Event, ...]
    timeline: tuple[TimelineMark, ...]
    fallbacks: tuple[int, ...]
    """Steps of all known fallbacks (the 200 nearest)."""
    cpus: tuple[CpuView, ...]
    locks: tuple[LockView, ...]
    counters: tuple[tuple[str, int], ...]
    """Statistics that are not zero."""
    memcg: tuple[int, int]
    """Charged pages, limit in pages (-1: none)."""
    view_cpu: int = 0
    """CPU whose calls are in view; ``cpu`` is the one that stopped."""
    since: int = -1
    """The step that is compared with; -1 at the first stop: the machine before the run."""
    watches: tuple[WatchView, ...] = ()
    """One for each of ``View.watch``."""
    overview: tuple[int, ...] = ()
    """Fallbacks in each bucket of the whole known run."""
    bucket: int = 0
    """Steps in a bucket of ``overview``; the last one may hold fewer."""
    edited: tuple[str, ...] = ()
    """``key = value`` for each key of the scenario that was changed after loading."""
    orders_form: str = "array"
    """How the variant holds the orders: ``array``, ``mask`` or ``estimate``."""
    process: str = ""
    """Name of the process in view, '' where the scenario has one only."""
    mutants: tuple[tuple[str, str], ...] = ()
    """(name, words) of each mutant that the model is."""
    zone_names: tuple[tuple[int, str], ...] = ()
    """(node, name) of every zone: first those in which the request at hand looks, in its order."""
    zone_at: int = 0
    """Place of the first one that is shown."""
    request: "RequestView | None" = None
    pcp: "PcpView | None" = None
    """None: the CPUs of this machine have no page lists of their own."""
    blocks: "MapView | None" = None
