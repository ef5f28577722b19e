# SPDX-License-Identifier: GPL-2.0-only
"""[memory] as values, and the files of /proc that it names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernelmodel.proc import text
from kernelmodel.scenario import ScenarioError, load, loads
from kernelmodel.scenario.edit import edit, keys
from kernelmodel.scenario.types import Fragment, Memory, NodeSpec, Scenario, ZoneSpec
from kernelmodel.session import Session
from tests.scenario.broken_cases import E, V

FILES = ("buddyinfo", "pagetypeinfo", "zoneinfo")


def memory(lines: str, head: str = V) -> Memory:
    """[memory] of a scenario with these lines in it."""
    return loads(f"{head}{E}[memory]\n{lines}\n", "x.toml").memory


def one(**zone: object) -> tuple[NodeSpec, ...]:
    """One node with one zone."""
    return (NodeSpec((), (ZoneSpec(**zone),)),)  # type: ignore[arg-type]


@pytest.mark.parametrize(("lines", "expected"), [
    ("free = { Movable = { 0 = 3, 4 = 0 }, CMA = { 10 = 2 } }", one(lists=((1, 0, 3), (4, 10, 2)))),
    ("free = { 0 = 3 }\nused = 'slab'", one(lists=((1, 0, 3),), used="slab")),
    ("free = { 0 = 65537 }", one(lists=((1, 0, 65537),))),
    ("free = { 10 = 3856 }", one(lists=((1, 10, 3856),))),
    ("size = '8M'\ncma = 1\nhighatomic = '3M'", one(size=8 << 20, cma=2 << 20, highatomic=4 << 20)),
    ("fragment = { seed = 3, free = 1 }\nmin = 5", one(size=64 << 20, fragment=Fragment(3, 1.0), min=5)),
    ("[[memory.zone]]\nname = 'DMA'\nfree = { 0 = 1 }", one(name="DMA", size=4 << 20, lists=((1, 0, 1),))),
])  # fmt: skip
def test_forms(lines: str, expected: tuple[NodeSpec, ...]) -> None:
    """What is more than a size or some blocks is a zone of a node."""
    assert memory(lines).nodes == expected


def test_plain_forms_are_what_they_were() -> None:
    assert memory("free = { 0 = 65536 }") == Memory(free=((0, 65536),))
    assert memory("") == Memory(size=64 << 20)


def test_blocks_that_are_nodes_one_by_one_are_bounded_for_all_zones_together() -> None:
    nodes = memory("[[memory.node]]\nfree = { 0 = 40000 }\n" * 3).nodes
    assert [zone.free is not None for node in nodes for zone in node.zones] == [True, False, False]


def test_who_has_page_lists_of_their_own() -> None:
    """Machines that look real, unless the file says otherwise."""
    assert [memory(lines).pcp for lines in (
        "", "free = { CMA = { 0 = 1 } }", "pcp = true", "fragment = {}", "fragment = {}\npcp = false",
        "[[memory.zone]]\nname = 'DMA'", "[[memory.node]]\n[[memory.node.zone]]\nname = 'Normal'", "[[memory.node]]",
    )] == [False, False, True, True, False, True, True, False]  # fmt: skip


def test_defrag_mode_of_an_older_kernel_is_noted() -> None:
    note = "3 has no defrag_mode; the value has no effect"
    for variant, expected in (("v3", [f"x.toml:5:15: note: v{note}"]), ("6.18", [])):
        scenario = loads(f"variant = '{variant}'\n{E}[memory]\ndefrag_mode = 1\n", "x.toml")
        assert [*scenario.warnings] == expected
        assert scenario.memory.sysctl == (("defrag_mode", 1),)


def test_keys_of_a_sweep_are_reached() -> None:
    """By their dotted names, whether the file has them or not."""
    scenario = loads(f"{V}{E}", "x.toml")
    for seed in ("2", "3"):
        scenario = edit(scenario, "memory.fragment.seed", seed)
    scenario = edit(scenario, "memory.fragment.free", "0.05")
    assert scenario.memory.nodes == one(size=64 << 20, fragment=Fragment(3, 0.05))
    assert "memory.fragment.seed" in keys(scenario)
    typed = edit(loads(f"{V}{E}", "x.toml"), "memory.free.Movable.4", "7")
    assert typed.memory.nodes == one(lists=((1, 4, 7),))
    zone = edit(loads(f"{V}{E}[[memory.zone]]\nname = 'Normal'\n", "x.toml"), "memory.zone[0].fragment.seed", "9")
    assert zone.memory.nodes[0].zones[0].fragment == Fragment(9)


# -- files of /proc -------------------------------------------------------------------------------------
def copied(folder: Path, lines: str, variant: str = "6.18", head: str = "") -> Session:
    """A machine whose files of /proc were written into ``folder``."""
    session = Session(loads(f"variant = '{variant}'\n{head}{E}[memory]\n{lines}\n", "x.toml"))
    for name in FILES:
        (folder / name).write_text(text(session.m, name))
    return session


def scenario(folder: Path, *names: str, variant: str = "6.18", head: str = "", more: str = "") -> Scenario:
    """A scenario in ``folder`` that names these files."""
    lines = "".join(f"{name} = '{name}'\n" for name in names)
    (folder / "a.toml").write_text(f"variant = '{variant}'\n{head}{E}[memory]\n{lines}{more}")
    return load(folder / "a.toml")


ZONES = """
[[memory.zone]]\nname = "DMA"\nsize = "14M"\nfragment = { }
[[memory.zone]]\nname = "DMA32"\nsize = "1G"\nfragment = { free = 0.5, reclaimable = 0.2 }
[[memory.zone]]\nname = "Normal"\nsize = "2G"\nfragment = { free = 0.1, unmovable = 0.3 }
[[memory.zone]]\nname = "Movable"\nsize = "1G"\nfragment = { }
"""


@pytest.mark.parametrize("lines", [
    "size = '68M'", "free = { 0 = 30, 4 = 2 }", "size = '1T'", "fragment = { }\nsize = '255M'", ZONES,
    "cma = '5M'\nhighatomic = '2M'", "fragment = { free = 0.9, unmovable = 0.4 }", "fragment = { free = 1 }", "fragment = { free = 0 }",
    "free = { Movable = { 0 = 30 }, Unmovable = { 4 = 1 }, HighAtomic = { 3 = 2 }, CMA = { 10 = 1 } }\nused = 'file'",
    "[[memory.node]]\nsize = '32M'\n[[memory.node]]\nfragment = { }\n",
])  # fmt: skip
@pytest.mark.parametrize(("variant", "head"), [("6.5", ""), ("6.18", ""), ("6.12", "arch = 'arm64-64k'\n")])
def test_what_a_machine_writes_makes_the_same_machine(tmp_path: Path, lines: str, variant: str, head: str) -> None:
    """All three files read back give the same three files."""
    if head:
        lines = lines.replace("'255M'", "'3G'").replace('"14M"', '"15M"')
        lines = lines if "size" in lines and "M'" not in lines else "size = '4G'\nfragment = { }"
    copied(tmp_path, lines, variant, head)
    again = Session(scenario(tmp_path, *FILES, variant=variant, head=head))
    for name in FILES:
        assert text(again.m, name) == (tmp_path / name).read_text()


def test_buddyinfo_alone_is_enough(tmp_path: Path) -> None:
    copied(tmp_path, "fragment = { unmovable = 0.5 }")
    again = Session(scenario(tmp_path, "buddyinfo"))
    assert text(again.m, "buddyinfo") == (tmp_path / "buddyinfo").read_text()
    assert not again.m.mixed


def test_the_hash_covers_the_files(tmp_path: Path) -> None:
    """And an edited scenario still finds them."""
    copied(tmp_path, "fragment = { }")
    first = scenario(tmp_path, "buddyinfo")
    assert edit(first, "memory.swap", "false").memory.nodes == first.memory.nodes
    assert scenario(tmp_path, "buddyinfo").hash == first.hash
    content = (tmp_path / "buddyinfo").read_text().split()
    content[5] = "1"
    (tmp_path / "buddyinfo").write_text(" ".join(content) + "\n")
    assert scenario(tmp_path, "buddyinfo").hash != first.hash


def refused(folder: Path, name: str) -> str:
    """Why a file is not taken."""
    (folder / "a.toml").write_text(f"{V}{E}[memory]\nbuddyinfo = '{name}'\n")
    with pytest.raises(ScenarioError) as caught:
        load(folder / "a.toml")
    (problem,) = caught.value.errors
    assert (problem.line, problem.col) == (5, 13)
    return problem.message.removeprefix("buddyinfo can't be read: ")


def test_a_file_elsewhere_is_not_read(tmp_path: Path) -> None:
    """Neither by its name nor over a link, nor what is no plain text file of at most a MiB."""
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("hunter2")
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "folder").symlink_to(tmp_path)
    os.mkfifo(inside / "fifo")
    (inside / "large").write_bytes(b" " * ((1 << 20) + 1))
    (inside / "latin").write_bytes(b"\xe9")
    told = {name: refused(inside, name) for name in (
        str(tmp_path / "secret"), "../secret", "sub/../../secret", "link", "folder/secret", "fifo", "sub", "large",
        "latin", "none", "sub//x",
    )}  # fmt: skip
    out, link, other = "the name leads out of the folder", "no symbolic link is followed", "it is not a regular file"
    assert [*told.values()] == [
        out, out, out, link, link, other, other, "it has more than 1,048,576 bytes", "it is not plain ASCII",
        "no such file or directory", "it is no file name",
    ]  # fmt: skip


def test_what_a_file_holds_is_never_quoted(tmp_path: Path) -> None:
    """Its faults are told with its name, line and column."""
    (tmp_path / "buddyinfo").write_text("root:hunter2:0:0\nNode 0, zone Normal hunter2\n")
    with pytest.raises(ScenarioError) as caught:
        scenario(tmp_path, "buddyinfo")
    assert {problem.file for problem in caught.value.errors} == {str(tmp_path / "buddyinfo")}
    assert "hunter2" not in "".join(problem.message + problem.hint for problem in caught.value.errors)
    with pytest.raises(ScenarioError) as caught:
        edit(loads(f"{V}{E}", str(tmp_path / "a.toml"), folder=str(tmp_path)), "memory.buddyinfo", "buddyinfo")
    assert {problem.file for problem in caught.value.errors} == {str(tmp_path / "buddyinfo")}


def test_texts_of_another_machine_are_refused(tmp_path: Path) -> None:
    """Too much low memory, low memory of node 1, nodes left out."""
    for row, words in (
        ("Node 0, zone    DMA32 " + "0 " * 10 + "2000 \n", "node 0, zone DMA32 has at most 917504 pages here"),
        ("".join(f"Node {n}, zone   Normal " + "1 " * 11 + "\n" for n in range(65)), "65 nodes (at most 64)"),
        ("Node 1, zone   Normal " + "1 " * 11 + "\n", "the nodes are not numbered 0, 1, …"),
        ("Node 0, zone   Normal " + "1 " * 11 + "\nNode 1, zone      DMA " + "1 " * 11 + "\n",
         "node 1, only node 0 has low memory here"),
    ):  # fmt: skip
        (tmp_path / "buddyinfo").write_text(row)
        with pytest.raises(ScenarioError) as caught:
            scenario(tmp_path, "buddyinfo")
        assert [problem.message for problem in caught.value.errors] == [words]
