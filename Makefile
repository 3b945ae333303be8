# Aetheris. `make help` lists what there is. Needs Python 3.11 or newer with venv, and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DATA   ?= .aetheris
ORDER  ?= order-123
REFUSE ?=
# How the example declares its refund: idempotent, verifiable or once.
EFFECT ?= idempotent
PYTEST_ARGS ?= -n 2
MINUTES ?= 10
# Of the load and the faults of `make chaos`; without one it draws and prints one.
SEED   ?=
# The part of the crash matrix that this machine runs, of how many; and one cell of it.
SHARD  ?= 1/1
CELL   ?=
CRASH_ARGS ?=
# What `make bench` measures: all peers and workloads if none are named; so often; QUICK=1 only shows that all works.
PEERS  ?=
WORKLOADS ?=
REPEAT ?= 3
QUICK  ?=
# What the example's agent asks: with a key of yours an LLM, without one rules, which say that they are none.
MODEL  ?= openai:$(if $(OPENAI_API_KEY),$(or $(OPENAI_MODEL),gpt-4o-mini),rules-not-an-llm)

EXAMPLE := --app examples.refund \
	--with orders="$(BIN)/python -m examples.refund.world.orders" \
	--with payments="$(BIN)/python -m examples.refund.world.payments" \
	--with aetheris_model="$(BIN)/python -m examples.refund.world.model"

.DEFAULT_GOAL := help
.PHONY: help build demo run stop test test-browser test-ops figures bench chaos crash docs check vet fmt tidy lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(VENV)/.runtime ## Make the environment from the hash-locked requirements

demo: $(VENV)/.runtime ## One refund and a kill -9 in the middle of it (EFFECT=once|verifiable, ORDER=order-7, REFUSE=1)
	@$(BIN)/python -m examples.refund.demo --effect "$(EFFECT)" --order "$(ORDER)" $(if $(REFUSE),--refuse)

run: $(VENV)/.runtime ## Start everything in the background; print the URLs and the dev logins (DATA=/some/folder instead of .aetheris)
	@AETHERIS_MODEL="$(MODEL)" REFUND_EFFECT="$(EFFECT)" $(BIN)/aetheris up --background --data "$(DATA)" $(EXAMPLE)

stop: $(VENV)/.runtime ## Stop what `make run` started (with the same DATA); the data stays
	@$(BIN)/aetheris down --data "$(DATA)"

test: $(VENV)/.dev ## Run the tests on a real PostgreSQL, Valkey and workers
	@$(BIN)/pytest $(PYTEST_ARGS)

test-ops: $(VENV)/.dev ## Install and use what production uses: PgBouncer, PostgreSQL 15, Redis, promtool, compose; backup, upgrade
	@tests/ops/install.sh
	@$(BIN)/pytest -q -m ops tests/ops

test-browser: $(VENV)/.dev ## Drive the admin in Chromium, on a desk and on a phone; pictures are in .browser
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update --quiet && apt-get install --yes --quiet chromium; } || \
		{ echo "There is no chromium in PATH; on Debian: apt-get install chromium" >&2; exit 1; }
	@$(BIN)/pytest -q -m browser tests/browser

figures: $(VENV)/.dev ## Measure the engine on a real instance: a line for each figure and its limit, in 25 minutes
	@$(BIN)/pytest -q -m figure tests/figures

bench: $(VENV)/.runtime ## Measure Aetheris and its peers in turn (PEERS="aetheris dbos", WORKLOADS="w1 w5", REPEAT=3, QUICK=1)
	@$(BIN)/python -m benchmarks $(PEERS) $(WORKLOADS) --repeat "$(REPEAT)" $(if $(QUICK),--quick)

chaos: $(VENV)/.runtime ## Kill everything at random under load, then check all invariants (MINUTES=10, SEED=7)
	@$(BIN)/python -m tests.chaos.soak --minutes "$(MINUTES)" $(if $(SEED),--seed "$(SEED)") --keep

crash: $(VENV)/.dev ## Kill the runtime at every boundary: what has no verdict yet (SHARD=1/2), or one (CELL=...)
	@$(BIN)/python -m tests.chaos.matrix --shard "$(SHARD)" $(if $(CELL),--cell "$(CELL)") $(CRASH_ARGS)

docs: $(VENV)/.dev ## Build the documentation into build/docs; a warning, such as a link that leads nowhere, is an error
	@$(BIN)/sphinx-build -b html -c docs -W --keep-going -q -j auto . build/docs
	@echo "Open build/docs/index.html; for its search: $(BIN)/python -m http.server -d build/docs"

check: vet ## Lint, types, import contracts, missing migrations, architecture
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -q tests/architecture

vet: $(VENV)/.dev ## Lint and check the types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy aetheris jobs ledger signals_app examples tests benchmarks

fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

tidy: lock ## Same as lock

lock: $(VENV)/.dev ## Resolve the requirements again: names, versions and hashes
	@$(BIN)/uv pip compile pyproject.toml --extra embedded --extra openai --group build --universal --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group build --group dev --constraints requirements.lock --universal \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements-dev.lock

clean: ## Remove the environments and every cache; data folders stay
	@if [ -x $(BIN)/aetheris ]; then $(BIN)/aetheris down --data "$(DATA)"; fi
	@rm -rf $(VENV) build .bench .browser .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.runtime: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Aetheris needs Python 3.11 or newer; set PYTHON=")'
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Adding what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
