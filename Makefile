# SPDX-License-Identifier: GPL-2.0-only
PYTHON ?= python3
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip -qq --disable-pip-version-check install
SHELL  := /bin/bash
export PIP_NO_INPUT := 1

.PHONY: demo test check bench clean

demo: .venv/installed
	$(BIN)/thp-debug scenarios/seed/unfit.toml

check: .venv/installed
	$(BIN)/thp-debug check scenarios

# pytest comes last: its closing line is the last line printed.
test: .venv/dev-installed
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

bench: .venv/bench-installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/dev-installed: pyproject.toml requirements/test.txt | .venv/bin/python
	$(PIP) -e '.[dev]' -c requirements/test.txt
	@touch $@ .venv/installed

.venv/bench-installed: pyproject.toml requirements/test.txt | .venv/bin/python
	$(PIP) -e '.[bench]' -c requirements/test.txt
	@touch $@ .venv/installed
