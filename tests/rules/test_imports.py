# SPDX-License-Identifier: GPL-2.0-only
"""Who may import whom, and what must not be loaded before it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .tree import ROOT, files

SLOW = ("textual", "rich", "numpy", "pydantic", "tree_sitter", "unidiff", "concurrent.futures")
LATE = ("kernelmodel.leap", "kernelmodel.live", "kernelmodel.explore.jobs", "kernelmodel.sweep", "kernelmodel.workers")
"""Modules that are imported only once NumPy, a running kernel or several processes are wanted."""
SCENARIO = "scenarios/seed/unfit.toml"
READY = (ROOT / "tui" / "cli.py").exists() and (ROOT / SCENARIO).exists()


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    env = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run([tool, "--no-cache", "--no-logo"], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_contracts() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("kernelmodel/defs.py", "import textual", "the model knows no front end"),
        ("kernelmodel/fault/v3.py", "from kernelmodel.fault import v3_off", "variants never import each other"),
        ("kernelmodel/mm/vma.py", "from kernelmodel import session", "constants at the bottom"),
        ("tui/paint/__init__.py", "import textual", "painting is pure"),
    ],
)
def test_a_broken_contract_is_seen(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for each in ("kernelmodel", "tui", "scenarios"):
        shutil.copytree(ROOT / each, tmp_path / each, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as out:
        out.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [text for text in done.stdout.splitlines() if text.endswith("BROKEN") or text.startswith(contract)]
    assert any(text.startswith(contract) for text in broken)


def test_every_variant_is_under_contract() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    modules = {name for contract in listed if contract["type"] == "independence" for name in contract["modules"]}
    variants = {f"kernelmodel.fault.{path.stem}" for path in files(".py", "kernelmodel/fault") if path.stem.startswith(("v", "linux_"))}
    assert modules == variants


def loaded(code: str, *argv: str) -> tuple[int, set[str]]:
    """Exit code, and which slow modules a fresh interpreter has loaded at the end."""
    program = (
        "import sys\n"
        f"sys.argv = ['thp-debug', *{argv!r}]\n"
        "result = 0\n"
        f"try:\n    {code}\n"
        "except SystemExit as end:\n    result = end.code or 0\n"
        f"print('LOADED', result, *[name for name in {(*SLOW, 'tui')!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    line = done.stderr.strip().rpartition("\n")[2].split()
    assert line[:1] == ["LOADED"], done.stderr
    return int(line[1]), set(line[2:])


def test_the_model_loads_nothing_slow() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files(".py", "kernelmodel")]
    names = [name.removesuffix(".__init__") for name in names if not name.startswith(LATE)]
    assert loaded(f"import {', '.join(names)}") == (0, set())


def test_a_slow_module_is_seen() -> None:
    assert loaded("import concurrent.futures") == (0, {"concurrent.futures"})
    assert loaded("raise SystemExit(3)") == (3, set())


@pytest.mark.skipif(not READY, reason="no command line or no scenario yet")
@pytest.mark.parametrize(
    "argv",
    [
        ("--help",), ("run", SCENARIO), ("run", SCENARIO, "--format", "ndjson"), ("check", SCENARIO),
        ("explore", SCENARIO), ("explore", SCENARIO, "--format", "ndjson"),
    ],
)  # fmt: skip
def test_the_batch_side_loads_nothing_slow(argv: tuple[str, ...]) -> None:
    code, slow = loaded("from tui.cli import main; result = main() or 0", *argv)
    assert (code, slow - {"tui"}) == (0, set())
