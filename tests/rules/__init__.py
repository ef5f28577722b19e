# SPDX-License-Identifier: GPL-2.0-only
"""The rules of the house as tests; each checker is also shown a bad text and must see it."""
