# Corecast: every task of a developer. `make` alone lists them.

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CORECAST := $(TARGET_DIR)/release/corecast
CORECAST_BENCH := $(TARGET_DIR)/release/corecast-bench
SIMULATE := $(TARGET_DIR)/checked/corecast-simulate

# Further flags of `corecast-bench compare`, for `make demo`, `make bench`, `make bench-peers` and `make ladder`, such as
# `make demo ARGS="--subscribers 100"` and `make bench ARGS="--only paced,saturate --rounds 3"`.
# `make bench-micro` passes them to the comparison (ARGS="--tolerance 0.5"), `make bench-criterion` to criterion (ARGS=crc32).
ARGS ?=

# The results that `make report` draws: by default what was measured last.
RESULTS ?= $(shell find results -mindepth 2 -name '*.json' -printf '%T@ results/%P\n' 2>/dev/null | sort -rn | sed -n '1s:^[^ ]* \(results/[^/]*/\).*:\1:p')
# What `make simulate` runs, e.g. `make simulate SEEDS=1000000 ARGS="--first 5000 --steps 1000"`.
SEEDS ?= 100000

# What `make fuzz` mutates, and for how long; also how long `make soak` takes. `fuzz/fuzz_targets/` has the targets.
TARGET ?= connection
SECONDS ?= 60

# What `make mutants` mutates. It passes ARGS to cargo-mutants: `make mutants PACKAGES=corecast-fanout ARGS="--shard 0/8"`.
PACKAGES ?= corecast-wire corecast-session corecast-fanout corecast-shard

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What the load generator's reports name as its commit.
build: export CORECAST_COMMIT := $(shell git describe --always --exclude '*' --dirty=-changed 2>/dev/null)

.PHONY: build
build: ## Build the binaries corecast and corecast-bench in release
	$(CARGO) build --release --locked --bin corecast --bin corecast-bench

.PHONY: demo
demo: build ## Compare the policies under 1,000 subscribers and 8 publishers (ARGS=... for compare's flags)
	$(CORECAST_BENCH) compare --keep-invalid $(ARGS)

.PHONY: bench
bench: build ## Measure the policies in every scenario, into results/ (ARGS=... for compare's flags)
	CORECAST_BENCH=$(CORECAST_BENCH) scripts/bench.sh $(ARGS)

.PHONY: bench-peers
bench-peers: build ## The same with redis-server and nats-server beside them
	CORECAST_BENCH=$(CORECAST_BENCH) scripts/peers.sh scripts/bench.sh --peer @redis --peer @nats $(ARGS)

.PHONY: ladder
ladder: build ## Measure every rung of docs/LADDER.md in turns, into results/ (ARGS=... for compare's flags)
	CORECAST_BENCH=$(CORECAST_BENCH) scripts/ladder.sh $(ARGS)

.PHONY: report
report: build ## Draw the latest results as an HTML page (RESULTS=results/DIRECTORY for others)
	@test -n "$(RESULTS)" || { echo "there are no results: make bench" >&2; exit 2; }
	$(CORECAST_BENCH) report $$(find $(RESULTS) -name '*.json' | sort -V) --title "Corecast measured: $(notdir $(patsubst %/,%,$(RESULTS)))" \
		--html $(patsubst %/,%,$(RESULTS))/report.html
	@echo $(patsubst %/,%,$(RESULTS))/report.html

.PHONY: bench-micro
bench-micro: ## Count the hot path's instructions under callgrind and compare them with the baseline
	$(CARGO) run --quiet --locked -p corecast-micro --bin instructions -- $(ARGS)

.PHONY: bench-micro-baseline
bench-micro-baseline: ## Write the counts of `bench-micro` as the new baseline
	$(CARGO) run --quiet --locked -p corecast-micro --bin instructions -- --write

.PHONY: bench-criterion
bench-criterion: ## Time the hot path's parts with criterion (ARGS=... for its filter and flags)
	$(CARGO) bench --locked -p corecast-micro --bench timings -- $(ARGS)

.PHONY: bench-subjector
bench-subjector: ## Time calls of the subjector crate under contention and draw them (ARGS=... for criterion's filter)
	$(CARGO) bench --locked -p corecast-subjector -- $(ARGS)
	$(CARGO) run --quiet --locked -p corecast-micro --bin contention -- $(TARGET_DIR)/criterion $(TARGET_DIR)/subjector.html

