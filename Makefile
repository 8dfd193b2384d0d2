# Every target works on a machine that has only Python 3.11 or newer: it makes .venv and installs
# there what it needs, once, and again only when pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

# Test processes share the cores, so each gets one thread for linear algebra.
TEST_PROCESSES ?= 2
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check bench gallery clean

help:
	@echo "make demo    train LeNet on handwritten digits, with pictures of the result"
	@echo "make test    run the tests"
	@echo "make check   run the formatter, linter, type checker and layering contracts"
	@echo "make bench   measure Lamina beside other frameworks, and write docs/benchmarks.md"
	@echo "make gallery draw every picture of docs/gallery anew"
	@echo "make clean   remove .venv, caches and build products"

demo: $(VENV)/.installed-train,plot
	@$(BIN)/python examples/digits.py

test: $(VENV)/.installed-test
	@$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(TEST_PROCESSES)

check: $(VENV)/.installed-lint
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# For example: make bench BENCH_OPTIONS='--quick --only mlp'
bench: $(BENCH_VENV)/.installed-bench
	@$(BENCH_VENV)/bin/lamina bench $(BENCH_OPTIONS)

gallery: $(VENV)/.installed-all
	@$(ONE_THREAD) LAMINA_THREADS=1 $(BIN)/python tools/gallery.py

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

# The other frameworks are large and not all can be installed everywhere, so they have an environment
# of their own, and each is tried for itself.
$(BENCH_VENV)/.installed-bench: pyproject.toml
	@$(MAKE) --no-print-directory VENV=$(BENCH_VENV) $(BENCH_VENV)/.installed-train
	@$(BENCH_VENV)/bin/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb')) \
	  ['project']['optional-dependencies']['bench'], sep='\n')" | while read -r package; do \
	  echo "Installing $$package in $(BENCH_VENV) ..."; \
	  $(BENCH_VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
	    "$$package" || echo "skipped: $$package cannot be installed here"; \
	done
	@touch '$@'

# The stem is a comma-separated list of extras of pyproject.toml.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/pip
	@echo "Installing Lamina with its extras '$*' in $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[$*]'
	@touch '$@'

# ensurepip writes bin/pip last, so the file stands for a complete environment.
$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "error: '$(PYTHON)' was not found. Install Python 3.11 or newer," \
	       "or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Lamina needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	       "Name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: '$(PYTHON)' cannot create virtual environments: its venv module is missing." \
	       "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
