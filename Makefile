.DEFAULT_GOAL := help
.PHONY: help run test lint bench soak fuzz up tools check-compose

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: ## start the demo: broker, services and HTTP bridge in one process
	cargo run --release

test: ## run every check: lint, all tests, and again on a real nats-server
	scripts/test.sh

lint: ## formatting, clippy and documentation, with warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

bench: ## measure beside raw async-nats and others, on a real nats-server
	tools="$$(scripts/install-test-tools.sh server)" && eval "$$tools" && \
	  cargo run --release -p benches --bin compare

soak: ## the same as test, optimised and at full length
	SOAK=1 scripts/test.sh

fuzz: ## arbitrary bytes as calls, for FUZZ_SECONDS (60); needs a nightly compiler and cargo-fuzz
	scripts/fuzz.sh

up: ## the stack in containers: NATS, services, HTTP bridge
	docker compose up --build

tools: ## install the tools of the tests into target/tools, print their variables
	@scripts/install-test-tools.sh

check-compose: ## validate docker-compose.yml, where docker has compose
	@if docker compose version >/dev/null 2>&1; then docker compose config -q && echo 'docker-compose.yml is valid'; \
	  else echo 'skipped: this docker has no compose plugin; docker-compose.yml is not validated'; fi
