# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts for b4, the kernel's patch tool: its check hooks hand over the mail of a patch and read JSON.

Set as ``b4.review-perpatch-check-cmd``; each result is an object with ``tool``, ``status`` (pass, warn, fail),
``summary`` and ``details``.  A patch that touches nothing that is modelled gets no result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelmodel.check import Verdict
    from kernelmodel.scenario.faults import Problem

MODELLED = re.compile(
    r"mm/(memory|huge_memory|page_alloc|khugepaged|userfaultfd|memcontrol|mempolicy|rmap|pgtable-generic|swap_state|"
    r"migrate|vmstat|vma|mmap|mremap|mprotect|madvise|internal)\.[ch]"
    r"|fs/userfaultfd\.c|arch/[\w-]+/include/asm/pgtable[\w-]*\.h"
    r"|include/linux/(huge_mm|mm|mm_inline|mm_types|pgtable|gfp|gfp_types|mmzone|memcontrol|rmap|userfaultfd_k)\.h"
)
"""Files of the kernel whose behaviour the model follows."""

_ENCODED = re.compile(r"^Content-Transfer-Encoding:\s*(base64|quoted-printable)\b", re.IGNORECASE | re.MULTILINE)
_DIFF = re.compile(r'^(?:diff --git "?a/(?P<old>.+?)"? "?b/|\+\+\+ "?b/|--- "?a/)(?P<new>[^"\t\r\n]+)', re.MULTILINE)
_STAT = re.compile(r"^ (?P<file>[\w./-]+)\s+\|\s+(?:\d+ [+-]*|Bin .*)\r?$", re.MULTILINE)


def b4(verdicts: Sequence[Verdict], broken: Mapping[str, Sequence[Problem]], patch: str) -> str:
    """The JSON for b4, '' if the mail's patch touches no modelled file; without a patch everything is told.

    ``broken`` are scenarios that could not be run, by name: a warning, for they say nothing about the patch.  Nor does
    a search that came to its bound.
    """
    import json

    files = touched(patch)
    if files and not any(MODELLED.fullmatch(file) for file in files):
        return ""
    failed = [each for each in verdicts if not each.ok and each.known]
    unknown = [each for each in verdicts if not each.known]
    status = "fail" if failed else "warn" if broken or unknown or not verdicts else "pass"
    return json.dumps(
        [
            {
                "tool": "thp-debug",
                "status": status,
                "summary": _summary(len(verdicts), len(failed), len(unknown), len(broken)),
                "details": "\n".join(_details(failed + unknown, broken)),
            }
        ],
        ensure_ascii=True,
    )


def touched(patch: str) -> list[str]:
    """Paths of the files that a patch changes, from its diff; from the diffstat where there is no diff (a cover)."""
    if _ENCODED.search(patch):
        patch = _decoded(patch)
    found = [name for match in _DIFF.finditer(patch) for name in (match["old"], match["new"]) if name]
    return list(dict.fromkeys(found or [match["file"] for match in _STAT.finditer(patch)]))


def _decoded(patch: str) -> str:
    """The text of a mail that is sent as base64 or quoted-printable."""
    from email import message_from_string

    parts = [part for part in message_from_string(patch).walk() if not part.is_multipart()]
    payloads = [part.get_payload(decode=True) for part in parts]
    return "\n".join(each.decode("utf-8", "replace") for each in payloads if isinstance(each, bytes))


def _summary(runs: int, failed: int, unknown: int, broken: int) -> str:
    words = f"{failed} of {runs} runs are not as expected" if failed else f"{runs} runs are as expected"
    if runs == 1:
        words = "the run is not as expected" if failed else "the run is as expected"
    if not runs:
        words = "no scenario was run"
    if unknown:
        words = f"{failed} of {runs} runs are not as expected, {unknown} inconclusive"
    return words + (f"; {broken} scenario{'s' * (broken > 1)} could not be run" if broken else "")


def _details(failed: Sequence[Verdict], broken: Mapping[str, Sequence[Problem]]) -> list[str]:
    rows: list[str] = []
    for each in failed:
        rows.append(f"{each.scenario} [{each.variant}]")
        rows += [f"  {why}" for why in each.why]
        if each.token:
            rows.append(f"  thp-debug replay '{each.token}'")
    return rows + [str(problem) for problems in broken.values() for problem in problems]
