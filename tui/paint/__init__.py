# SPDX-License-Identifier: GPL-2.0-only
"""Pure painters: a snapshot, a ``Look`` and a size go in, rows of (text, style name) come out."""
