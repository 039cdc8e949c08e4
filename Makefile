# Everything a contributor runs. Settings come from the environment: ORC_HOME=/some/dir ORC_PORT=18080 make up
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.set-up

.PHONY: help setup up demo test test-fast faults soak fuzz check format bench rights lock audit wheels sbom pin pinned release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything in it (.venv/bin/orc)

# With uv where it is at hand (seconds), else with pip; both take exactly what requirements.lock names, by hash.
$(STAMP): pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

up: setup ## start the whole stack here, in the foreground (ORC_HOME, ORC_PORT)
	@exec $(BIN)/orc up

demo: setup ## load real files and a paginated API, follow the runs, verify the log, stop
	@$(BIN)/orc demo

test: setup ## every test, on real servers it starts itself
	@$(BIN)/python -m pytest

test-fast: setup ## the tests that need no whole stack
	@$(BIN)/python -m pytest -m "not slow"

faults: setup ## kill, cut, stall, fill and erase every part of a real stack; minutes (docs/reliability.md)
	@ORC_FAULTS=1 $(BIN)/python -m pytest tests/faults

soak: setup ## the fault suite's mixed load for MINUTES=n, a fault a minute
	@ORC_FAULTS=1 ORC_SOAK_MINUTES=$(or $(MINUTES),10) $(BIN)/python -m pytest tests/faults/test_soak.py

fuzz: setup ## CASES=n requests per role that the OpenAPI document allows or forbids, and garbage; hours
	@ORC_FUZZ_CASES=$(or $(CASES),20000) $(BIN)/python -m pytest tests/gateway/test_fuzzing.py tests/gateway/test_raw_sockets.py

check: setup ## what CI checks before the tests: format, lint, types, boundaries
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## let the formatter and the safe fixes run
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## the figures of docs/benchmarks.md, each beside its limit
	@$(BIN)/python benchmarks/run_all.py

rights: setup ## make the NATS manifest and docs/rights.md of rights.toml
	@$(BIN)/python -m orc.rights_files

lock: ## resolve requirements.lock again (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --all-extras --no-annotate --no-header --output-file requirements.lock pyproject.toml

audit: setup ## known vulnerabilities in requirements.lock; STRICT=1 fails when none can be asked; OSV_URL=… asks there
	@$(BIN)/python -m release.audit $(if $(STRICT),--strict) $(if $(OSV_URL),--osv-url $(OSV_URL))

wheels: setup ## fetch every file of requirements.lock into build/wheels, each checked by hash
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
	  --dest build/wheels --requirement requirements.lock

sbom: wheels ## the environment of each service, and its bill of materials: build/sbom-<service>.json
	@for service in gateway auth scheduler executor; do \
	  release/environment.sh $$service build/wheels build/$$service && \
	  cp build/$$service/sbom.json build/sbom-$$service.json || exit 1; \
	done

pin: setup ## look up the digests of all images and write them down; OWN=registry.example/team is where yours are
	@$(BIN)/python -m release.pin $(if $(OWN),--own $(OWN))

pinned: setup ## fail while an image has no digest
	@$(BIN)/python -m release.pin --check

release: check pinned sbom ## what must hold before a release, beside the tests (docs/security/supply-chain.md)
	@$(BIN)/python -m release.audit --strict

clean: ## remove what the targets made, but not ORC_HOME
	@rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
