# The verbs of this project. Needs Python 3.11 or newer, git and make; everything else goes into .venv.
#
#   PYTHON=python3.12      the interpreter for .venv; without it the newest of 3.14 to 3.11 that is there
#   P=/path                what "scan" looks at
#   ARGS="..."             more arguments for scan, test and bench

P ?= .
ARGS ?=
BIN := .venv/bin
# Other people's programs that read our reports and rules. sarif-multitool brings its own programs; npm makes a package.json
# in .tools, and none here. sarif-tools draws charts as well: in an environment of their own the Python ones burden nobody.
# secretlint's is the last version that runs with Node 20; its rules have the same.
SECRETLINT := secretlint@11.7.1 @secretlint/secretlint-rule-pattern@11.7.1
# A browser, and what judges the HTML page in it; html-validate's is the last version that runs with Node 20.
PAGE_TOOLS := @sparticuz/chromium@153.0.0 axe-core@4.14.1 html-validate@10.17.0
NODE_TOOLS := $(PAGE_TOOLS) @microsoft/sarif-multitool@5.7.0 @actions/core@3.0.1 xlsx@0.18.5 $(SECRETLINT)
PYTHON_TOOLS := sarif-tools==3.0.5 junitparser==5.0.3 junit2html==31.1.4 secscanner2junit==1.1.0 jq==1.13.0

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help scan test lint fmt bench nightly tools picture docs man sbom release-check release clean

help: ## show this list
	@echo "make VERB"
	@sed -n 's/^\([a-z-]*\):.*## /  \1	/p' Makefile | expand -t 10

scan: ## scan this folder, or P=/path, for Boltz keys; ARGS="--format json" and the like are passed on
	@.ci/venv
	@$(BIN)/boltz-keyscan $(ARGS) "$(P)"

test: ## run the tests on all cores; ARGS="tests/detect -k shape" runs some
	@.ci/venv dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -n auto --dist worksteal $(ARGS)

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

nightly: ## all tests at full depth: whole matrices, more examples, thousands of damaged archives; ARGS as for test
	@.ci/venv dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" BOLTZ_KEYSCAN_MUTANTS=5200 BOLTZ_KEYSCAN_NIGHTLY=1 python -m pytest -n auto \
		--dist worksteal $(ARGS)

tools: ## install the programs that read our reports back into .tools, and the packages that pipelines install
	@command -v npm >/dev/null || { echo "error: npm is not on PATH; it comes with Node.js" >&2; exit 1; }
	@npm install --prefix .tools --no-audit --no-fund --loglevel=error $(NODE_TOOLS)
	@.ci/venv browser
	@$(BIN)/python -m tests.browser
	@[ -x .tools/python/bin/python ] || $(BIN)/python -m venv --without-pip .tools/python
	@$(BIN)/uv pip install --quiet --python .tools/python/bin/python $(PYTHON_TOOLS) 2>/dev/null || \
		$(BIN)/python -m pip --python .tools/python/bin/python install -qq --disable-pip-version-check \
		--no-compile $(PYTHON_TOOLS)
	@$(BIN)/python -m pip download -qq --disable-pip-version-check --require-hashes --only-binary :all: \
		--dest .tools/wheels -r pipelines/build.txt -r pipelines/requirements.txt

picture: ## make docs/html-page.png, the picture of the HTML page in the README; needs what "tools" installs
	@.ci/venv dev browser
	@$(BIN)/python -m tests.browser docs/html-page.png

docs: ## build the site of the documents, build/site/index.html; a broken link is an error
	@.ci/venv docs
	@$(BIN)/python .ci/documents.py

man: ## write the manual page, man/boltz-keyscan.1, again; after a change of options
	@.ci/venv
	@$(BIN)/python .ci/manual.py

sbom: ## write pipelines/sbom.cdx.json again, which the wheel carries; after a change of dependencies
	@.ci/venv release
	@$(BIN)/python .ci/sbom.py

release-check: ## prove that this commit can be released: packages built twice, SBOM, installed wheel; ARGS="--tag v0.2.0"
	@.ci/venv release
	@$(BIN)/python .ci/release.py check $(ARGS)

release: ## write VERSION=0.2.0 and OWNER=account into version, changelog and pages; commit and tag it yourself
	@.ci/venv release
	@$(BIN)/python .ci/release.py cut "$(VERSION)" $(if $(OWNER),--owner "$(OWNER)")

clean: ## remove what the other verbs made, all but .bench
	rm -rf .venv .venv-* .tools build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
