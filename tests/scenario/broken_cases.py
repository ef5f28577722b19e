# SPDX-License-Identifier: GPL-2.0-only
"""Broken scenarios: in each text a ¦ stands before every place where a problem must be told."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A text with marks."""

    name: str
    marked: str

    @property
    def text(self) -> str:
        """The text itself."""
        return self.marked.replace("¦", "")

    @property
    def places(self) -> list[tuple[int, int]]:
        """Line and column of each mark."""
        found, before = [], ""
        for part in self.marked.split("¦")[:-1]:
            before += part
            found.append((before.count("\n") + 1, len(before) - before.rfind("\n")))
        return found


V = 'variant = "v3"\n'
E = "[[event]]\nwrite = 0x1000\n"
HEAP = '[[vma]]\nname = "heap"\nstart = 0x7f0000000000\nsize = "2M"\n'


def case(name: str, text: str) -> Case:
    """One case."""
    return Case(name, text)


def vma(name: str, start: str, size: str = "4096", more: str = "") -> str:
    """One VMA, its fields as TOML."""
    return f"[[vma]]\nname = {name}\nstart = {start}\nsize = {size}\n{more}"


def answer(text: str) -> str:
    """A scenario with one answer, a mark before it unless it has its own."""
    mark = "" if "¦" in text else "¦"
    return V + E + f"answers = [{mark}{text}]\n"


def expect(text: str) -> str:
    """A scenario with lines in [expect]."""
    return V + E + "[expect]\n" + text + "\n"


def populate(text: str, arch: str = "x86-64") -> str:
    """A scenario with a heap of 2M and one [[populate]]."""
    return V + f'arch = "{arch}"\n' + HEAP + "[[populate]]\n" + text + "\n" + E


