# Everything runs in .venv, which is made on first use and brought up to date when the project's metadata changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test nightly bench-memory lint types architecture clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## Watch a local cluster lose its leader and carry on
	@$(BIN)/quorate demo

test: $(VENV)/.test ## Run all tests: on all cores those that only compute, then the others one by one
	$(BIN)/python -m pytest -n auto --dist loadfile -m 'not alone'
	$(BIN)/python -m pytest -m alone

NIGHTLY_SEEDS ?= 1500
FAULT_SECONDS ?= 600
FAULT_SEED ?= $(shell date +%j)
ONE_ELECTION := --nodes 3 --max-terms 1 --max-timeouts 1 --max-heartbeats 0 --max-crashes 0 --max-duplicates 0

nightly: bench-memory ## Simulate seeds that the tests do not (NIGHTLY_SEEDS=20000 for a long night), bench-memory too
	$(BIN)/quorate sim run --first-seed 1000 --seeds $(NIGHTLY_SEEDS) --nodes 5
	$(BIN)/quorate sim run --first-seed 1000 --seeds $(NIGHTLY_SEEDS) --nodes 3
	$(BIN)/quorate sim run --first-seed 1000 --seeds $(NIGHTLY_SEEDS) --nodes 7 --seconds 5
	$(BIN)/quorate sim explore --nodes 3 --max-states 5000000
	$(BIN)/quorate sim explore $(ONE_ELECTION) --max-states 5000000
	$(BIN)/quorate sim explore $(ONE_ELECTION) --max-commands 0 --past-terms 1
	$(BIN)/python tests/mutations/run.py
	QUORATE_FAULT_SECONDS=$(FAULT_SECONDS) QUORATE_FAULT_SEED=$(FAULT_SEED) $(BIN)/python -m pytest tests/faults
	$(BIN)/python -m bench.failover --kills 40 --stops 20 --rolls 10
	QUORATE_KILLS=200 QUORATE_ROT_EXAMPLES=20000 QUORATE_CRASH_SEED=1 $(BIN)/python -m pytest tests/storage

bench-memory: $(VENV)/.test ## Feed a cluster a million commands; fail if its memory grows
	$(BIN)/python -m bench.memory

lint: $(VENV)/.dev ## Check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

architecture: $(VENV)/.dev ## Check which package imports which
	$(BIN)/lint-imports --no-logo

clean: ## Remove everything that was built or downloaded
	rm -rf $(VENV) .micropython build dist *.egg-info
	rm -rf .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.test: EXTRAS := [test]
$(VENV)/.dev: EXTRAS := [dev]

# An editable install knows the packages of the moment, so a new package asks for a new install too.
$(VENV)/.run $(VENV)/.test $(VENV)/.dev: setup.cfg pyproject.toml $(wildcard */__init__.py) | $(BIN)/python
	@echo 'Installing quorate$(EXTRAS) into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRAS)'
	@touch $@

NAME_ONE := Name one: make PYTHON=python3.12

$(BIN)/python:
	@command -v '$(PYTHON)' >/dev/null || \
		{ echo 'Quorate needs Python 3.11 or newer, and there is no $(PYTHON). $(NAME_ONE)' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Quorate needs Python 3.11 or newer; this is $$('$(PYTHON)' --version 2>&1). $(NAME_ONE)" >&2; exit 1; }
	@'$(PYTHON)' -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo '$(PYTHON) comes without venv. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@'$(PYTHON)' -m venv --clear $(VENV)
