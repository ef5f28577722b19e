# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong with a text that a user typed: the one base of the errors of expressions and locations."""

from __future__ import annotations


class TextFault(Exception):
    """Its words say what is wrong; a subclass may have ``at``, the column of the fault in the text, from 0."""

    def column(self) -> int:
        """Where a caret belongs; 0 if no place is at fault."""
        return max(int(getattr(self, "at", 0)), 0)
