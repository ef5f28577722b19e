# SPDX-License-Identifier: GPL-2.0-only
"""The table of keys and what is made from it; the names of the variants."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelmodel.fault import VARIANTS as FAULT_PATHS
from kernelmodel.scenario import docs, load, loads, new, packaged, schema
from kernelmodel.scenario.keys import ROOT, TABLES
from kernelmodel.scenario.tables import Key, Table, Tables
from kernelmodel.variant_names import SITES, SITES_WITH_ORDER, VARIANTS

ROOM = Path(__file__).parents[2]


def all_keys(table: Table) -> list[tuple[Table, Key]]:
    """Every key of the table, and of the tables in it."""
    found = []
    for key in table.keys:
        found.append((table, key))
        inner = key.kind.table if isinstance(key.kind, Tables) else key.kind
        if isinstance(inner, Table):
            found += all_keys(inner)
    return found


def test_every_key_has_words() -> None:
    """Each key says what it takes and what it is for, in one sentence."""
    for _, key in all_keys(ROOT):
        assert key.kind.words
        assert key.doc.endswith(".")


def test_docs_are_current() -> None:
    """docs/scenarios.md is what the table says."""
    assert (ROOM / "docs/scenarios.md").read_text(encoding="utf-8") == docs()


def test_docs_name_every_key_and_site() -> None:
    """Nothing is left out."""
    text = docs()
    for _, key in all_keys(ROOT):
        assert f"`{key.name}`" in text
    for site in SITES:
        assert f"`{site}" in text
    assert all(f"## {table.title}\n" in text for table in TABLES if table.title)


def test_new_loads_and_shows_every_common_key() -> None:
    """The scenario to start from is good as it stands, and shows the keys that most need."""
    assert loads(new(), "new.toml").warnings == ()
    for _, key in all_keys(ROOT):
        rare = key.knob in ("anon_orders", "anon_always_mask", "thp_anon", "init_on_alloc")
        if rare or key.name in ("process", "read", "variant", "hugepages-<size>kB", "node", "cpus") or key in TABLES[-2].keys:
            continue
        assert key.name in new(), key.name


def test_comments_of_new_are_good_toml() -> None:
    """What stands behind a # can be used: every such line, at once, but for what would contradict the rest."""
    skipped = ("decisions", "orders", "size", "free")
    lines = []
    for line in new().splitlines():
        bare = line[2:] if line.startswith("# ") and (" = " in line or line.startswith("# [")) else line
        name = bare.split("=")[0].strip()
        lines.append(line if name in skipped or "docs/" in line else bare)
    s = loads("\n".join(lines).replace("1*12", "0*12"), "new.toml")
    assert (s.populate[0].order, len(s.breaks), s.memory.min) == (4, 1, 16)
    assert [note.split("note: ")[1] for note in s.warnings] == [
        "v3 has no hugepages-64kB; the value has no effect",
        "CONFIG_MEMCG has no effect in this version",
    ]


# -- the schema ---------------------------------------------------------------------------------------
def valid(value: Any, rule: dict[str, Any]) -> bool:
    """The part of JSON Schema that the table uses."""
    import re

    if "not" in rule:
        return valid(value, rule["not"]) is False
    if "anyOf" in rule:
        return any(valid(value, each) for each in rule["anyOf"])
    if "enum" in rule:
        return value in rule["enum"]
    kind = rule.get("type")
    if kind == "object":
        if not isinstance(value, dict) or set(rule.get("required", ())) - value.keys():
            return False
        patterns = rule.get("patternProperties", {})
        for name, item in value.items():
            inner = rule.get("properties", {}).get(name)
            inner = inner or next((each for pattern, each in patterns.items() if re.search(pattern, name)), None)
            inner = rule["additionalProperties"] if inner is None else inner
            if inner is False or not valid(item, inner):
                return False
        return True
    if kind == "array":
        return isinstance(value, list) and all(valid(item, rule["items"]) for item in value)
    if kind == "string":
        return isinstance(value, str) and bool(re.search(rule.get("pattern", ""), value))
    if kind == "integer":
        number = isinstance(value, int) and not isinstance(value, bool)
        return number and rule.get("minimum", value) <= value <= rule.get("maximum", value)
    return isinstance(value, bool) if kind == "boolean" else True


@pytest.mark.parametrize("name", packaged())
def test_packaged_scenarios_agree_with_the_schema(name: str) -> None:
    """What loads is valid."""
    assert valid(load(name).raw, schema())


@pytest.mark.parametrize(
    ("old", "bad"),
    [
        ('variant = "v3" ', "variant = 3 "),
        ("cpu     = 0", "cpu = 64"),
        ("cpu     = 0", "cpu = true"),
        ('write   = "heap+0x3000"', 'madvise = "x"'),
        ('enabled = "always"', 'enabled = "on"'),
        ('size = "64M"', 'size = "64MB"'),
        ("[[break]]", "[brake]"),
    ],
)
def test_schema_refuses_what_load_refuses(old: str, bad: str) -> None:
    """The schema is no looser than need be."""
    import tomli

    text = (ROOM / "scenarios/example.toml").read_text(encoding="utf-8")
    assert old in text
    assert valid(tomli.loads(text), schema())
    assert not valid(tomli.loads(text.replace(old, bad)), schema())


def test_schema_is_json() -> None:
    """It says which draft it is, and survives JSON."""
    assert json.loads(json.dumps(schema())) == schema()
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


# -- variants -------------------------------------------------------------------------------------------
def test_variants_are_those_that_are_modelled() -> None:
    """Names and fault paths agree."""
    assert list(VARIANTS) == list(FAULT_PATHS)
    assert all(name == variant.id for name, variant in VARIANTS.items())


def test_sites() -> None:
    """Every site of a variant is known; v3-off lacks the unlocked map of alloc_anon_folio."""
    assert all(variant.sites <= SITES.keys() for variant in VARIANTS.values())
    assert SITES_WITH_ORDER.issubset(SITES)
    assert VARIANTS["v3"].sites - VARIANTS["v3-off"].sites == {"pte_offset_map()"}


# -- the start budget -----------------------------------------------------------------------------------
def test_a_good_file_imports_nothing_heavy() -> None:
    """Reading a good scenario needs none of the libraries that cost the start; difflib is for errors."""
    code = (
        "import sys; from kernelmodel.scenario import load; load('scenarios/example.toml');"
        "heavy = {'numpy', 'pydantic', 'tree_sitter', 'textual', 'rich', 'difflib', 'hashlib', 'concurrent.futures'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOM, capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
