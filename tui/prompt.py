# SPDX-License-Identifier: GPL-2.0-only
"""Editing of the command line: a pure state machine over key names."""

from __future__ import annotations

from tui.commands import PROMPT, complete
from tui.paint.rows import Row


class Prompt:
    """Text, cursor and history."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.history: list[str] = []
        self._back = 0
        """How many lines of history back the text comes from; 0 is the line being written."""

    def open(self, text: str = "") -> None:
        """A new line."""
        self.text, self.at, self._back = text, len(text), 0

    def key(self, key: str, character: str | None) -> str:
        """Take a key; ``submit`` or ``cancel`` if it ends the line, else ''."""
        if key == "enter":
            if self.text.strip() and self.history[-1:] != [self.text]:
                self.history.append(self.text)
            return "submit"
        if key in ("escape", "ctrl+c") or (key == "backspace" and not self.text):
            return "cancel"
        if key in _EDITS:
            _EDITS[key](self)
        elif character is not None and character.isprintable():
            self._put(self.text[: self.at] + character, self.text[self.at :])
        return ""

    def paste(self, text: str) -> None:
        """Insert text, its line ends as blanks."""
        self._put(self.text[: self.at] + " ".join(text.split("\n")), self.text[self.at :])

    def row(self) -> Row:
        """The line as it is drawn, with the cursor in reverse."""
        under = self.text[self.at : self.at + 1] or " "
        return (
            (PROMPT, "key"), (self.text[: self.at], ""), (under, "cursor"), (self.text[self.at + 1 :], ""),
        )  # fmt: skip

    def _put(self, before: str, after: str) -> None:
        self.text, self.at = before + after, len(before)

    def _recall(self, by: int) -> None:
        self._back = max(0, min(self._back + by, len(self.history)))
        self.text = self.history[-self._back] if self._back else ""
        self.at = len(self.text)

    def _complete(self) -> None:
        found = complete(self.text[: self.at])
        if len(found) == 1:
            self._put(found[0] + " ", self.text[self.at :])

    def _left(self) -> None:
        self.at = max(0, self.at - 1)

    def _right(self) -> None:
        self.at = min(len(self.text), self.at + 1)


def _word_start(prompt: Prompt) -> int:
    return len(prompt.text[: prompt.at].rstrip().rpartition(" ")[0])


_EDITS = {
    "backspace": lambda p: p._put(p.text[: max(p.at - 1, 0)], p.text[p.at :]),
    "delete": lambda p: p._put(p.text[: p.at], p.text[p.at + 1 :]),
    "left": Prompt._left,
    "right": Prompt._right,
    "home": lambda p: p._put("", p.text),
    "ctrl+a": lambda p: p._put("", p.text),
    "end": lambda p: p._put(p.text, ""),
    "ctrl+e": lambda p: p._put(p.text, ""),
    "ctrl+u": lambda p: p._put("", p.text[p.at :]),
    "ctrl+k": lambda p: p._put(p.text[: p.at], ""),
    "ctrl+w": lambda p: p._put(p.text[: _word_start(p)], p.text[p.at :]),
    "up": lambda p: p._recall(1),
    "down": lambda p: p._recall(-1),
    "tab": Prompt._complete,
}
