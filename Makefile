# Every target sets up what it needs by itself.
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
RUN := $(UV) run --frozen

.PHONY: help up demo test check format bench coverage metrics mutants chaos clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.tools/uv/bin/uv:
	@python3 -m venv .tools/uv && .tools/uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/.ready: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@$(UV) sync --frozen --quiet && touch $@

up: .venv/.ready ## Run Baton on this machine, with demo leads
	@$(RUN) baton up --demo

demo: .venv/.ready ## Walk the demo leads on a temporary data directory, and exit
	@$(RUN) baton demo

test: .venv/.ready ## Run the whole suite, services included
	@$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/.ready ## Lint, types, import contracts, dependencies
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) deptry .

format: .venv/.ready ## Format the code
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: .venv/.ready ## Measure, against floors in the same run
	@$(UV) run --frozen --group bench python -m tests.bench

coverage: .venv/.ready ## Measure the branches that tests take in every domain and in the rules
	@$(RUN) pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/unit tests/property tests/contract \
	  --cov --cov-report=json:.coverage.json
	@$(RUN) python -m tests.support.branch_coverage .coverage.json

metrics: .venv/.ready ## Print figures of the code beside their aims
	@$(RUN) python -m tests.support.metrics

mutants: .venv/.ready ## Break the decisions line by line, and list what no test notices
	@timeout $${MUTANTS_S:-3600} $(UV) run --frozen --group mutants mutmut run --max-children 2 $(MUTANTS) || true
	@$(UV) run --frozen --group mutants mutmut results

chaos: .venv/.ready ## The long runs: faults, and each golden lead alone
	@$(RUN) pytest -m chaos

clean: ## Remove what was set up here (not the data directory)
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache .coverage .coverage.json
