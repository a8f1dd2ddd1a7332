# Every target sets up what it needs: Python 3.11+ and make are all it takes.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

$(READY): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help setup demo test test-fast lint bench bench-memory soak kafka-up kafka-down chart-tools chart-test dashboards docs format lock clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv with the locked packages.

demo: $(READY) ## Run Kafka, the consumer and a stand-in for Seg on the sample events.
	@$(BIN)/seg-consumer demo

test: $(READY) ## Run the tests.
	@$(BIN)/python -m pytest

# What is pure, with few made-up examples: no broker, no process, no page.
FAST := tests/core tests/flow tests/avro tests/translate tests/seg tests/observe tests/docs \
	tests/test_layers.py tests/test_settings.py
test-fast: $(READY) ## Run the tests that need no broker and no process, in under a minute.
	@$(BIN)/python -m pytest -q --hypothesis-profile=fast -m "not broker" $(FAST)

lint: $(READY) ## Check style and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY) ## Measure against the bare libraries and others (BENCH="--only scale --json").
	@$(BIN)/python -m benchmarks $(BENCH)

bench-memory: $(READY) ## Watch memory with a full window for ten minutes.
	@$(BIN)/python -m benchmarks.memory --seconds 600

soak: $(READY) ## The long tests, and ten minutes of kills and outages (SOAK="--brokers real").
	@SEG_TEST_SOAK=1 $(BIN)/python -m pytest tests/kafka
	@$(BIN)/python -m tests.soak $(SOAK)

kafka-up: $(READY) ## Start a real Kafka that stays, print its address (BROKERS=3; needs java and mvn).
	@$(BIN)/python -m tests.kafka_real up --brokers $(or $(BROKERS),1)

kafka-down: $(READY) ## End it and remove its data.
	@$(BIN)/python -m tests.kafka_real down

chart-tools: $(READY) ## Fetch helm, the schema checkers and Prometheus into .tools.
	@$(BIN)/python -m tests.chart.tools

chart-test: chart-tools ## Check the chart, the image, the compose file, the rules and the dashboards.
	@$(BIN)/python -m pytest tests/chart tests/monitoring

dashboards: $(READY) ## Make the Grafana dashboards anew.
	@$(BIN)/python -m deploy.grafana

docs: $(READY) ## Make the tables of the README and of the chart anew.
	@$(BIN)/python -m tests.docs.tables
	@$(BIN)/python -m tests.chart.generate

format: $(READY) ## Lay the code out.
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

RESOLVE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links

lock: $(READY) ## Resolve the dependencies anew, with hashes.
	@$(RESOLVE) pyproject.toml -o requirements/run.txt
	@$(RESOLVE) -c requirements/run.txt --group pyproject.toml:dev pyproject.toml -o requirements/dev.txt
	@$(RESOLVE) -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	@$(RESOLVE) requirements/chart.in -o requirements/chart.txt
	@$(RESOLVE) requirements/bench.in -o requirements/bench.txt

clean: ## Remove what the targets made.
	rm -rf $(VENV) .tools .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage dist
