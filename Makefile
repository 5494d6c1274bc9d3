# One command each. A bare machine needs Python 3.11 and nothing else; PYTHON=... names it.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := .make/installed
DATA   ?= var

.PHONY: run demo test check bench torture golden generate clean

# The window and the simulated agencies, the samples filed, a live table; keeps serving. Ctrl-C ends it.
run: $(READY)
	@$(BIN)/onewindow run --data-dir $(DATA)

# The same in a temporary directory; exit 0 once every sample reached its expected end.
demo: $(READY)
	@$(BIN)/onewindow demo

test: $(READY)
	$(BIN)/pytest tests/unit tests/integration tests/acceptance

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict declarations adapters gateway
	$(BIN)/onewindow tables check --cases tests/data
	$(BIN)/onewindow tables generate --check
	$(BIN)/pytest tests/unit/test_import_rules.py
	rm -f .make/check.db
	ONEWINDOW_DATABASE_URL=sqlite:///.make/check.db $(BIN)/alembic upgrade head
	ONEWINDOW_DATABASE_URL=sqlite:///.make/check.db $(BIN)/alembic check

# SaxonC (114 MB) is only a peer to measure against, so it is installed here and not with the rest.
bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.lock
	$(BIN)/python -m tests.bench

# Longer runs than `make test` has time for: a hundred thousand random histories of answers.
torture: $(READY)
	$(BIN)/pytest tests/torture

# Rewrite the golden cases from what the code does now; review the difference.
golden: $(READY)
	$(BIN)/pytest tests/acceptance/test_golden_cases.py --golden

generate: $(READY)
	$(BIN)/onewindow tables generate

# Once per change of the lock or the project file. --no-deps: what is not in the lock is not installed.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or say make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mkdir -p $(@D) && touch $@

clean:
	rm -rf $(VENV) .make .mypy_cache .ruff_cache .pytest_cache *.egg-info
