PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
VERIFIER ?= dist/unlearning-verify.pyz
# No tool underneath phones home from our targets.
export DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true PREFECT_SERVER_ANALYTICS_ENABLED=false DVC_NO_ANALYTICS=1 GX_ANALYTICS_ENABLED=false RAY_USAGE_STATS_ENABLED=0

SIDE_BY_SIDE := --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: help install demo test campaign chaos lint types bench docs verifier clean

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
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

campaign: $(STAMP) ## the slow tests, or one part of them: PART=3/10
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow $(if $(PART),--part $(PART))

chaos: $(STAMP)    ## 200 SIGKILLs of the service and of erasures, or KILLS=50 SEED=3 MINUTES=30 ON=SQLite; writes docs/chaos.md
	$(BIN)/python -m tests.faults.chaos $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ON),--on $(ON))

lint: $(STAMP)     ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

types: $(STAMP)    ## types alone
	$(BIN)/mypy

bench: $(STAMP)    ## writes docs/benchmarks.md: all benchmarks, or ONLY="growth ledger"
	$(BIN)/python -m benchmarks $(ONLY)

docs: $(STAMP)     ## the generated parts of the documentation
	$(BIN)/python -m docs.generate

# Of two rooms alone, without the page, which needs a template engine; it runs wherever Python has `cryptography`.
verifier:        ## dist/unlearning-verify.pyz, which checks certificates and proofs without this package
	@set -e; rooms=$$(mktemp -d); trap 'rm -rf "$$rooms"' EXIT; mkdir -p "$$rooms/unlearning" "$(dir $(VERIFIER))"; \
	cp unlearning/__init__.py "$$rooms/unlearning/"; \
	cp -R unlearning/domain unlearning/certificate "$$rooms/unlearning/"; \
	rm -rf "$$rooms/unlearning/certificate/page"; find "$$rooms" -name __pycache__ -prune -exec rm -rf {} +; \
	$(PYTHON) -m zipapp "$$rooms" --main unlearning.certificate.command:run --python "/usr/bin/env python3" --compress \
	--output "$(VERIFIER)"; echo "$(VERIFIER)"

clean:           ## remove what make made
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
