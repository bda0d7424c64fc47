# Corecast: every task of a developer. `make` alone lists them.

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CORECAST := $(TARGET_DIR)/release/corecast

# What `make demo` passes to `corecast compare`, e.g. `make demo ARGS="--subscribers 100"`.
ARGS ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the corecast binary in release
	$(CARGO) build --release --locked --bin corecast

.PHONY: demo
demo: build ## Compare the policies under 1,000 subscribers and 8 publishers (ARGS=... for compare's flags)
	$(CORECAST) compare $(ARGS)

.PHONY: test
test: ## Run every test, the documentation's examples included
	$(CARGO) test --workspace --locked

.PHONY: loom
loom: ## Explore every interleaving of the subjector crate's Spin, Mutex and Alone
	RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 $(CARGO) test -p corecast-subjector --locked --release \
		--target-dir $(TARGET_DIR)/loom --test loom

.PHONY: check
check: fmt-check clippy test doc deny ## Everything that must hold before a change goes in

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
