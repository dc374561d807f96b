# Every target installs what it needs.
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
RUN := $(UV) run --frozen

.PHONY: help up demo test check format bench profile coverage metrics mutants qualification pictures chaos clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.tools/uv/bin/uv:
	@python3 -m venv .tools/uv && .tools/uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/.ready: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@$(UV) sync --frozen --quiet && touch $@

up: .venv/.ready ## Run Baton on this machine and send the demo leads
	@$(RUN) baton up --demo

demo: .venv/.ready ## Run the demo leads in a temporary directory, and exit
	@$(RUN) baton demo

test: .venv/.ready ## Run all tests; starts Kafka, PostgreSQL and Chromium
	@$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 40 --durations-min 5

check: .venv/.ready ## Check format, lint, types, import contracts, dependencies
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) deptry .

format: .venv/.ready ## Format the code
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: .venv/.ready ## Run the benchmarks three times (RUNS=1: once), each against a baseline in the same run
	@$(UV) run --frozen --group bench python -m tests.bench --runs $${RUNS:-3}

profile: .venv/.ready ## Profile each role on the leads of `path`: flame graphs and tables in docs/performance
	@$(UV) run --frozen --group bench python -m tests.bench.profile docs/performance

coverage: .venv/.ready ## Measure branch coverage of the domains and the rules
	@$(RUN) pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/unit tests/property tests/contract \
	  --cov --cov-report=json:.coverage.json
	@$(RUN) python -m tests.support.branch_coverage .coverage.json

metrics: .venv/.ready ## Print figures of the code beside their targets
	@$(RUN) python -m tests.support.metrics

mutants: .venv/.ready ## Mutation tests of decisions and rules: list changes that no test detects
	@timeout $${MUTANTS_S:-3600} $(UV) run --frozen --group mutants mutmut run --max-children 2 $(MUTANTS) || true
	@$(UV) run --frozen --group mutants mutmut results

qualification: .venv/.ready ## Learn the weights of the qualification anew (NEW=file adds its labelled sentences)
	@$(RUN) python -m tests.training $(NEW)

pictures: .venv/.ready ## Take the pictures of the console in docs/console anew
	@$(RUN) python -m tests.support.pictures docs/console

chaos: .venv/.ready ## Run the long fault tests, and each demo lead alone
	@$(RUN) pytest -m chaos

clean: ## Remove what the targets have installed (not the data directory)
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache .coverage .coverage.json
