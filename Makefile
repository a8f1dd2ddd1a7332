# Every target sets up what it needs: Python 3.11+ and make are all it takes.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# PYTHON=python3.12 makes the environment with another interpreter, and remains in force.
PYTHON ?=
# Where the hot modules are compiled, and how a command runs the best build there is of the sources.
COMPILED := .cache/compiled
BEST = PYTHONSAFEPATH=1 PYTHONPATH="$$($(BIN)/python requirements/compiled.py $(COMPILED) --where):$(CURDIR)"

.PHONY: ready help setup compiled demo test test-fast test-compiled test-pythons lint bench bench-memory scale \
	soak kafka-up kafka-down chart-tools chart-test image-test cluster-test weather storms pictures dashboards docs \
	format lock clean

ready:
	@sh requirements/environment.sh "$(VENV)" "$(PYTHON)"

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: compiled ## Make .venv with the locked packages, and compile what is hot.

compiled: ready
	@$(BIN)/python requirements/compiled.py $(COMPILED)

demo: ready ## Run Kafka, the consumer and a stand-in for Seg on the sample events.
	@$(BEST) $(BIN)/seg-consumer demo

test: ready ## Run the tests.
	@$(BIN)/python -m pytest

# What is pure, with few made-up examples: no broker, no process, no page.
FAST := tests/core tests/flow tests/avro tests/translate tests/seg tests/observe tests/docs \
	tests/test_layers.py tests/test_settings.py
test-fast: ready ## Run the tests that need no broker and no process, in under a minute.
	@$(BIN)/python -m pytest -q --hypothesis-profile=fast -m "not broker" $(FAST)

test-compiled: compiled ## Run those that need no broker on the compiled build.
	@$(BEST) $(BIN)/python -m pytest -o pythonpath= --ignore=tests/chart --ignore=tests/browser \
		-m "(not broker or guard) and not real and not monitoring"

test-pythons: ready ## Run those that need no broker on the other interpreters (PYTHONS="python3.12 ...").
	@$(BIN)/python -m tests.machines.pythons $(PYTHONS)

lint: ready ## Check style and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: compiled ## Measure against the bare libraries and others (BENCH="--only scale --json").
	@$(BEST) $(BIN)/python -m benchmarks $(BENCH)

bench-memory: compiled ## Watch memory with a full window for ten minutes.
	@$(BEST) $(BIN)/python -m benchmarks.memory --seconds 600

scale: compiled ## Measure many partitions, many keys, a hot key and a backlog of millions (SCALE="--only hot").
	@$(BEST) $(BIN)/python -m benchmarks.large $(SCALE)

soak: ready ## The long tests, and ten minutes of kills and outages (SOAK="--brokers real").
	@SEG_TEST_SOAK=1 $(BIN)/python -m pytest tests/kafka
	@$(BEST) $(BIN)/python -m tests.soak $(SOAK)

kafka-up: ready ## Start a real Kafka that stays, print its address (BROKERS=3; needs java and mvn).
	@$(BIN)/python -m tests.kafka_real up --brokers $(or $(BROKERS),1)

kafka-down: ready ## End it and remove its data.
	@$(BIN)/python -m tests.kafka_real down

chart-tools: ready ## Fetch helm, the schema checkers and Prometheus into .tools.
	@$(BIN)/python -m tests.chart.tools

chart-test: chart-tools ## Check the chart, the image, the compose file, the rules and the dashboards.
	@$(BIN)/python -m pytest tests/chart tests/monitoring

image-test: ready ## Build the image with buildah and run it with runc (needs root).
	@SEG_TEST_IMAGE=1 $(BIN)/python -m pytest tests/image -rsP

cluster-test: ready ## Walk a release's life on a cluster: KUBECONFIG's, or one of its own (needs root).
	@$(BIN)/python -m tests.cluster

weather: compiled ## Simulate hours of a Seg that fails, into docs/weather.md (minutes compiled, else half an hour).
	@$(BEST) $(BIN)/python -m tests.seg.grid

storms: ready ## Run the program at a Seg that fails, into docs/weather.md (a quarter of an hour).
	@$(BIN)/python -m tests.seg.storms

pictures: chart-tools ## Make the pictures of the docs out of a real outage, under Prometheus (five minutes).
	@$(BIN)/python -m tests.pictures

dashboards: ready ## Make the Grafana dashboards anew.
	@$(BIN)/python -m deploy.grafana

docs: ready ## Make the tables of the README and of the chart anew.
	@$(BIN)/python -m tests.docs.tables
	@$(BIN)/python -m tests.chart.generate

format: ready ## Lay the code out.
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

RESOLVE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links

lock: ready ## Resolve the dependencies anew, with hashes.
	@$(RESOLVE) pyproject.toml -o requirements/run.txt
	@$(RESOLVE) -c requirements/run.txt --group pyproject.toml:dev pyproject.toml -o requirements/dev.txt
	@$(RESOLVE) -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	@$(RESOLVE) requirements/chart.in -o requirements/chart.txt
	@$(RESOLVE) requirements/bench.in -o requirements/bench.txt

clean: ## Remove what the targets made.
	rm -rf $(VENV) .tools .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage dist
