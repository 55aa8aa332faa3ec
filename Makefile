# batch-gateway: each target sets up what it needs, in .venv beside this file, and does it.
#   make run            the gateway with simulated marketplaces on http://127.0.0.1:8000 (PORT=9000 moves it)
#   make run-cluster    two replicas on one Valkey, and the same batch watched through both (PORT=9000 moves them)
#   make test           the quick test suite
#   make bench          measure and compare, about ten minutes (PART=subscriptions: one part, see tests/bench/README.md)
#   make ci             everything that has to hold before a change is merged

PYTHON ?= python3
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c .constraints.txt
READY := $(VENV)/.ready
READY_TEST := $(VENV)/.ready-test
READY_DEV := $(VENV)/.ready-dev
COMPUTING := $(patsubst %,tests/test_%.py,add_marketplace cluster_faults compiled_answers compiled_differential \
	compiled_variables core_schedules repeats schedules simulation tenancy)

.DEFAULT_GOAL := help
.PHONY: help run run-cluster venv dev test slow slow-computing slow-processes slow-browser machines lint types bench ci clean

help:
	@grep -E '^#   ' Makefile | sed 's/^#   //'
	@echo "also: venv, slow (the long tests), lint, types, clean"

run: $(READY)
	@exec $(BIN)/batch-gateway demo --port $(PORT)

run-cluster: $(READY_TEST)
	@PORT=$(PORT) $(BIN)/python examples/cluster/run.py

venv: $(READY)

dev: $(READY_DEV)

test: $(READY_TEST)
	$(BIN)/python -m pytest -n 3 -q -m "not slow"

# the long tests: what computes, two at a time; what starts processes and looks at clocks; what drives a browser
slow: slow-computing slow-processes slow-browser

slow-computing: $(READY_TEST)
	$(BIN)/python -m pytest -q -m slow -n 2 --maxschedchunk 1 $(COMPUTING)

slow-processes: $(READY_TEST)
	$(BIN)/python -m pytest -q -m slow $(addprefix --ignore ,$(COMPUTING) tests/test_bench.py tests/browser)

slow-browser: $(READY_TEST)
	$(BIN)/python -m pytest -q -m slow -n 2 --dist loadfile tests/browser

# what measures: wants a machine of its own
machines: $(READY_TEST)
	$(BIN)/python -m pytest -q -m slow tests/test_bench.py

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: $(READY_DEV)
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(READY)
	@$(BIN)/python -m tests.bench $(PART)

ci:
	@.ci/run

clean:
	rm -rf $(VENV) build dist *.egg-info

$(READY): pyproject.toml .constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) setuptools
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(READY_TEST): $(READY)
	@echo "Adding what the tests need to $(VENV) ..."
	@$(PIP) --no-build-isolation --editable '.[test]'
	@touch $@

$(READY_DEV): $(READY_TEST)
	@echo "Adding the tools for development to $(VENV) ..."
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@
