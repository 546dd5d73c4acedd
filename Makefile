# Every target works on a fresh clone and sets up what it needs; ARGS goes to the command it ends in:
#   make test ARGS='-k rollover'    make run ARGS='--web.listen-address=:9999'    make lock ARGS=--upgrade

# The first that runs, not the first that is found: a version manager's shim may lead nowhere.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
ARGS ?=

export PATH := $(CURDIR)/.tools/usr/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

IN := .venv/bin/python -m
# A lock is installed as it stands: old pips that resolve again want what the index has got since, and then refuse it.
INSTALL := $(IN) pip install --quiet --require-hashes --no-deps
UV := .tools/uv/bin/uv
# Wheels only: building from source would bring build tools that no lock names.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--only-binary :all: --emit-build-options --custom-compile-command 'make lock'

.PHONY: help run demo-stack test check lint prometheus xmlsec1 chromium golden dashboards pictures bench soak lock clean
.NOTPARALLEL:

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf 'make %-10s %s\n' "$$name" "$$text"; done

run: .venv/runtime ## watch the demo: a simulated federation service in every state of its rollover
	@.venv/bin/fedmeta-exporter demo $(ARGS)

demo-stack: .venv/runtime prometheus ## the demo with Prometheus and Alertmanager, and Grafana where it is installed
	@PYTHONPATH=tests $(IN) demo_stack

# A file at a time, so that what its tests share is made once; in order, so that the many small ones come last.
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder

test: .venv/development prometheus xmlsec1 chromium ## run all tests, on every core; ARGS='-n 0' one after the other
	$(IN) pytest $(SIDE_BY_SIDE) $(ARGS)

# Thousands of worlds and lives. The other tests run every branch without them, and to be traced takes three times as long.
UNTRACED := $(addprefix tests/,alerts dashboards lives property replay)

check: lint prometheus xmlsec1 chromium ## all that continuous integration asks for: lint, types, layers, tests, coverage
	$(IN) pytest --cov=exporter $(SIDE_BY_SIDE) $(addprefix --ignore=,$(UNTRACED)) $(ARGS)
	$(IN) pytest $(SIDE_BY_SIDE) $(UNTRACED) $(ARGS)

lint: .venv/development
	$(IN) ruff check .
	$(IN) ruff format --check .
	$(IN) mypy
	$(IN) mypy --platform win32 --cache-dir .mypy_cache/win32 exporter
	.venv/bin/lint-imports --no-logo

prometheus xmlsec1 chromium:
	@.ci/system-packages $@

golden: .venv/development prometheus xmlsec1 chromium ## rewrite the expected outputs; review the diff
	$(IN) pytest --update-golden $(ARGS)

dashboards: .venv/runtime ## write the dashboards anew from dashboards/*.py; ARGS=--check only compares
	$(IN) dashboards.build $(ARGS)

pictures: .venv/development chromium ## write the pictures of the pages in docs/pictures anew, from the demo
	PYTHONPATH=tests $(IN) browser.pictures

bench: .venv/development prometheus ## print how fast it is on this machine; ARGS=rules what the alert rules cost, ARGS=boards the boards
	PYTHONPATH=tests $(IN) bench $(ARGS)

soak: .venv/development ## run for an hour and more what tests have no time for; ARGS='NAME …' only that
	PYTHONPATH=tests $(IN) soak $(ARGS)

lock: $(UV) ## write the lock files anew from pyproject.toml
	$(COMPILE) pyproject.toml --output-file requirements.lock $(ARGS) >/dev/null
	$(COMPILE) --group build --output-file requirements-build.lock $(ARGS) >/dev/null
	$(COMPILE) pyproject.toml --group dev --constraint requirements.lock --constraint requirements-build.lock \
		--output-file requirements-dev.lock $(ARGS) >/dev/null

clean: ## remove all that these targets made
	rm -rf .venv .tools build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/runtime: requirements.lock requirements-build.lock pyproject.toml exporter/__init__.py
	@.ci/system-packages python '$(PYTHON)'
	@echo 'setting up .venv for $(PYTHON)'
	@$(IN) pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear .venv
	@$(INSTALL) -r requirements.lock -r requirements-build.lock
	@$(IN) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/development: .venv/runtime requirements-dev.lock
	@echo 'setting up .venv for development'
	@$(INSTALL) -r requirements-dev.lock
	@touch $@

# Not locked: a lock that does not install must not prevent the next one, and what uv writes is reviewed.
$(UV):
	@.ci/system-packages python '$(PYTHON)'
	@'$(PYTHON)' -m venv --clear .tools/uv
	@.tools/uv/bin/pip install --quiet uv