.PHONY: test
test: ## Run every test, the documentation's examples included
	$(CARGO) test --workspace --locked

.PHONY: test-sharded
test-sharded: ## Test the binary that is built without the baselines
	$(CARGO) test -p corecast --no-default-features --locked --test policies --target-dir $(TARGET_DIR)/sharded

.PHONY: configuration
configuration: ## Write the settings in docs/CONFIGURATION.md from the definitions of the flags
	WRITE_CONFIGURATION=1 $(CARGO) test --quiet --locked -p corecast --bin corecast configuration

.PHONY: simulate
simulate: ## Run simulated seeds against the model (SEEDS=..., ARGS=... for its flags, e.g. ARGS="--seed 7")
	$(CARGO) build --profile checked --locked -p corecast-simulator
	$(SIMULATE) $(if $(findstring --seed ,$(ARGS)),,--seeds $(SEEDS)) $(ARGS)

.PHONY: faults
faults: ## Remove one decision of the shard at a time; fail if the simulator does not find it (some ten minutes; NAMES=... for some)
	scripts/faults.sh $(NAMES)

# What it finds new goes below fuzz/target; fuzz/corpus, which every `make test` replays, is only read.
.PHONY: fuzz
fuzz: ## Mutate what a peer may send (TARGET=..., SECONDS=...; needs cargo-fuzz, a nightly toolchain and C++)
	mkdir -p fuzz/target/corpus/$(TARGET)
	$(CARGO) +nightly fuzz run --features libfuzzer $(TARGET) fuzz/target/corpus/$(TARGET) fuzz/corpus/$(TARGET) \
		-- -max_total_time=$(SECONDS) -max_len=4096

# cargo-mutants exits with 3 if every mutant was noticed, some of them by a test that did not end.
.PHONY: mutants
mutants: ## Change wire, session, fanout and shard one place at a time; fail if no test notices (PACKAGES=..., ARGS=...; needs cargo-mutants)
	@$(CARGO) mutants --version >/dev/null 2>&1 || { \
		echo "mutants: cargo-mutants is not installed; install it with: cargo install cargo-mutants --locked" >&2; exit 2; }
	@mkdir -p $(TARGET_DIR)
	@$(CARGO) mutants $(addprefix --package ,$(PACKAGES)) --output $(TARGET_DIR) $(ARGS) || [ $$? -eq 3 ]

.PHONY: soak
soak: build ## Hold a server under hostile clients against a quiet one, and judge (SECONDS=..., by default 240, at least 120)
	CORECAST=$(CORECAST) CORECAST_BENCH=$(CORECAST_BENCH) scripts/soak.sh $(if $(filter-out file,$(origin SECONDS)),$(SECONDS),240)

.PHONY: loom
loom: ## Explore every interleaving of the subjector crate's Spin, Mutex and Alone
	RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 $(CARGO) test -p corecast-subjector --locked --release \
		--target-dir $(TARGET_DIR)/loom --test loom

.PHONY: check
check: fmt-check clippy test test-sharded doc deny ## Everything that must hold before a change goes in

.PHONY: fmt
fmt: ## Format the code
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check: ## Fail if the code is not formatted
	$(CARGO) fmt --all --check

.PHONY: clippy
clippy: ## Lint every target; a warning is an error
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: doc
doc: ## Build the API documentation; a warning is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# crates/testkit/tests/dependencies.rs holds licences, banned crates and sources against deny.toml in every `make test`;
# cargo-deny, which takes minutes to compile, looks at more and is used where it is installed.
.PHONY: deny
deny: ## Check licences, bans and sources with cargo-deny, where it is installed
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny --locked check licenses bans sources; \
	else \
		echo "deny: cargo-deny is not installed; the tests (dependencies.rs) hold licences, banned crates and sources against deny.toml"; \
	fi

.PHONY: advisories
advisories: ## Check the dependencies for known vulnerabilities (needs cargo-deny and the network)
	$(CARGO) deny --locked check advisories

.PHONY: clean
clean: ## Remove everything that was built
	$(CARGO) clean
