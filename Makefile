# `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps

# Three at a time on two cores, for many tests wait for others: servers, daemons, pauses. Each more
# imports everything once more.
PYTEST := $(BIN)/python -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder

# Compiled once: otherwise every process that may not write beside the libraries compiles what it
# imports for itself, in ten seconds of a processor.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

INDEX := $(BIN)/python -m pip --disable-pip-version-check --no-input --retries 1 --timeout 10

# The usual choices of `qd run`; empty ones are left to its defaults.
SOURCE ?=
CLASS_SET ?=
DRAWINGS ?=
PRESET ?=
NETWORK ?=
EPOCHS ?=
SEED ?=
CLASS_SETS ?=
option = $(if $($(1)),--$(2)=$(call quoted,$($(1))))
quoted = '$(subst ','\'',$(1))'
CHOICES = $(call option,SOURCE,source) $(call option,CLASS_SET,class-set) \
	$(call option,DRAWINGS,drawings) $(call option,PRESET,preset) \
	$(call option,NETWORK,network) \
	$(call option,EPOCHS,epochs) $(call option,SEED,seed) $(call option,CLASS_SETS,class-sets)

.DEFAULT_GOAL := help
.PHONY: help install run ui draw test test-cluster install-cluster stress audit check clean bench bench-learning bench-predict bench-pages bench-scale bench-cluster install-bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make run takes SOURCE=, CLASS_SET=, DRAWINGS=, PRESET=, NETWORK=, EPOCHS=, SEED=, CLASS_SETS="

install: $(STAMP) ## Make the virtual environment with the pinned dependencies

$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 install"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Python's venv is missing: on Debian, apt-get install python3-venv"; exit 1; }
	@echo "Installing the pinned dependencies, once …"
	@$(PIP) --require-hashes -r requirements-uv.lock
	@$(UV) --require-hashes -r requirements.lock
	@$(UV) --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## Bring the whole chain up to date, on the synthetic sample unless told otherwise
	@$(BIN)/qd run $(CHOICES)

ui: $(STAMP) ## Start Dagster's and MLflow's pages on this machine; Ctrl-C stops them
	@$(BIN)/qd ui $(call option,SOURCE,source) $(call option,CLASS_SETS,class-sets) \
		$(call option,DRAWINGS,drawings) $(call option,EPOCHS,epochs)

draw: $(STAMP) ## Start a page to draw on, and see what the champion makes of it
	@$(BIN)/qd draw $(call option,CLASS_SETS,class-sets)

test: $(STAMP) ## Run the whole suite, offline
	@$(PYTEST) --ignore=qd_pipeline_tests/cluster

test-cluster: $(STAMP) ## Run a deployment: PostgreSQL, S3, MLflow, two Ray nodes (make install-cluster first)
	@$(BIN)/python -m pytest qd_pipeline_tests/cluster qd_pipeline_tests/storage -k "cluster or s3 or faulty_server"

install-cluster: $(STAMP) ## Add what a deployment needs, and the S3 server of its tests
	@$(UV) --require-hashes -r requirements-deploy.lock
	@$(UV) --require-hashes -r requirements-ray.lock
	@$(UV) --require-hashes -r requirements-cluster.lock

bench: $(STAMP) ## Measure the data stages against the usual ways (make install-bench first)
	@$(BIN)/python -m benchmarks.drawings

bench-learning: $(STAMP) ## Measure our presets against the notebook's; LARGE=1: on many drawings too
	@$(BIN)/python -m benchmarks.learning $(if $(LARGE),--large) $(call option,SEEDS,seeds)
	@$(BIN)/python -m benchmarks.readme

bench-predict: $(STAMP) ## Measure the champion on drawings as people hand them in
	@$(BIN)/python -m benchmarks.predictions

bench-pages: $(STAMP) ## Measure "Materialize all" in Dagster's pages: the sample, all 345 categories, empty assets
	@$(BIN)/python -m benchmarks.through_pages

bench-scale: $(STAMP) ## Measure all 345 categories: orchestration, memory of a training (a quarter of an hour)
	@$(BIN)/python -m benchmarks.scale

bench-cluster: $(STAMP) ## Measure two one-core Ray nodes against one (make install-cluster first; an hour)
	@$(BIN)/python -m benchmarks.cluster

install-bench: $(STAMP) ## Add what the benchmarks compare with: cairo (Debian's libcairo2), opencv
	@$(UV) --require-hashes -r requirements-bench.lock

stress: $(STAMP) ## Provoke every fault as often as promised, and print the table (half an hour)
	@QD_STRESS=1 $(PYTEST) qd_pipeline_tests/cli/test_browser.py \
		qd_pipeline_tests/stress/test_automation.py \
		$$($(BIN)/python -m qd_pipeline_tests.stress.faults)

audit: $(STAMP) ## List the dependencies' licences, and which have newer releases
	@$(BIN)/pip-licenses --from=mixed --order=license
	@if $(INDEX) index versions pip >/dev/null 2>&1; \
		then $(INDEX) list --outdated 2>/dev/null; \
		else echo "No package index answers: which dependencies have newer releases is not known."; fi

check: $(STAMP) ## Lint, check the format and the types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean: ## Delete the data directory: everything that runs have written
	@rm -rf "$${QD_HOME:-.qd}"
