# SPDX-License-Identifier: GPL-2.0-only
"""Checkers for the text of the repository: licence lines, markup, words that mean nothing to a reader."""

from __future__ import annotations

import ast

from .paths import Trees, called

SPDX = "# SPDX-License-Identifier: GPL-2.0-only"
_MARKUP = ("Static", "Label", "notify")
# Spelled in halves: this file is looked through like all others.
_WORDS = ("/wo" + "rk/", "shared" + "/design", "shared" + "/facts", "shared" + "/seed", "session" + " id", "/tmp/" + "briefs")


def without_licence(texts: dict[str, str]) -> list[str]:
    """Files that do not begin with the SPDX line (after ``#!``, where there is one)."""
    return [name for name, text in texts.items() if SPDX not in text.split("\n")[: 2 if text.startswith("#!") else 1]]


def painted_with_markup(trees: Trees) -> list[str]:
    """Widgets and notices that would read ``orders[i]`` as markup."""
    return [
        f"{file}:{node.lineno}: {called(node)}() without markup=False"
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in _MARKUP and not _markup_off(node)
    ]


def _markup_off(call: ast.Call) -> bool:
    return any(
        word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False for word in call.keywords
    )


def out_of_place(texts: dict[str, str]) -> list[str]:
    """Lines that name a place or a thing which only its writers knew."""
    return [
        f"{name}:{number}: {word}"
        for name, text in texts.items()
        for number, line in enumerate(text.split("\n"), 1)
        for word in _WORDS
        if word in line.lower()
    ]
