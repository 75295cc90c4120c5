PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# No tool underneath phones home from our targets.
export DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true PREFECT_SERVER_ANALYTICS_ENABLED=false DVC_NO_ANALYTICS=1 GX_ANALYTICS_ENABLED=false

.PHONY: help install demo test campaign lint types bench docs clean

help:            ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

install: $(STAMP)  ## .venv with everything in it

demo: $(STAMP)     ## the main job on real data, in ./demo
	rm -rf demo
	$(BIN)/unlearn demo --folder demo

test: $(STAMP)     ## the whole default suite
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

campaign: $(STAMP) ## the slow campaigns too
	$(BIN)/python -m pytest -m "slow or not slow"

lint: $(STAMP)     ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

types: $(STAMP)    ## types alone
	$(BIN)/mypy

bench: $(STAMP)    ## writes docs/benchmarks.md from one run
	$(BIN)/python -m benchmarks

docs: $(STAMP)     ## the generated parts of the documentation
	$(BIN)/python -m docs.generate

clean:           ## remove what make made
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
