# Everything a person or a CI machine runs. Debian 12 with Swift 6.1 or later and make is enough: each target
# installs what it needs first (scripts/setup) and is quick when that is there already.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
PROGRAM := .build/release/tributary
# What ran, as XML; .ci/run counts from it.
REPORTS := .work/reports
# The Swift runtime goes into the program, so that it runs where no Swift is installed.
RELEASE := -c release --static-swift-stdlib --product tributary
STRICT := -Xswiftc -warnings-as-errors

# `make demo HOUSEHOLDS=whole` takes the whole data set instead of the sample in the repository; `make bench` takes both
# unless it is told one (or none).
HOUSEHOLDS := sample
BENCH_HOUSEHOLDS := $(if $(filter command% environment%,$(origin HOUSEHOLDS)),$(HOUSEHOLDS),both)
# Customers in the reference job, and rounds of each contender.
SIZES := 20000,500000,5000000
ROUNDS := 5
# Customers of whose rows the microbenchmarks take some.
MICRO_CUSTOMERS := 100000
# How long `make fuzz` runs (SECONDS=600), and with which seed (SEED=7; none: a new one, which it prints).
SECONDS_TO_FUZZ := $(if $(filter command% environment%,$(origin SECONDS)),$(SECONDS),60)
SEED :=
# The streaming benchmark: customers, records, and seconds of steady load for memory (600 shows ten minutes).
CUSTOMERS := 100000
RECORDS := 2000000
SOAK := 60
# The benchmark of snapshots: customers.
SNAPSHOT := 1000000
# Worlds that `make simulate` plays, and the first one's number.
SEEDS := 2000
FROM := 0
# Worlds within which each planted bug must be seen.
CANARY_SEEDS := 9600
# Tests' view of the modules, optimised: in a place of its own, for all of it is built otherwise than the program.
SIMULATION := -c release -Xswiftc -enable-testing --scratch-path .build/simulate --product tributary-simulate
SIMULATE := SWIFT_DETERMINISTIC_HASHING=1 .build/simulate/release/tributary-simulate
# Passed on to pytest, e.g. PYTEST="-k s3 -x".
PYTEST :=

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: build
build: system ## build .build/release/tributary
	swift build $(RELEASE) $(STRICT)
	@ls -l $(PROGRAM)

.PHONY: demo
demo: build ## a grocer's year (examples/complete-journey) as it comes in: a stream, two snapshots, what changed
	@scripts/setup python
	@$(PYTHON) examples/complete-journey/demo.py $(PROGRAM) $(HOUSEHOLDS)

.PHONY: demo-kafka
demo-kafka: build ## the same with a Kafka broker, an S3 server that notifies, and two workers, on this machine
	@scripts/setup python
	@$(PYTHON) examples/complete-journey/demo.py $(PROGRAM) $(HOUSEHOLDS) --kafka

.PHONY: test
test: system ## Swift's tests, then the program's tests from outside (pytest)
	@scripts/setup python
	@rm -rf $(REPORTS) && mkdir -p $(REPORTS)
	swift build --build-tests $(STRICT)
	scripts/swift-tests --skip-build $(STRICT) --xunit-output $(REPORTS)/swift.xml
	TRIBUTARY_PLAIN_LOOPS=1 scripts/swift-tests --skip-build --filter 'ColumnsTests|FormatsTests|PipelineTests' \
	  --xunit-output $(REPORTS)/plain.xml
	swift build $(RELEASE) $(STRICT)
	$(PYTHON) -m pytest Tests/system --junitxml $(REPORTS)/system.xml $(PYTEST)

.PHONY: fuzz
fuzz: system ## damaged input for every reader, for SECONDS=60; SEED=N repeats a run
	swift build -c release --static-swift-stdlib --product tributary-fuzz $(STRICT)
	.build/release/tributary-fuzz --seconds $(SECONDS_TO_FUZZ) $(if $(SEED),--seed $(SEED))

.PHONY: simulate
simulate: system ## the streaming worker in random worlds with faults (SEEDS=2000); SEED=N plays one and tells all of it
	swift build $(SIMULATION) $(STRICT)
	$(SIMULATE) $(if $(SEED),--seed $(SEED) --trace,--seeds $(SEEDS) --from $(FROM))

.PHONY: canaries
canaries: system ## plants bugs in the streaming worker: the simulation must find each (CANARY_SEEDS=9600)
	swift build $(SIMULATION) $(STRICT)
	$(SIMULATE) --canaries --seeds $(CANARY_SEEDS)

.PHONY: lint
lint: system ## formatting and what must not stand in the tree
	@scripts/lint

.PHONY: bench
bench: build microbench-program ## all benchmarks, beside DuckDB, Polars, pandas and Spark (SIZES=20000,500000,5000000 ROUNDS=5)
	@scripts/setup bench
	$(PYTHON) bench/micro.py --customers $(MICRO_CUSTOMERS) --rounds $(ROUNDS)
	$(PYTHON) bench/run.py --sizes $(SIZES) --households $(BENCH_HOUSEHOLDS) --rounds $(ROUNDS)
	$(PYTHON) bench/stream.py --objects $(CUSTOMERS) --records $(RECORDS) --soak $(SOAK)
	$(PYTHON) bench/snapshots.py --customers $(SNAPSHOT) --rounds $(ROUNDS)
	$(PYTHON) bench/s3.py --customers $(CUSTOMERS) --rounds $(ROUNDS)
	$(PYTHON) bench/report.py

.PHONY: microbench
microbench: microbench-program ## each stage of the program alone, beside its limit (MICRO_CUSTOMERS=100000 ROUNDS=5)
	@scripts/setup python
	$(PYTHON) bench/micro.py --customers $(MICRO_CUSTOMERS) --rounds $(ROUNDS)

.PHONY: bench-stream
bench-stream: build ## the streaming job alone: rows/s, latency, memory (CUSTOMERS=100000 RECORDS=2000000 SOAK=60)
	@scripts/setup python
	$(PYTHON) bench/stream.py --objects $(CUSTOMERS) --records $(RECORDS) --soak $(SOAK)

.PHONY: bench-small
bench-small: export BENCH_WORK := .work/bench-small
bench-small: build microbench-program ## all of `make bench` with little data: fails unless everything was measured and agrees
	@scripts/setup bench
	@rm -rf $(BENCH_WORK)
	$(PYTHON) bench/micro.py --customers 2000 --rounds 1 --megabytes 1
	$(PYTHON) bench/run.py --sizes 2000 --households sample --rounds 1
	$(PYTHON) bench/stream.py --objects 2000 --records 20000 --latency 2 --soak 2
	$(PYTHON) bench/snapshots.py --customers 2000 --rounds 1
	$(PYTHON) bench/s3.py --customers 2000 --rounds 1
	$(PYTHON) bench/report.py --check

.PHONY: microbench-program
microbench-program: system
	swift build -c release --static-swift-stdlib --product tributary-microbench $(STRICT)

.PHONY: clean
clean: ## remove what was built, downloaded and generated
	rm -rf .build .venv .work

.PHONY: system
system:
	@scripts/setup system
