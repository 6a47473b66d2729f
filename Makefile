# Needs Python 3.10 to 3.13 and make, nothing else: every tool goes into an environment in this folder.
PYTHON ?= python3
export PYTHON
# Where this is set, every process would compile again what it imports.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
POETRY := .tools/bin/poetry
IMAGE := integration_tests/image
SCRIPTS := .ci/run .ci/environment .ci/audit $(IMAGE)/build.sh $(IMAGE)/bin/docker
# On two cores, four processes: tests wait about as long as they compute.
PYTEST := $(BIN)/python -m pytest -n 4 --dist worksteal
# What needs an environment of its own has a target of its own.
ROOMS := destinations dbt_package image package
INTEGRATION := integration_tests $(ROOMS:%=--ignore=integration_tests/%) -m "not image_tests and not pyairbyte"

.DEFAULT_GOAL := help
.PHONY: help demo test lint types workflows unit integration fuzz destinations dbt dbt-sql dbt-test package-test image image-test qa audit \
	bench form spec build version lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.installed .venv-demo/.installed ## Sync an emulated Kore.ai into DuckDB, twice, and show what it holds
	@.venv-demo/bin/python demo/run_demo.py

test: lint types workflows ## Lint, types, unit tests, and the connector's command line against the emulator
	@$(PYTEST) unit_tests $(INTEGRATION)

lint: .venv/.installed .tools/.installed ## Check the code (ruff), the Dockerfile (hadolint) and scripts (shellcheck)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@.tools/bin/hadolint Dockerfile
	@.tools/bin/shellcheck $(SCRIPTS)

types: .venv/.installed ## Check types (mypy, strict)
	@$(BIN)/mypy

workflows: .tools/.installed ## Check the GitHub workflows (their schema; zizmor)
	@.tools/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.tools/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@.tools/bin/zizmor --quiet --offline --persona pedantic .github

unit: .venv/.installed ## Run the unit tests
	@$(PYTEST) unit_tests

integration: .venv/.installed ## Run the tests against the emulator
	@$(PYTEST) $(INTEGRATION)

fuzz: .venv/.installed ## Read thousands of made-up servers, looking for one of which a row is lost (long)
	@EXAMPLES=200000 SEED=$${SEED:-$$(date +%s)00000} $(PYTEST) --timeout=0 unit_tests/test_reading_fuzz.py

destinations: $(patsubst %,%/.installed,.venv .venv-demo .venv-dbt .venv-lake .venv-snowflake) ## Sync into databases and onto S3
	@$(PYTEST) integration_tests/destinations integration_tests/test_snippets.py -m "not image_tests"

DATABASE ?= kore.duckdb
dbt: $(DATABASE) .venv-demo/.installed ## Run the dbt package on a DuckDB file and draw report.html: make dbt DATABASE=kore.duckdb
	@KORE_DUCKDB=$(abspath $(DATABASE)) .venv-demo/bin/dbt build --quiet --project-dir dbt --profiles-dir dbt
	@KORE_DUCKDB=$(abspath $(DATABASE)) .venv-demo/bin/python dbt/report report.html
# dbt would make an empty one.
$(DATABASE):
	@echo "There is no $(DATABASE). Name the DuckDB file that PyAirbyte wrote: make dbt DATABASE=..." >&2; exit 1

WAREHOUSE ?= duckdb
dbt-sql: .venv-dbt/.installed ## Print it as one SQL script: make dbt-sql WAREHOUSE=duckdb|postgres|snowflake|bigquery
	@.venv-dbt/bin/python dbt/print_sql.py $(WAREHOUSE)

dbt-test: $(patsubst %,%/.installed,.venv .venv-demo .venv-dbt .venv-dbt-oldest .venv-focus .venv-snowflake) ## Run the dbt package's tests
	@$(PYTEST) integration_tests/dbt_package

package-test: .venv/.installed .venv-release/.installed ## Build the package; install it on every Python that is here
	@$(PYTEST) --dist loadfile integration_tests/package

image: ## Build the image (on another base: BASE_IMAGE=...)
	@$(IMAGE)/bin/docker build $(BASE_IMAGE:%=--build-arg BASE_IMAGE=%) \
		--tag airbyte/source-kore-llm-logs:$$($(MAKE) --silent version) .

image-test: .venv/.installed ## Build the image and run its tests (as root, installs podman)
	@$(IMAGE)/build.sh --install $(MAY_SKIP:%=|| [ $$? -eq 77 ])
	@$(BIN)/python -m pytest integration_tests -m image_tests

qa: .venv-qa/.installed ## Run Airbyte's own QA checks
	@DO_NOT_TRACK=1 .venv-qa/bin/python -W ignore integration_tests/airbyte_qa.py

AUDIT_FOLDER ?= .tools
audit: .tools/.installed .venv-release/.installed ## Look the dependencies up among known vulnerabilities
	@.ci/audit $(AUDIT_FOLDER) $(AUDIT_OPTIONS)

bench: .venv/.installed .venv-bench/.installed ## Measure speed and memory (ROWS=5000 for a quick look)
	@$(BIN)/python -m benchmarks.run_benchmarks $(ROWS:%=--rows % --repetitions 1)

form: .venv/.installed ## Draw the picture of the configuration form for the docs (needs Chromium)
	@$(BIN)/python -m integration_tests.form.picture

spec: .venv/.installed ## Print the connector's specification
	@$(BIN)/source-kore-llm-logs spec

# Without SOURCE_DATE_EPOCH, Poetry writes one fixed date into both: their bytes depend on the source alone.
build: .tools/.installed ## Build the wheel and the sdist into dist/, the same bytes each time
	@env -u SOURCE_DATE_EPOCH $(POETRY) build --quiet --clean --output dist

version: ## Print the version
	@sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml

lock: .tools/.installed ## Bring poetry.lock up to date with pyproject.toml
	@$(POETRY) lock

clean: ## Remove the environments and everything that was made
	rm -rf .venv .venv-* .tools build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What each environment holds: the first file lists it, and includes the others. `.venv` holds what poetry.lock says.
.tools/.installed: .ci/tools-requirements.txt
	@.ci/environment .tools $^ && touch $@
.venv/.installed: .tools/.installed pyproject.toml poetry.lock
	@$(POETRY) export --quiet --with dev --output .tools/locked.txt
	@.ci/environment .venv .tools/locked.txt --require-hashes --no-deps
	@VIRTUAL_ENV=$(CURDIR)/.venv $(POETRY) install --quiet --only-root && touch $@
.venv-demo/.installed: demo/requirements.txt dbt/requirements.txt
# PyAirbyte, which does not fit into one environment with a connector, claims no newer Python.
.venv-demo/.installed: export NEWEST = 3.12
.venv-bench/.installed: benchmarks/requirements.txt
.venv-release/.installed: .ci/release-requirements.txt
.venv-dbt/.installed: dbt/requirements-dev.txt
.venv-dbt-oldest/.installed: dbt/requirements-oldest.txt
.venv-focus/.installed: integration_tests/dbt_package/focus-requirements.txt
# It claims 3.12 or newer, and runs on all: a version that is nowhere makes the environment ignore the claim.
.venv-focus/.installed: export NEWEST = 3.9
.venv-qa/.installed: integration_tests/airbyte_qa_requirements.txt
.venv-lake/.installed: integration_tests/destinations/lake-requirements.txt
.venv-snowflake/.installed: integration_tests/destinations/snowflake-requirements.txt
.venv-%/.installed: | .tools/.installed
	@.ci/environment .venv-$* $(firstword $^) && touch $@
