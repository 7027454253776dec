# Tidemill. `make demo` shows it, `make test` checks it; both set up a fresh machine first (scripts/setup.sh).

.PHONY: build demo test fmt lint sim bench

# Where rustup puts cargo: a shell that was open before it was installed does not know it.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# The binaries, always in target/release: tidemill, tidemill-sim, tidemill-bench.
build:
	@scripts/setup.sh
	cargo build --release --locked --target-dir target --bin tidemill --bin tidemill-sim --bin tidemill-bench

# The flights job on real records, then killed in the middle and started again.
demo: build
	@scripts/demo.sh

# Everything that .ci/run checks.
test:
	@scripts/setup.sh --tests
	@scripts/test.sh

fmt:
	cargo fmt --all

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Many seeds of the simulator and the crash-point sweep: make sim SEEDS=100000 FIRST_SEED=5000
SEEDS ?= 10000
FIRST_SEED ?= 0
sim: build
	target/release/tidemill-sim run --seeds $(SEEDS) --first-seed $(FIRST_SEED)
	target/release/tidemill-sim sweep

# A first look at the speed of this machine; bench/LEDGER.md holds the figures that count.
bench: build
	target/release/tidemill-bench generate --events 20000000 --json
	target/release/tidemill-bench nexmark --query q0 --events 5000000 -p 1 --json
	target/release/tidemill-bench nexmark --query q5 --events 5000000 -p 1 --json
	target/release/tidemill-bench window-agg --keys 100000 --rows 200000000 --json
	target/release/tidemill-bench window-agg --keys 1000000 --rows 60000000 --json
