# Seven commands; `make` alone lists them. All work in .venv, from uv.lock.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
STAMP = .venv/.cro-portal

TEMPLATES = $$(git ls-files '*.html')
# Production settings with a key and a host that are thrown away.
LIKE_PRODUCTION = DJANGO_SETTINGS_MODULE=cro_portal.settings.prod CRO_ALLOWED_HOSTS=portal.example \
  CRO_SECRET_KEY="$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))')"

# `uv` if it is here, else one of our own inside .venv (made by python3 -m venv).
# --inexact: what another command installed (test tools) stays.
define sync
	@start=$$(date +%s); \
	if uv --version >/dev/null 2>&1; then uv=uv; \
	elif .venv/bin/uv --version >/dev/null 2>&1; then uv=.venv/bin/uv; \
	else \
	  for python in python3.12 python3.11 python3; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	  done; \
	  test -n "$$python" || { echo "Python 3.11 or newer is needed (python3 is $$(python3 --version 2>&1 || echo missing)). Install it, or install uv, which brings its own."; exit 1; }; \
	  $$python -m venv .venv || { echo "$$python -m venv failed. On Debian and Ubuntu: apt-get install python3-venv. Or install uv."; exit 1; }; \
	  .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9' || { echo "uv could not be installed by pip: is there a network?"; exit 1; }; \
	  uv=.venv/bin/uv; \
	fi; \
	echo "… Packages into .venv (the first time some 100 MB are fetched)"; \
	test -x $(PYTHON) || $$uv venv --quiet --clear --python '>=3.11,<3.13' .venv 2>/dev/null || $$uv venv --quiet --clear .venv || exit 1; \
	env -u VIRTUAL_ENV -u CONDA_PREFIX UV_PROJECT_ENVIRONMENT=.venv $$uv sync --quiet --frozen --inexact --no-default-groups $(1) \
	  || { echo "The packages of uv.lock could not be installed; what uv said is above. Redis is compiled where no wheel fits (Python 3.13 and newer): that needs gcc and make."; exit 1; }; \
	touch $@; echo "✓ Packages in .venv                $$(($$(date +%s) - start)) s"
endef

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP)-run ## Set up, load the demo, serve on http://127.0.0.1:8000 (PORT=, DEMO_CROS=)
	@exec $(PYTHON) manage.py up --demo

.PHONY: real
real: $(STAMP)-run ## Set up and serve real organizations, apart from the demo, in var/real
	@CRO_VAR=$${CRO_VAR:-var/real} exec $(PYTHON) manage.py up --real

.PHONY: up
up: $(STAMP)-run ## The same without loading the demo
	@exec $(PYTHON) manage.py up

.PHONY: test
test: $(STAMP)-dev ## Set up and pass all tests, in parallel (ARGS= for pytest)
	@exec .venv/bin/pytest -n auto $(ARGS)

.PHONY: check
check: $(STAMP)-dev ## Lint, types, layers, templates, migrations, production settings
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/djade --check --target-version 5.2 $(TEMPLATES)
	.venv/bin/djhtml --check --tabwidth 2 $(TEMPLATES)
	.venv/bin/lint-imports
	.venv/bin/mypy .
	CRO_VAR=var/test $(PYTHON) manage.py makemigrations --check --dry-run
	$(LIKE_PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING
	$(LIKE_PRODUCTION) CRO_VAR="$$(mktemp -d)" sh -c '$(PYTHON) manage.py collectstatic --noinput -v 0; code=$$?; rm -r "$$CRO_VAR"; exit $$code'
	@if uv --version >/dev/null 2>&1; then uv=uv; else uv=.venv/bin/uv; fi; set -x; $$uv lock --check

.PHONY: bench
bench: $(STAMP)-bench ## Measure; prints a table, writes var/bench.json (ONLY=name)
	@exec $(PYTHON) -m bench $(if $(ONLY),--only $(ONLY))

.PHONY: doctor
doctor: $(STAMP)-run ## Say what is wrong with this installation, and how to mend it
	@exec $(PYTHON) manage.py doctor

$(STAMP)-run: uv.lock pyproject.toml
	$(call sync,)

$(STAMP)-dev: uv.lock pyproject.toml
	$(call sync,--group dev)

$(STAMP)-bench: uv.lock pyproject.toml
	$(call sync,--group dev --group bench)
