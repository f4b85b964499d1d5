# Everything here needs Python 3.11 or later, git and make, and brings the rest itself.
PYTHON ?= python3
# what pytest is given beside setup.cfg: a part of the tests, another number of processes, …
PYTEST_ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder
LOCK_ARGS ?=
# how many generated requests `make fuzz` makes for each seed
FUZZ_REQUESTS ?= 67000
FUZZ_SEEDS ?= 1 2 3
# the storms that `make storm` makes, one for each seed; a run whose figures are in .storm is not done again
STORM_SEEDS ?= 1 2 3 4 5
STORM_ARGS ?=
# what each part of `make proof` came to: kept with the code, so that a part can be run on another machine or another day
FIGURES := tests/proof/figures
# what they are of: all files but those that say only how things stand
NOT_PROVED := ':!*.md' ':!docs' ':!$(FIGURES)'
CODE = git ls-files --stage -- . $(NOT_PROVED) | git hash-object --stdin

VENV := .venv
BIN := $(VENV)/bin
# A user's own settings must not decide what is installed, nor where modules come from.
unexport PYTHONPATH PYTHONHOME PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET PIP_PREFIX
# The recipes find the CLI by this file: it holds the directory that tools/pulumi/install printed.
PULUMI := $(VENV)/pulumi-directory
WITH_TOOLS = PATH="$$PWD/$(BIN):$$(cat $(PULUMI)):$$PATH"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-clouds test proof mutants coverage faults fuzz long storm \
	lint format lock reference pictures types wheels clean pulumi

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/installed pulumi ## everything that the demo and the tests need (minutes the first time, then a second)

demo: setup ## the main job on your screen: a credential and two groups from Pulumi, verified; somebody let in and out
	@$(WITH_TOOLS) $(BIN)/python -m examples.demo

demo-clouds: $(VENV)/installed ## stand-ins for all four clouds, with credentials to try EntryGuard with by hand
	@$(BIN)/python -m tests.clouds

test: setup lint ## lint, then every test
	@$(WITH_TOOLS) $(BIN)/python -m pytest $(PYTEST_ARGS)

coverage: setup ## every test, and how much of the code they run (fails below 95 %)
	@rm -f .coverage .coverage.*
	@$(WITH_TOOLS) $(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	@$(BIN)/python -m tests.proof.covered

# What a test finds out about a mutant is not noted: it is nothing that the product does.
mutants: $(VENV)/installed ## plants bugs into the code that matters most, and fails if too many live (half an hour)
	@rm -rf mutants
	@env -u PROOF_LEDGER $(BIN)/mutmut run --max-children 2 | tail -n 1
	@$(BIN)/python -m tests.proof.mutants

faults: setup ## the tests with Redis and PostgreSQL in every bad state (an hour)
	@$(BIN)/python -m tests.proof.neighbours

fuzz: $(VENV)/installed ## 200,000 requests made of the OpenAPI document, on three seeds (an hour)
	@FUZZ_REQUESTS=$(FUZZ_REQUESTS) FUZZ_SEEDS="$(FUZZ_SEEDS)" \
	$(BIN)/python -m pytest -n $(words $(FUZZ_SEEDS)) --dist loadgroup tests/proof/test_generated_requests.py

storm: $(VENV)/installed ## 10,000 sessions under 1,000 kill -9, a cloud away, Redis away, and docs/storm.md anew (two hours)
	@$(BIN)/python -m benchmarks.storm --seed $(STORM_SEEDS) --figures .storm --page $(STORM_ARGS)

long: setup ## every test in its longest form (hours); last, by themselves, those that measure time
	@$(WITH_TOOLS) PROOF_FULL=1 $(BIN)/python -m pytest $(PYTEST_ARGS) -m "not alone"
	@$(WITH_TOOLS) PROOF_FULL=1 $(BIN)/python -m pytest -m alone

# The longest first: it finds the most, and what it finds is to be mended before the rest is run.
proof: setup ## all of the proof (hours; only those parts that have no figures of this code), and docs/testing.md anew
	@[ -z "$$(git status --porcelain -- . $(NOT_PROVED))" ] || \
	{ echo "commit first: figures are kept of what is committed" >&2; exit 1; }
	@[ "$$($(CODE))" = "$$(cat $(FIGURES)/of 2>&1)" ] || \
	{ rm -rf $(FIGURES); mkdir -p $(FIGURES); $(CODE) > $(FIGURES)/of; }
	@$(MAKE) --no-print-directory --jobs=1 $(foreach part,long coverage mutants faults fuzz,$(FIGURES)/$(part).jsonl)
	@$(BIN)/python -m tools.proof $(FIGURES)

$(FIGURES)/%.jsonl:
	@rm -rf .proof
	@PROOF_LEDGER=$(CURDIR)/.proof $(MAKE) --no-print-directory $*
	@cat $$(ls -rt .proof/*.jsonl) > $@

lint: $(VENV)/installed ## ruff, mypy and the rules about who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed ## lay the code out as lint wants it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: $(VENV)/installed ## docs/reference.md anew, from the code
	$(BIN)/python -m tools.reference

pictures: $(VENV)/installed ## docs/pictures anew: the pages through a real server and browser, with every cloud's stand-in
	@$(BIN)/python -m tests.web.pictures

types: $(VENV)/installed ## the Pulumi package's typed credentials and least privilege anew, from the clouds' declarations
	$(BIN)/python -m tools.types

wheels: $(VENV)/installed ## both wheels, into dist/
	@rm -rf dist build pulumi_entryguard/build
	$(BIN)/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . ./pulumi_entryguard
	@rm -rf build pulumi_entryguard/build

# uv and not pip-compile: one lock for every Python and platform (redis needs one package more before Python 3.11.3).
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS)
lock: $(VENV)/installed ## the locks anew, from what the two setup.cfg ask for (LOCK_ARGS=--upgrade: the newest)
	printf 'pip\nsetuptools >=80\n' | $(COMPILE) - --output-file requirements-build.txt
	$(COMPILE) setup.cfg pulumi_entryguard/setup.cfg requirements-build.txt --extra test --extra lock \
		--output-file requirements-dev.txt
	$(COMPILE) setup.cfg --constraint requirements-dev.txt --output-file requirements.txt

clean: ## away with all that was made here (the Pulumi CLI stays in its cache)
	rm -rf $(VENV) dist build pulumi_entryguard/build *.egg-info pulumi_entryguard/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=…")'
	@echo "making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/libraries: requirements-dev.txt | $(BIN)/python
	@echo "installing the locked libraries (about a minute)"
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

BUILD_FILES := pyproject.toml setup.cfg pulumi_entryguard/pyproject.toml pulumi_entryguard/setup.cfg
$(VENV)/installed: $(VENV)/libraries $(BUILD_FILES)
	@echo "installing EntryGuard's two packages"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . --editable ./pulumi_entryguard
	@touch $@

pulumi: | $(BIN)/python
	@$(BIN)/python tools/pulumi/install > $(PULUMI)
