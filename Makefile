# One command each. A bare machine needs Python 3.11 and nothing else; PYTHON=... names it.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := .make/installed
DATA   ?= var
LOCAL  ?= $(DATA)/local
RESULTS := .make/results
# tests run side by side, a worker for each core up to four
WORKERS ?= auto
PYTEST  := $(BIN)/pytest -n $(WORKERS) --maxprocesses=4 --dist worksteal -rs

.PHONY: run demo test test-sqlite test-postgres check check-postgres bench torture golden corpora fuzz audit generate services up-local down-local clean

# The window and the simulated agencies, the samples filed, a live table; keeps serving. Ctrl-C ends it.
run: $(READY)
	@$(BIN)/onewindow run --data-dir $(DATA)

# The same in a temporary directory, then a ship's call with its certificate; exit 0 once everything came out as expected.
demo: $(READY)
	@$(BIN)/onewindow demo
	@$(BIN)/onewindow demo --vessel

# PostgreSQL and Kafka are started for the tests and stopped after them. Where they cannot be had, what is skipped is named.
test: test-sqlite test-postgres

test-sqlite: $(READY)
	$(PYTEST) tests/unit tests/integration tests/acceptance -m "not postgres and not kafka" --junitxml=$(RESULTS)/sqlite.xml

test-postgres: $(READY)
	$(PYTEST) tests/integration tests/acceptance --backend=postgresql --junitxml=$(RESULTS)/postgresql.xml

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict declarations adapters gateway
	$(BIN)/mypy --strict --explicit-package-bases scripts/services
	$(BIN)/onewindow tables check --cases tests/data
	$(BIN)/onewindow tables generate --check
	$(BIN)/python -m scripts.access_matrix --check
	$(BIN)/pytest tests/unit/test_import_rules.py
	rm -f .make/check.db
	ONEWINDOW_DATABASE_URL=sqlite:///.make/check.db $(BIN)/alembic upgrade head
	ONEWINDOW_DATABASE_URL=sqlite:///.make/check.db $(BIN)/alembic check
	@if $(BIN)/python -c 'import sys; from scripts.services.postgres import binaries; sys.exit(not binaries())'; \
	then $(MAKE) --no-print-directory check-postgres; else echo "PostgreSQL is not installed: the schema was not checked on it"; fi

check-postgres: $(READY)
	$(BIN)/python -m scripts.services run postgres -- sh -ec '$(BIN)/alembic upgrade head; $(BIN)/alembic check'

# SaxonC (114 MB) is only a peer to measure against, so it is installed here and not with the rest.
bench: services
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.lock
	$(BIN)/python -m tests.bench

# Processes killed at named points, on both backends, and what was promised counted afterwards. ROUNDS=300 for a long run.
torture: $(READY)
	$(BIN)/python -m tests.torture $(if $(ROUNDS),--rounds $(ROUNDS))

# Attack files of defusedxml (PyPI) and of Debian's libxml2 (apt), for tests; once per machine.
corpora: $(READY)
	$(BIN)/python scripts/corpora.py

# Every reader of strangers' bytes, a minute each; FUZZ_SECONDS=600 for a long run.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz

# What is installed against the advisories of PyPI.
audit: $(READY)
	$(BIN)/python scripts/audit.py

# Rewrite the golden cases from what the code does now; review the difference.
golden: $(READY)
	$(BIN)/pytest tests/acceptance/test_golden_cases.py tests/acceptance/test_ship_golden.py --golden

generate: $(READY)
	$(BIN)/onewindow tables generate

# What tests, `up-local` and benchmarks stand on: PostgreSQL from Debian, Kafka from Maven Central. Once per machine.
# TOOLS=tools adds faketime (make torture), promtool (alert rules), an OpenID Provider and Chromium (pages).
services: $(READY)
	$(BIN)/python -m scripts.services install postgres kafka $(TOOLS)

# The grown deployment without containers: PostgreSQL, Kafka, API, two workers, a consumer, simulated agencies.
up-local: $(READY)
	@$(BIN)/python -m scripts.services.local up --dir $(LOCAL)

down-local: $(READY)
	@$(BIN)/python -m scripts.services.local down --dir $(LOCAL)

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
