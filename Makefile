# Plumb's commands. They need Python 3.11 or newer (with venv), make and git; everything else is installed into .venv,
# and everything that is stored lies in .data.

PYTHON ?= python3
PORT ?= 8000
# Options for pytest, as in: make test ARGS="tests/local -k postgres"
ARGS ?=
CHROMIUM ?= $(firstword $(shell command -v chromium-headless-shell chromium chromium-browser google-chrome \
	google-chrome-stable 2>/dev/null) $(wildcard /Applications/Chromium.app/Contents/MacOS/Chromium))
export PORT CHROMIUM

# Programs of .venv are run as modules: the scripts in its bin folder break when the project is moved.
RUN := .venv/bin/python
PIP := $(RUN) -m pip --quiet --quiet --disable-pip-version-check --no-input

# Settings as in production (a public host name makes them so), for the checks of a deployment.
PRODUCTION := env -u DEBUG ALLOWED_HOSTS=crm.example.com LOG_LEVEL=ERROR \
	SECRET_KEY=not-a-secret-but-as-long-and-as-varied-as-one-0123456789

.DEFAULT_GOAL := help
.PHONY: help setup demo test check soak stop clean requirements python port chromium

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

setup: .venv/base.stamp ## Install Plumb and its database; then .venv/bin/python manage.py ... works
	@$(RUN) manage.py migrate --verbosity 0
	@echo "Plumb is set up: 'make demo' shows it, '.venv/bin/python manage.py help' lists its commands."

demo: port .venv/base.stamp ## Run Plumb with demo data until Ctrl-C; PORT=8001 for another port
	@exec $(RUN) -m crm.local.demo

test: .venv/dev.stamp chromium ## Run every test, browser included; ARGS="..." for pytest
	@exec $(RUN) -m pytest -n 2 --dist worksteal $(ARGS)

check: .venv/dev.stamp ## Check style, types, directions of imports, migrations and deployment
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -c "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))"
	$(RUN) manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(RUN) manage.py check --deploy --fail-level WARNING

soak: .venv/dev.stamp chromium ## Run the long forms of the crash, fuzz and race tests
	@CRM_SOAK=1 exec $(RUN) -m pytest -n 2 --dist worksteal -m "crash or soak" $(ARGS)

stop: ## Stop a running demo and the database
	@$(PYTHON) -m crm.local.demo --stop
	@$(PYTHON) -m crm.local.postgres stop --all >/dev/null

clean: stop ## Stop everything and remove .venv and .data, the database with all that is in it included
	@$(PYTHON) -m crm.local.postgres remove --all
	@rm -rf .venv .data

requirements: ## For maintainers: pin what pyproject.toml asks for (needs uv)
	uv lock
	uv export --no-header --no-annotate --no-emit-project --no-dev -o requirements/base.txt >/dev/null
	uv export --no-header --no-annotate --no-emit-project --only-dev -o requirements/dev.txt >/dev/null

# --- what the commands above stand on ---------------------------------------------------------------------------------

.venv/base.stamp: requirements/base.txt | python
	@[ -x $(RUN) ] && $(RUN) -m pip --version >/dev/null 2>&1 || { echo "Making .venv ..."; $(PYTHON) -m venv .venv; }
	@echo "Installing what Plumb needs ..."
	@$(PIP) install --require-hashes -r requirements/base.txt
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/base.stamp
	@echo "Installing what its tests need ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

python:
	@command -v "$(PYTHON)" >/dev/null || { echo "Plumb needs Python 3.11 or newer, and there is no '$(PYTHON)':\
	 install it, or name yours as in 'make $(or $(firstword $(MAKECMDGOALS)),setup) PYTHON=/path/to/python3'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Plumb needs Python 3.11 or newer, and\
	 '$(PYTHON)' is $$($(PYTHON) -V 2>&1): install a newer one and name it, as in\
	 'make $(or $(firstword $(MAKECMDGOALS)),setup) PYTHON=python3.11'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: install it\
	 (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }

# Before the installation, which takes a minute: a wrong or taken port should not wait for it.
port: python
	@$(PYTHON) -m crm.local.demo --check-port

chromium:
	@[ -x "$(CHROMIUM)" ] || { echo "The browser tests need Chromium: install it (Debian, Ubuntu: apt-get install\
	 chromium; macOS: brew install --cask chromium), or name yours as in 'make test CHROMIUM=/path/to/it'." >&2; exit 1; }
