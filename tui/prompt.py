# SPDX-License-Identifier: GPL-2.0-only
"""Editing of one line: a pure state machine over key names, for commands, searches, filters and conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.paint.rows import Row, cells, clean, crop
from tui.recall import Recall

Complete = Callable[[str, int], tuple[int, list[str]]]
"""Text and cursor → where the word under the cursor begins, and what it could become."""

MAX_TEXT = 10_000
"""Characters of a line."""
NO_BLANK = ("/", "->", ".", "(", "=", ":")
"""What a completed word may go on behind; any other is followed by a blank."""


class Prompt:
    """Text, cursor, history; ``prompt`` is what stands before the text.

    ``history`` (oldest first) is only read: whoever executes a line appends it there.
    """

    def __init__(self, history: Sequence[str] = (), complete: Complete | None = None, prompt: str = "(thp) ") -> None:
        self.text = ""
        self.at = 0
        self.prompt = prompt
        self.recall = Recall(history)
        self.complete = complete
        self.bare = False
        self.candidates: list[str] = []
        """What the word under the cursor could become, after a second Tab; any other key forgets it."""
        self.killed = ""
        """What Ctrl+Y puts back."""
        self._last = ""
        self._killing = False
        """Whether the key before took text away, so that the next one adds to it."""

    def open(self, text: str = "", prompt: str | None = None, bare: bool = False) -> None:
        """A new line; ``prompt`` replaces what stands before it.

        ``bare`` is for what is no command, a search or a filter: without history and completion.
        """
        self.bare = bare
        self.text, self.at = text, len(text)
        self.candidates, self._last, self._killing = [], "", False
        self.recall.reset()
        if prompt is not None:
            self.prompt = prompt

    def key(self, key: str, character: str | None) -> str:
        """Take a key; ``submit`` or ``cancel`` if it ends the line, else ''."""
        again, self._last = self._last == key, key
        killing, self._killing = self._killing, False
        self.candidates = []
        if self.recall.wanted is not None and self._search_key(self.recall.wanted, key, character):
            return ""
        if key == "enter":
            return "submit"
        if key in ("escape", "ctrl+c") or (key in ("backspace", "ctrl+d") and not self.text):
            return "cancel"
        if key == "tab":
            self._complete(again)
        elif key in _KILLS:
            self._kill(*_KILLS[key](self), joined=killing)
        elif key in _EDITS:
            _EDITS[key](self)
        elif character is not None and character.isprintable():
            self._insert(character)
        return ""

    def paste(self, text: str) -> None:
        """Insert text: line ends and tabs as blanks, other control characters not at all."""
        self.candidates, self._last, self.recall.wanted = [], "", None
        self._insert("".join(char for char in " ".join(text.split("\n")).replace("\t", " ") if char.isprintable()))

    def row(self, width: int = 0) -> Row:
        """The line with the cursor in reverse; of a line wider than ``width`` cells (if given) what is around it."""
        label = self.prompt
        if self.recall.wanted is not None:
            label = f"({'no more' if self.recall.missing else 'search'}) {self.recall.wanted}: "
        before, under, after = self.text[: self.at], self.text[self.at : self.at + 1] or " ", self.text[self.at + 1 :]
        if width:
            room = max(width - cells(clean(label)) - cells(clean(under)), 0)
            before = _tail(before, room)
            after = crop(clean(after), room - cells(clean(before)))
        return ((label, "key"), (before, ""), (under, "cursor"), (after, ""))

    # -- editing -----------------------------------------------------------------------------------------
    def _put(self, before: str, after: str) -> None:
        self.text, self.at = before + after, len(before)

    def _insert(self, text: str) -> None:
        text = text[: max(MAX_TEXT - len(self.text), 0)]
        self._put(self.text[: self.at] + text, self.text[self.at :])

    def _kill(self, begin: int, end: int, joined: bool) -> None:
        gone = self.text[begin:end]
        kept = self.killed if joined else ""
        self.killed = gone + kept if begin < self.at else kept + gone
        self._put(self.text[:begin], self.text[end:])
        self._killing = True

    def _move(self, at: int) -> None:
        self.at = max(0, min(at, len(self.text)))

    def _word_begin(self) -> int:
        body = self.text[: self.at].rstrip()
        return len(body) - len(body.rpartition(" ")[2])

    def _word_end(self) -> int:
        rest = self.text[self.at :]
        blanks = len(rest) - len(rest.lstrip())
        return self.at + blanks + len(rest[blanks:].partition(" ")[0])

    # -- history -----------------------------------------------------------------------------------------
    def _recall(self, by: int) -> None:
        if not self.bare:
            self._put(self.recall.move(by, self.text), "")

    def _search(self) -> None:
        if not self.bare:
            self.recall.begin(self.text)

    def _search_key(self, wanted: str, key: str, character: str | None) -> bool:
        """Whether the search took the key; every other one ends it and goes on with the line that was found."""
        recall = self.recall
        if key in ("escape", "ctrl+c", "ctrl+g"):
            self._put(recall.leave(), "")
            return True
        if key == "ctrl+r":
            recall.find(wanted, recall.back + 1)
        elif key == "backspace":
            recall.find(wanted[:-1], 1)
        elif character is not None and character.isprintable():
            recall.find(wanted + character, recall.back)
        else:
            recall.wanted = None
            return False
        self.text = recall.line
        self.at = max(self.text.find(recall.wanted or ""), 0)
        return True

    # -- completion --------------------------------------------------------------------------------------
    def _complete(self, again: bool) -> None:
        if self.complete is None or self.bare:
            return
        begin, found = self.complete(self.text, self.at)
        if not found:
            return
        common = _common(found)
        if len(found) == 1 and not common.endswith(NO_BLANK) and self.text[self.at : self.at + 1] != " ":
            common += " "
        if len(common) > self.at - begin:
            self._put(self.text[:begin] + common, self.text[self.at :])
        elif again:
            self.candidates = found


def _common(words: list[str]) -> str:
    """What all of them begin with."""
    low, high = min(words), max(words)
    return low[: next((at for at, char in enumerate(low) if high[at] != char), len(low))]


def _tail(text: str, width: int) -> str:
    """The longest end of ``text`` that is at most ``width`` cells wide."""
    begin = max(len(text) - width, 0)
    while begin < len(text) and cells(clean(text[begin:])) > width:
        begin += 1
    return text[begin:]


_KILLS: dict[str, Callable[[Prompt], tuple[int, int]]] = {
    "ctrl+u": lambda p: (0, p.at),
    "ctrl+k": lambda p: (p.at, len(p.text)),
    "ctrl+w": lambda p: (p._word_begin(), p.at),
}
_EDITS: dict[str, Callable[[Prompt], None]] = {
    "backspace": lambda p: p._put(p.text[: max(p.at - 1, 0)], p.text[p.at :]),
    "delete": lambda p: p._put(p.text[: p.at], p.text[p.at + 1 :]),
    "left": lambda p: p._move(p.at - 1),
    "right": lambda p: p._move(p.at + 1),
    "ctrl+left": lambda p: p._move(p._word_begin()),
    "ctrl+right": lambda p: p._move(p._word_end()),
    "home": lambda p: p._move(0),
    "end": lambda p: p._move(len(p.text)),
    "up": lambda p: p._recall(1),
    "down": lambda p: p._recall(-1),
    "ctrl+y": lambda p: p._insert(p.killed),
    "ctrl+r": lambda p: p._search(),
}
_EDITS |= {
    "ctrl+a": _EDITS["home"], "ctrl+e": _EDITS["end"], "ctrl+b": _EDITS["left"], "ctrl+f": _EDITS["right"],
    "ctrl+p": _EDITS["up"], "ctrl+n": _EDITS["down"], "ctrl+d": _EDITS["delete"],
}  # fmt: skip
