# SPDX-License-Identifier: GPL-2.0-only
"""Copies of /proc/buddyinfo, /proc/pagetypeinfo and /proc/zoneinfo that a scenario names: found, read, understood.

A file must lie in the scenario's own folder or below it; no symbolic link is followed, so that a scenario from
somebody else reads nothing else.  What it holds is never quoted.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from kernelmodel.scenario.faults import Problem
from kernelmodel.scenario.memory_keys import MAX_NODES
from kernelmodel.scenario.mm import Context
from kernelmodel.scenario.text import MAX_BYTES
from kernelmodel.scenario.types import NodeSpec


class Refused(Exception):
    """A file that can't be used, and why."""


def read_proc(ctx: Context, table: dict[str, Any], keys: list[str]) -> tuple[NodeSpec, ...]:
    """The nodes that the files describe; () if anything is wrong, which is told."""
    assert ctx.arch is not None
    texts: dict[str, str] = {}
    for key in keys:
        try:
            texts[key] = ctx.files[key] = read(ctx.folder, table[key])
        except Refused as error:
            hint = "a file in the scenario's folder, at most 1M"
            ctx.faults.add(("memory", key), f"{key} can't be read: {error}", hint)
    if len(texts) < len(keys):
        return ()
    from kernelmodel.memory.from_proc import Unfit, fitted
    from kernelmodel.proc.parse import parse

    found = parse(texts.get("buddyinfo"), texts.get("pagetypeinfo"), texts.get("zoneinfo"), ctx.arch)
    names = {key: os.path.join(os.path.dirname(ctx.faults.name), table[key]) for key in keys}
    for remark in found.errors:
        message = remark.message
        ctx.faults.problems.append(Problem(names[remark.file], remark.line, remark.col, message, "copy the file anew"))
    for remark in found.notes:
        ctx.faults.notes.append(Problem(names[remark.file], remark.line, remark.col, f"note: {remark.message}"))
    numbers = sorted({zone.node for zone in found.zones})
    nodes = [[zone for zone in found.zones if zone.node == number] for number in numbers]
    if numbers != list(range(len(numbers))):
        ctx.faults.add(("memory", keys[0]), "the nodes are not numbered 0, 1, …", "leave none out")
    if len(numbers) > MAX_NODES:
        ctx.faults.add(("memory", keys[0]), f"{len(numbers)} nodes (at most {MAX_NODES})", "leave the last out")
        return ()
    specs = []
    for node in nodes:
        try:
            specs.append(NodeSpec((), fitted(ctx.arch, node)))
        except Unfit as error:
            ctx.faults.add(("memory", keys[0]), f"node {node[0].node}, {error}", "was the kernel one of this arch?")
    return tuple(specs)


def read(folder: str | None, name: str) -> str:
    """The text of a file below ``folder``; ``Refused`` if it is none, too large or elsewhere.  Never blocks."""
    if folder is None:
        raise Refused("this scenario is in no folder")
    parts = name.split("/")
    if os.path.isabs(name) or ".." in parts or "" in parts or "\0" in name:
        raise Refused("the name leads out of the folder" if ".." in parts or name[:1] == "/" else "it is no file name")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    fds: list[int] = []
    try:
        fds.append(os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        for part in parts[:-1]:
            fds.append(os.open(part, flags | os.O_DIRECTORY, dir_fd=fds[-1]))
        fds.append(os.open(parts[-1], flags | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=fds[-1]))
        return _text(fds[-1])
    except OSError as error:
        linked = error.errno in (40, 20)  # ELOOP, ENOTDIR: what O_NOFOLLOW makes of a link
        why = "no symbolic link is followed" if linked else (error.strerror or "no reason given").lower()
        raise Refused(why) from None
    finally:
        for fd in fds:
            os.close(fd)


def _text(fd: int) -> str:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("it is not a regular file")
    with open(fd, "rb", closefd=False) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Refused(f"it has more than {MAX_BYTES:,} bytes")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise Refused("it is not plain ASCII") from None
