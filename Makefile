# Needs make and Python 3.11 or later; everything else is installed into .venv and, for `make test-all`, into .venv-*.
PYTHON ?= python3
BIN := .venv/bin
# without compiling: modules are compiled when they are first imported, and most of them never are
INSTALL := -m pip install --quiet --no-compile
# where it is set, each process of the tests would compile again what it imports, which takes more than half of their time
unexport PYTHONDONTWRITEBYTECODE
# tests wait for processes, retries and operations: a worker more than cores uses that time
WORKERS := $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
PYTEST_OPTIONS := -n $(WORKERS) --dist worksteal

.PHONY: demo test test-all check check-types compiled interop soak bench docs
demo: .venv/demo
	$(BIN)/toloka-frames demo

test: .venv/installed
	$(MAKE) --no-print-directory --jobs 2 check compiled
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

# Compile the tests and what they import, and write Hypothesis's table of characters (.hypothesis/), while mypy leaves a core
# free: otherwise each worker of pytest does all of it.
compiled: .venv/installed
	@$(BIN)/python -m pytest --collect-only --quiet > /dev/null
	@$(BIN)/python -c 'from hypothesis import strategies; strategies.text().validate()'

# The built wheel with each Python that is found and with the lowest and newest versions of its dependencies.
test-all: check-types interop docs test-lowest test-3.12 test-3.13 test-3.14 test-newest

check: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The types of the public API as an editor shows them; mypy checks them too.
check-types: .venv/pyright
	$(BIN)/pyright --pythonpath $(BIN)/python

# The official client, Toloka-Kit, at work on the local service.
interop: .venv/installed kit
	$(BIN)/python -m pytest tests/interop

# All random examples and all rows of the largest tables, and hundreds of uploads and pulls that are killed, at random lines that
# are printed; `make soak SOAK_SEED=7` repeats them.
soak: SOAK_SEED ?= $(shell date +%s)
soak: .venv/installed
	ALL_CASES=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS)
	SOAK_POINTS=200 SOAK_SEED=$(SOAK_SEED) $(BIN)/python -m pytest -s -v --timeout 0 tests/uploading/test_exactly_once.py tests/reading/test_sync.py

# All of it takes ten minutes and writes benchmarks/results.*; `make bench BENCH='tasks --rounds 3'` prints some of it.
bench: .venv/installed kit dlt
	$(BIN)/python benchmarks/bench.py $(or $(BENCH),--into benchmarks)

# The site, in site/: each link leads somewhere, and nothing is loaded from other hosts. MkDocs prints an advertisement otherwise.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# pip of Python 3.11 does not know --group
.venv/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/python $(INSTALL) --upgrade pip
	touch $@

.venv/demo: .venv/pip pyproject.toml
	$(BIN)/python $(INSTALL) --editable '.[local]'
	touch $@

.venv/installed: .venv/pip pyproject.toml
	$(BIN)/python $(INSTALL) --editable '.[local,plot,dask]' --group dev
	touch .venv/demo $@

.venv/pyright: .venv/installed
	$(BIN)/python $(INSTALL) --group pyright
	touch $@

.venv/docs: .venv/pip pyproject.toml
	$(BIN)/python $(INSTALL) --editable '.[local]' --group docs
	touch .venv/demo $@

include tests/environments.mk tests/interop/kit.mk tests/browser.mk benchmarks/dlt.mk benchmarks/large.mk