CASES = [
    # -- not TOML
    case("empty", "¦"),
    case("comment only", "¦# nothing here\n"),
    case("no value", V + "arch = ¦\n" + E),
    case("bare word", V + "arch = ¦arm64\n" + E),
    case("open string", V + 'title = "the end¦\n' + E),
    case("open list", V + E + "answers = [¦"),
    case("two on a line", V + "title = 'a' ¦schedule = '0'\n" + E),
    case("key twice", V + "¦variant = 'v3'\n" + E),
    case("table twice", V + "[thp]\n¦[thp]\n" + E),
    case("table over list", V + E + "¦[event]\n"),
    case("control character", V + 'title = "a¦\x1b[31m"\n' + E),
    case("control character in a comment", V + "# ¦\x07\n" + E),
    case("bare carriage return", V + "¦\rtitle = 1\n" + E),
    case("bad date", V + "title = 2024¦-13-45\n" + E),
    # -- limits
    case("deep list", "x = " + "[" * 32 + "¦[" + "]" * 33),
    case("deep inline table", "x = " + "{a=" * 32 + "¦{a=" + "1" + "}" * 33),
    case("unclosed depth", "x = " + "[" * 32 + "¦" + "[" * 50000),
    case("long key", "¦" + ".".join("a" * 33) + " = 1\n"),
    case("long header", "[¦" + ".".join("a" * 33) + "]\n"),
    case("long quoted key", "¦" + ".".join(['"a"'] * 33) + " = 1\n"),
    case("wide integer", V + "[[event]]\nwrite = ¦0x1_0000_0000_0000_0000\n"),
    case("wide negative", V + "[[event]]\nwrite = ¦-9223372036854775809\n"),
    case("a million digits", V + "[[event]]\nwrite = ¦" + "9" * 1000 + "\n"),
    # -- keys
    case("nothing that is required", "¦¦title = 'x'\n"),
    case("unknown top key", V + "¦tilte = 'x'\n" + E),
    case("unknown key of an event", V + "[[event]]\n¦wirte = 1\n"),
    case("key in the wrong table", V + "¦enabled = 'always'\n" + E),
    case("unknown table", V + E + "[¦expcet]\nresults = ['0']\n"),
    case("unknown inside inline", V + "thp = { enabled = 'always', ¦defarg = 'never' }\n" + E),
    case("markup in a key", V + '¦"[bold]x[/bold]" = 1\n' + E),
    case("escape in a key", V + '¦"\\u001b[2J" = 1\n' + E),
    case("missing keys of a vma", V + "¦¦[[vma]]\nname = 'a'\n" + E),
    case("missing on", V + "¦[[break]]\nif = 'cpu == 0'\n" + E),
    # -- types
    case("variant is a number", "variant = ¦3\n" + E),
    case("unknown variant", "variant = ¦'v33'\n" + E),
    case("variant misspelt", "variant = ¦'6.6'\n" + E),
    case("unknown arch", V + "arch = ¦'arm64'\n" + E),
    case("bool is no cpu", V + E + "cpu = ¦true\n"),
    case("float is no cpu", V + E + "cpu = ¦1.0\n"),
    case("text is no cpu", V + E + "cpu = ¦'1'\n"),
    case("cpu too high", V + E + "cpu = ¦64\n"),
    case("negative cpu", V + E + "cpu = ¦-1\n"),
    case("int is no bool", V + "[thp]\nuse_zero_page = ¦1\n" + E),
    case("date is no title", V + "title = ¦2024-01-01\n" + E),
    case("thp is no text", V + "thp = ¦'always'\n" + E),
    case("vma is one table", V + "¦[vma]\nname = 'a'\n" + E),
    case("event is a list of numbers", V + "event = [¦1, ¦2]\n"),
    case("event is empty", V + "event = ¦[]\n"),
    case("enabled misspelt", V + "[thp]\nenabled = ¦'allways'\n" + E),
    case("bool is no knob", V + "[thp]\nhugepages-64kB = ¦true\n" + E),
    case("config is a word", V + "[config]\nCONFIG_MEMCG = ¦'y'\n" + E),
    case("unknown config", V + "[config]\n¦CONFIG_NUMMA = true\n" + E),
    # -- VMAs
    case("everything about a nameless VMA", V + "¦[[vma]]\nstart = ¦0x1001\nsize = ¦4095\n" + E),
    case("misaligned start", V + vma("'a'", "¦0x1800") + E),
    case("misaligned size", V + vma("'a'", "0x1000", "¦'5000'") + E),
    case("misaligned for 64K pages", V + "arch = 'arm64-64k'\n" + vma("'a'", "¦0x1000", "'64K'") + E),
    case("negative start", V + vma("'a'", "¦-4096") + E),
    case("empty vma", V + vma("'a'", "0x1000", "¦0") + E),
    case("size is no size", V + vma("'a'", "0x1000", "¦'64kB'") + E),
    case("huge size", V + vma("'a'", "0x1000", "¦'9999999999T'") + E),
    case("beyond user space", V + vma("'a'", "0x7ffffffff000", "¦8192") + E),
    case("start beyond user space", V + vma("'a'", "¦0xffff888000000000") + E),
    case("overlap", V + vma("'a'", "0x1000", "8192") + vma("'b'", "¦0x2000") + E),
    case("overlap before", V + vma("'a'", "0x2000", "8192") + vma("'b'", "¦0x1000", "8192") + E),
    case("same name", V + vma("'a'", "0x1000") + vma("¦'a'", "0x2000") + E),
    case("markup in a name", V + vma("¦'[bold]heap[/]'", "0x1000") + E),
    case("control character in a name", V + vma('¦"he\\u0007ap"', "0x1000") + E),
    case("direction mark in a name", V + vma('¦"he\u202eap"', "0x1000") + E),
    case("long name", V + vma("¦'" + "a" * 65 + "'", "0x1000") + E),
    case("unknown flag", V + vma("'a'", "0x1000", more="flags = ['VM_WRITE', ¦'VM_WRIT']\n") + E),
    case("flag twice", V + vma("'a'", "0x1000", more="flags = ['VM_WRITE', ¦'VM_WRITE']\n") + E),
    case("both hints", V + vma("'a'", "0x1000", more="flags = ¦['VM_HUGEPAGE', 'VM_NOHUGEPAGE']\n") + E),
    case("flags are one text", V + vma("'a'", "0x1000", more="flags = ¦'VM_WRITE'\n") + E),
    case("minor", V + vma("'a'", "0x1000", more="uffd = ['wp', ¦'minor']\n") + E),
    # -- addresses
    case("no such vma", V + HEAP + "[[event]]\nwrite = ¦'haep+0x1000'\n"),
    case("no vma at all", V + "[[event]]\nwrite = ¦'heap'\n"),
    case("outside its vma", V + HEAP + "[[event]]\nwrite = ¦'heap+2M'\n"),
    case("kernel address", V + "[[event]]\nwrite = ¦0x800000000000\n"),
    case("kernel address on arm64", V + "arch = 'arm64-4k'\n[[event]]\nread = ¦0x1000000000000\n"),
    case("negative address", V + "[[event]]\nread = ¦-1\n"),
    case("bool address", V + "[[event]]\nread = ¦true\n"),
    case("number in quotes", V + "[[event]]\nread = ¦'0x1000'\n"),
    case("minus offset", V + HEAP + "[[event]]\nread = ¦'heap - 0x1000'\n"),
    case("no offset", V + HEAP + "[[event]]\nread = ¦'heap+'\n"),
    # -- memory
    case("no memory", V + "[memory]\nsize = ¦0\n" + E),
    case("too much memory", V + "[memory]\nsize = ¦'17T'\n" + E),
    case("part of a page", V + "[memory]\nsize = ¦4097\n" + E),
    case("free order too high", V + "[memory]\nfree = { 0 = 1, ¦11 = 1 }\n" + E),
    case("free order is a word", V + "[memory]\nfree = { ¦low = 1 }\n" + E),
    case("negative blocks", V + "[memory]\nfree = { 0 = ¦-1 }\n" + E),
    case("too many blocks", V + "[memory]\nfree = ¦{ 10 = 4194305 }\n" + E),
    case("blocks do not fit", V + "[memory]\nsize = '64K'\nfree = ¦{ 4 = 1 }\n" + E),
    case("free of a type that is none", V + "[memory]\nfree = { ¦Moveable = { 0 = 1 } }\n" + E),
    case("free is Isolate", V + "[memory]\nfree = { ¦Isolate = { 0 = 1 } }\n" + E),
    case("orders beside types", V + "[memory]\nfree = ¦{ 0 = 1, Movable = { 0 = 1 } }\n" + E),
    case("a number of blocks of a type", V + "[memory]\nfree = { Movable = ¦3 }\n" + E),
    case("order of a type too high", V + "[memory]\nfree = { CMA = { ¦11 = 1 } }\n" + E),
    case(
        "typed blocks do not fit", V + "[memory]\nsize = '7M'\nfree = ¦{ CMA = { 1 = 1 }, Movable = { 0 = 1 } }\n" + E
    ),
    case("used without free", V + "[memory]\n¦used = 'file'\n" + E),
    case("unknown use", V + "[memory]\nfree = { 0 = 1 }\nused = ¦'files'\n" + E),
    case("fragment beside free", V + "[memory]\nfree = { 0 = 1 }\n¦fragment = {}\n" + E),
    case("cma beside fragment", V + "[memory]\nfragment = {}\n¦cma = '4M'\n" + E),
    case("too much cma", V + "[memory]\nsize = '6M'\ncma = ¦'5M'\n" + E),
    case("percentages", V + "[memory]\nfragment = { free = ¦20, unmovable = ¦true, file = ¦-0.1, ¦used = 1 }\n" + E),
    case("more pageblocks than all", V + "[memory]\nfragment = ¦{ unmovable = 0.7, reclaimable = 0.7 }\n" + E),
    case("zone beside size", V + E + "[memory]\n¦size = '64M'\n[[memory.zone]]\nname = 'Normal'\n"),
    case(
        "zones of a node beside its size",
        V + E + "[[memory.node]]\n¦size = '64M'\n[[memory.node.zone]]\nname = 'Normal'\n",
    ),
    case("zone without a name", V + E + "¦[[memory.zone]]\nsize = '64M'\n"),
    case("no such zone", V + E + "[[memory.zone]]\nname = ¦'HighMem'\n"),
    case("two zones of a name", V + E + "[[memory.zone]]\nname = 'DMA'\n[[memory.zone]]\nname = ¦'DMA'\n"),
    case("DMA too large", V + E + "[[memory.zone]]\nname = 'DMA'\nsize = ¦'16M'\n"),
    case("DMA32 too large", V + "arch = 'arm64-64k'\n" + E + "[[memory.zone]]\nname = 'DMA32'\nsize = ¦'2G'\n"),
    case("DMA of node 1", V + E + "[[memory.node]]\n[[memory.node]]\n[[memory.node.zone]]\nname = ¦'DMA'\n"),
    case("all too much", V + E + "¦[[memory.node]]\nsize = '9T'\n[[memory.node]]\nsize = '9T'\n"),
    case(
        "knobs out of range",
        V + E + "[memory]\nwatermark_scale_factor = ¦0\nextfrag_threshold = ¦1001\n"
        "defrag_mode = ¦2\npercpu_pagelist_high_fraction = ¦7\nlowmem_reserve_ratio = ¦[1, 2, 3, 4, 5]\n",
    ),
    case("more reclaimable than charged", V + E + "[memory]\nmemcg_charged = '1M'\nmemcg_reclaimable = ¦'2M'\n"),
    case("charged above the limit", V + E + "[memory]\nmemcg_limit = '1M'\nmemcg_charged = ¦'2M'\n"),
    case("a file and no folder", V + E + "[memory]\nbuddyinfo = ¦'buddyinfo'\n"),
    case(
        "a file beside zones",
        V + E + "[memory]\n¦size = '1G'\nbuddyinfo = ¦'buddyinfo'\n[[memory.¦zone]]\nname = 'DMA'\n",
    ),
    case("min above the zone", V + "[memory]\nsize = '1M'\nmin = ¦257\n" + E),
    case("negative limit", V + "[memory]\nmemcg_limit = ¦-1\n" + E),
    # -- boot
    case("hook of the PMD", V + "[boot]\narch_wants_pte_order = ¦9\n" + E),
    case("cap is no size", V + "[boot]\nflexthp_unhinted_max = ¦'64 K'\n" + E),
    # -- populate
    case("populate misaligned", populate("at = ¦'heap+0x800'")),
    case("folio misaligned", populate("at = ¦'heap+0x3000'\norder = 4")),
    case("populate behind the vma", populate("at = 'heap+0x1ff000'\npages = ¦2")),
    case("populate nowhere", populate("at = ¦0x1000")),
    case("folio of order 1", populate("at = 'heap'\norder = ¦1")),
    case("folio of the PMD", populate("at = 'heap'\norder = ¦9")),
    case("more pages than the folio", populate("at = 'heap'\norder = 2\npages = ¦5")),
    case("order of a zero page", populate("at = 'heap'\norder = ¦2\nwith = 'zero-page'")),
    case("part of a huge pmd", populate("at = 'heap'\npages = ¦2\nwith = 'huge-pmd'")),
    case("huge pmd misaligned", populate("at = ¦'heap+0x1000'\nwith = 'huge-pmd'")),
    case("unknown content", populate("at = 'heap'\nwith = ¦'zeropage'")),
    case("populated twice", populate("at = 'heap'\npages = 4\n[[populate]]\nat = ¦'heap+0x3000'")),
    case(
        "too many populated",
        V + vma("'a'", "0", "'2G'") + "[[populate]]\nat = 'a'\npages = 65536\n[[populate]]\nat = ¦'a+1G'\n" + E,
    ),
    case("order and place", populate("at = ¦'heap+0x123'\norder = ¦1")),
    # -- events
    case("unknown verb and a bad answer", V + "[[event]]\n¦writ = 'heap'\nanswers = ['¦foo = NULL']\n"),
    case("no verb", V + "¦[[event]]\ncpu = 0\n"),
    case("two verbs", V + "[[event]]\nread = 0\n¦write = 0\n"),
    case("unknown op of uffd", V + HEAP + "[[event]]\nuffd = { op = ¦'regster', at = 'heap', size = '64K' }\n"),
    case("register without a mode", V + HEAP + "[[event]]\nuffd = ¦{ op = 'register', at = 'heap', size = '64K' }\n"),
    case("register for nothing", V + HEAP + "[[event]]\nuffd = { op = 'register', at = 'heap', size = '64K', mode = ¦[] }\n"),
    case("copy with a mode", V + HEAP + "[[event]]\nuffd = { op = 'copy', at = 'heap', size = '64K', ¦mode = ['wp'] }\n"),
    case("writeprotect of missing", V + HEAP + "[[event]]\nuffd = { op = 'writeprotect', at = 'heap', size = '64K', mode = ¦['missing'] }\n"),
    case("move from nowhere", V + HEAP + "[[event]]\nuffd = ¦{ op = 'move', at = 'heap', size = '64K' }\n"),
    case("move from an odd place", V + HEAP + "[[event]]\nuffd = { op = 'move', at = 'heap', size = '64K', src = ¦'heap+1' }\n"),
    case("copy with src", V + HEAP + "[[event]]\nuffd = { op = 'copy', at = 'heap', size = '64K', ¦src = 'heap' }\n"),
    case("migrate without size", V + HEAP + "[[event]]\nmigrate = ¦{ at = 'heap' }\n"),
    case("reap not aligned", V + HEAP + "[[event]]\nreap = { at = 'heap', size = ¦5 }\n"),
    case("half a shrinker", V + HEAP + "[[event]]\nshrink_huge_zero = ¦{ at = 'heap' }\n"),
    case("unknown process", V + E + "process = ¦'child'\n"),
    case("process forked twice", V + E + "[[event]]\nfork = 'a'\n[[event]]\nfork = ¦'a'\n"),
    case("main is forked", V + "[[event]]\nfork = ¦'main'\n"),
    case("exit of nobody", V + "[[event]]\nexit = ¦'child'\n"),
    case("exit of somebody else", V + "[[event]]\nfork = 'a'\n[[event]]\nfork = 'b'\n[[event]]\nexit = 'a'\nprocess = ¦'b'\n"),
    case("too many processes", V + "".join(f"[[event]]\nfork = {'¦' if i == 15 else ''}'p{i}'\n" for i in range(16))),
    case("too much is populated", V + HEAP + "[[event]]\nmadvise = { at = 0x10000, size = ¦'300M', advice = 'MADV_POPULATE_WRITE' }\n"),
    case("too much is mapped at once", V + "[[event]]\nmmap = { name = 'a', start = 0x10000, size = ¦'300M', flags = ['MAP_POPULATE'] }\n"),
    case("too much is locked", V + HEAP.replace("2M", "1G") + "flags = ['VM_LOCKED']\n[[event]]\nmprotect = { at = 'heap', size = ¦'1G', prot = 'r' }\n"),
    case("madvise is a word", V + "[[event]]\nmadvise = ¦'MADV_HUGEPAGE'\n"),
    case("madvise without size", V + HEAP + "[[event]]\nmadvise = ¦{ at = 'heap', advice = 'MADV_FREE' }\n"),
    case("madvise not aligned", V + HEAP + "[[event]]\nmadvise = { at = ¦'heap+1', size = '64K', advice = 'MADV_FREE' }\n"),
    case("unknown advice", V + HEAP + "[[event]]\nmadvise = { at = 'heap', size = '64K', advice = ¦'MADV_HUGE' }\n"),
    case("range ends too high", V + "[[event]]\nmunmap = { at = 0x7ffffffff000, size = ¦'64K' }\n"),
    case("mmap of a name that is taken", V + HEAP + "[[event]]\nmmap = { name = ¦'heap', start = 0x1000, size = '4K' }\n"),
    case("mmap not aligned", V + "[[event]]\nmmap = { name = 'a', start = ¦0x1001, size = '4K' }\n"),
    case("unknown flag of mmap", V + "[[event]]\nmmap = { name = 'a', start = 0x1000, size = '4K', flags = [¦'MAP_ANON'] }\n"),
    case("prot is no prot", V + HEAP + "[[event]]\nmprotect = { at = 'heap', size = '4K', prot = ¦'wr' }\n"),
    case("mremap to nowhere", V + HEAP + "[[event]]\nmremap = { at = 'heap', size = '4K', to = ¦'stack' }\n"),
    case("prctl of something else", V + "[[event]]\nprctl = { ¦PR_SET_NAME = 1, PR_SET_THP_DISABLE = 1 }\n"),
    case("sysfs turns nothing", V + "[[event]]\nsysfs = ¦{}\n"),
    case("sysfs of no size", "variant = '6.9'\n[[event]]\nsysfs = { ¦hugepages-8kB = 'always' }\n"),
    case("node beside size", V + E + "[memory]\n¦size = '64M'\n[[memory.node]]\nsize = '64M'\n"),
    case("cpu of two nodes", V + E + "[[memory.node]]\ncpus = [1]\n[[memory.node]]\ncpus = [0, ¦1]\n"),
    case("node not aligned", V + E + "[[memory.node]]\nsize = ¦4097\n"),
    case("answer is no answer", answer("'fail'")),
    case("answer is a number", answer("4")),
    case("unknown site", answer("'¦vma_aloc_folio(order=4) = NULL'")),
    case("site of later", answer("'¦folio_memcg_alloc_deferred(order=4) = 0'")),
    case("site of another variant", "variant = 'v3-off'\n" + E + "answers = ['¦pte_offset_map() = NULL leaf']\n"),
    case("order above the PMD", answer("'vma_alloc_folio(order=¦10) = NULL'")),
    case("order 1", answer("'vma_alloc_folio(order=¦1) = NULL'")),
    case("order missing", answer("'¦vma_alloc_folio = NULL'")),
    case("order is a word", answer("'mem_cgroup_charge(order=¦big) = 0'")),
    case("order of a site without one", answer("'pte_alloc_one(order=¦0) = NULL'")),
    case("outcome of another site", answer("'vma_alloc_folio(order=4) = ¦-ENOMEM'")),
    case("NULL without a cause", answer("'pte_offset_map() = ¦NULL'")),
    case("answer with a control character", answer('"vma_alloc_folio(order=4) = \\u001b[1m"')),
    # -- breaks and the schedule
    case("condition ends early", V + E + "[[break]]\non = 'alloc'\nif = 'cpu ==¦ '\n"),
    case("condition assigns", V + E + "[[break]]\non = 'alloc'\nif = 'cpu ¦= 0'\n"),
    case("condition calls", V + E + "[[break]]\non = 'alloc'\nif = '¦system(1)'\n"),
    case("condition is a number", V + E + "[[break]]\non = 'alloc'\nif = ¦1\n"),
    case("no such location", V + E + "[[break]]\non = ¦'falback'\n"),
    case("location of no kind", V + E + "[[break]]\non = ¦'[bold]'\n"),
    case("schedule is no turn", V + "schedule = '0*7 ¦x'\n" + E),
    case("schedule of no cpu", V + "schedule = '¦1*7'\n" + E),
    case("schedule of no stops", V + "schedule = '¦0*0'\n" + E),
    case("schedule is open in the middle", V + "schedule = '¦0 0*7'\n" + E),
    # -- expect
    case("result of no fault", expect("results = ['0', '¦VM_FAULT_OOMM']")),
    case("result is a number", expect("results = [¦0]")),
    case("order of no access", expect("orders = [0, ¦1]")),
    case("order below", expect("orders = [¦-2]")),
    case("unknown kind", expect("decisions = 'alloc:NULL ¦falback'")),
    case("unknown outcome", expect("decisions = '¦vma-bounds:outsid'")),
    case("unknown statistic", expect("mthp_stat = { ¦'64kB.anon_fault_aloc' = 0 }")),
    case("statistic without a size", expect("mthp_stat = { ¦anon_fault_alloc = 0 }")),
    case("unknown counter", expect("vmstat = { ¦pgfualt = 1 }")),
    case("negative statistic", expect("vmstat = { pgfault = ¦-1 }")),
    case("bug and blocked", expect("¦bug = 'uninitialised'\nblocked = true")),
    case("variant misspelt, expected", V + E + "[expect.variant.¦'6.6']\norders = [0]\n"),
    case("unknown key for a variant", V + E + "[expect.variant.v3-off]\n¦order = [0]\n"),
    case("unreachable kind", expect("unreachable = [¦'map-pte-x:NULL']")),
    case("reachable end", expect("reachable = ['blocked', ¦'end']")),
    case("reachable by order", expect("reachable = [¦'alloc(order=4)']")),
    case("unreachable outcome", expect("unreachable = [¦'map-pte:NUL']")),
    case("unreachable result", expect("unreachable = ['return:VM_FAULT_OOM|VM_FAULT_RETRY', ¦'return:VM_FAULT_OOOM']")),
    case("unreachable end of an actor", expect("unreachable = ['migrate-move:mapped', ¦'migrate-move:maped']")),
    case("step is no event", expect("unreachable = ['vma-lock:detached', ¦'step']")),
    case("no invariant", expect("invariants = ¦'nr_free_match_lists'")),
    case("no bug", expect("bug = ¦'uninitialized'")),
    case("no mutant", V + "mutants = ['drop R2', ¦'drop R11']\n" + E),
    case("mutant of another variant", "variant = '6.5'\nmutants = [¦'BUG_ON']\n" + E),
    case("mutant of this variant, not of one expected",
         V + "mutants = ['BUG_ON']\n" + E + "[expect.variant.v4]\n[expect.variant.¦'6.9']\n"),
    case("no mutant, expected", V + E + "[expect.mutant.¦'drp R1']\ninvariants = 'hold'\n"),
    case("mutant of another variant, expected", V + E + "[expect.mutant.¦B1]\ninvariants = 'hold'\n"),
    case("failures is a word", V + E + "[explore]\nfailures = ¦'yes'\n"),
    # -- all at once
    case("several", "variant = ¦'v22'\n¦colour = 1\n" + vma("'a'", "¦-1") + "[[event]]\ncpu = ¦99\nread = 0\n"),
]
