# SPDX-License-Identifier: GPL-2.0-only
"""Breakpoints and motions, over a fake run."""
