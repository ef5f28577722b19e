# SPDX-License-Identifier: GPL-2.0-only
"""The mechanisms under the fault path: page allocator, page tables, VMAs, memcg, rmap, locks, statistics."""
