# Everything a fresh clone needs: `make demo` and `make test` set themselves up.

VENV := .venv
BIN := $(VENV)/bin
# The interpreter that makes the virtual environment; left empty, the first fitting one is taken.
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
# -qq leaves pip's errors and drops its progress; Python compiles what is used when it is used.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile
PYTEST_WORKERS ?= 2
CHECKED := mdjax data_builders examples experiments tests

.PHONY: help install demo test test-fast fuzz lint format clean
.DEFAULT_GOAL := help

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Set up alone: the environment .venv with mdjax in it

demo: $(VENV)/.installed ## Set up, then distil a student on generated scenes (runs/demo)
	$(BIN)/mdjax demo

test: $(VENV)/.installed-dev ## Set up, then run all tests
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal

test-fast: $(VENV)/.installed-dev ## Set up, then run the tests that take seconds
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal -m "not slow"

fuzz: $(VENV)/.installed-dev ## Set up, then feed mutated files to all that reads files (minutes)
	$(BIN)/python -m tests.fuzz

lint: $(VENV)/.installed-dev ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.installed-dev ## Format and sort imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean: ## Remove the virtual environment and all caches; runs/ and data/ stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than pyproject.toml once its dependencies are installed. They live in the
# environment, so they go with it.
$(VENV)/.installed: pyproject.toml
	@$(MAKE) --no-print-directory $(BIN)/python
	@echo "Installing mdjax into $(VENV) (some minutes the first time) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	@$(MAKE) --no-print-directory $(BIN)/python
	@echo "Installing mdjax and its development tools into $(VENV) (some minutes the first time) ..."
	@$(PIP) -e ".[dev]"
	@touch $(VENV)/.installed $@

# Phony, because an interrupted set-up can leave an interpreter without pip.
.PHONY: $(BIN)/python
$(BIN)/python:
	@$(BIN)/python -c "import sys, pip; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && exit 0; \
	for candidate in $(CANDIDATES); do \
	  "$$candidate" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))" \
	    >/dev/null 2>&1 || continue; \
	  echo "Making $(VENV) with $$("$$candidate" --version)"; \
	  exec "$$candidate" -m venv --clear $(VENV); \
	done; \
	echo "mdjax needs Python 3.11 or newer with its venv module; tried: $(CANDIDATES)." >&2; \
	echo "Install one (Debian, Ubuntu: python3 and python3-venv) or name it:" >&2; \
	echo "  make PYTHON=/path/to/python3 ..." >&2; \
	exit 1
