# SPDX-License-Identifier: GPL-2.0-only
"""Whatever the kernel can stop at has a name that a scenario may expect."""

from __future__ import annotations

import ast

from kernelmodel.decision import BUGS

from .tree import parsed


def test_every_bug_is_listed() -> None:
    found = set()
    for tree in parsed("kernelmodel").values():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            words = [each.value for each in call.args[:2] if isinstance(each, ast.Constant)]
            if call.func.id == "KernelBug" and words:
                found.add(words[0])
            elif call.func.id == "Decision" and words[:1] == ["bug"] and len(words) == 2:
                found.add(words[1])
    assert found - set(BUGS) == set()
    assert "use-after-free" in BUGS
