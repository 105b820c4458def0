# The verbs of this project. Needs Python 3.11 or newer, git and make; everything else goes into .venv.
#
#   PYTHON=python3.12      the interpreter for .venv; without it the newest of 3.13, 3.12, 3.11 that is there
#   P=/path                what "scan" looks at
#   ARGS="..."             more arguments for scan, test and bench

P ?= .
ARGS ?=
BIN := .venv/bin
# Its own programs come with it: npm makes a package.json there, and none here.
MULTITOOL := @microsoft/sarif-multitool@5.7.0

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help scan test lint fmt bench tools clean

help: ## show this list
	@echo "make VERB"
	@sed -n 's/^\([a-z]*\):.*## /  \1	/p' Makefile | expand -t 10

scan: ## scan this folder, or P=/path, for Boltz keys; ARGS="--format json" and the like are passed on
	@.ci/venv
	@$(BIN)/boltz-keyscan $(ARGS) "$(P)"

test: ## run the tests on all cores; ARGS="tests/detect -k shape" runs some
	@.ci/venv dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -n auto $(ARGS)

lint: ## ruff, its formatter, and mypy
	@.ci/venv dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: ## format, and fix what ruff can
	@.ci/venv dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: ## measure against git, ripgrep, kingfisher and detect-secrets; REPO=/path/to/clone uses a real one
	@.ci/venv
	@$(BIN)/python -m benchmarks $(ARGS)

tools: ## fetch into .tools the SARIF validator, with npm, and the packages that pipelines install
	@command -v npm >/dev/null || { echo "error: npm is not on PATH; it comes with Node.js" >&2; exit 1; }
	@npm install --prefix .tools --no-audit --no-fund --loglevel=error $(MULTITOOL)
	@.ci/venv
	@$(BIN)/python -m pip download -qq --disable-pip-version-check --require-hashes --only-binary :all: \
		--dest .tools/wheels -r pipelines/build.txt -r pipelines/requirements.txt

clean: ## remove what the other verbs made, all but .bench
	rm -rf .venv .venv-* .tools build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
