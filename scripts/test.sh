#!/usr/bin/env bash
# Runs every check: `make test`, and with SOAK=1 `make soak`. Three rungs:
#   1. lint                    no tests, the fastest answer; the fuzz targets compile
#   2. the embedded broker     all tests; Rust alone is enough
#   3. the real nats-server    the suites that talk NATS, once more
# With CI=true a tool that is missing fails the run; otherwise it says what was
# skipped and goes on. What the fuzz targets need may be missing in CI too.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/log.sh

# Optimised for soak runs: their figures are about speed and leaks.
release=()
if [ "${SOAK:-}" = 1 ]; then release=(--release); fi

step 'tools'
tools_env=$(scripts/install-test-tools.sh)
eval "$tools_env"

step 'lint'
make --no-print-directory lint

step 'fuzz targets'
scripts/fuzz.sh check

# Cargo unifies the features of a whole workspace, which would hide what is missing here.
step 'a client without the server'
cargo clippy -p greeting-client -p greeting-contract -- -D warnings
cargo clippy -p rpc-core --no-default-features -- -D warnings

# --no-fail-fast: who waited for a build wants to hear of every failure at once.
step 'tests on the embedded broker'
# NATS_URL would send them to a server: that is the next step.
env -u NATS_URL cargo test --workspace --no-fail-fast ${release[@]+"${release[@]}"}

if [ -z "${NATS_SERVER_BIN:-}" ]; then
  warn 'skipped: the tests on the real nats-server (see above how to get it)'
  exit 0
fi

# These gain nothing from a second run: they open no connection, or start the
# real server by themselves.
other_suites=' ui tidy demo readme nats_cli nats_py openapi resilience moving credentials permissions examples '
suites=()
for file in {rpc-core,http-bridge,examples}/tests/*.rs; do
  name=$(basename "$file" .rs)
  case $other_suites in *" $name "*) continue ;; esac
  if [ -e "$file" ]; then suites+=(--test "$name"); fi
done
if [ ${#suites[@]} = 0 ]; then exit 0; fi

step 'tests on the real nats-server'
scratch=$(mktemp -d)
server=''
cleanup() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The server picks a free port itself and writes it down: no race with whoever
# else wants one.
"$NATS_SERVER_BIN" -a 127.0.0.1 -p -1 -js -sd "$scratch/jetstream" --ports_file_dir "$scratch" \
  >"$scratch/server.log" 2>&1 &
server=$!
ports=$scratch/$(basename "$NATS_SERVER_BIN")_$server.ports
deadline=$((SECONDS + 10))
until url=$(grep -o 'nats://127.0.0.1:[0-9]*' "$ports" 2>/dev/null | head -n 1) && [ -n "$url" ] &&
  (exec 3<>"/dev/tcp/127.0.0.1/${url##*:}") 2>/dev/null; do
  if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "$server" 2>/dev/null; then
    cat "$scratch/server.log" >&2
    die 'nats-server did not start'
  fi
  sleep 0.05
done
say "   $("$NATS_SERVER_BIN" --version) on $url"

# --workspace with chosen suites, not -p: another choice of packages unifies
# features differently and would compile half the dependencies again.
NATS_URL=$url cargo test --workspace --no-fail-fast ${release[@]+"${release[@]}"} "${suites[@]}"
