#!/usr/bin/env bash
# Feeds arbitrary bytes to what strangers can reach, with libFuzzer: `make fuzz`.
# It needs a nightly compiler and cargo-fuzz, and says what is missing.
#
#   scripts/fuzz.sh          every target for FUZZ_SECONDS (60) each
#   scripts/fuzz.sh check    only whether the targets compile
#
# An input that fails is kept in fuzz/artifacts; libFuzzer prints how to run it again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/log.sh

skip() { warn "skipped: the fuzz targets: $1"; exit 0; }

# Not a failure in CI either: a nightly compiler is nothing that a build depends on.
cargo +nightly --version >/dev/null 2>&1 ||
  skip 'no nightly compiler; `rustup toolchain install nightly` gets it'
cargo fuzz --version >/dev/null 2>&1 ||
  skip 'no cargo-fuzz; `cargo install cargo-fuzz` gets it'

if [ "${1:-}" = check ]; then
  cargo +nightly fuzz check
  exit
fi
for target in $(cargo +nightly fuzz list); do
  say "fuzzing $target for ${FUZZ_SECONDS:-60} s"
  # -timeout: an input that takes ten seconds is a finding as well.
  cargo +nightly fuzz run "$target" -- -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -max_len=4096
done
