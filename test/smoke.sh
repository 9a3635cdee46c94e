#!/usr/bin/env bash
# Smoke test of a built binary: alone in an empty folder, with a fresh cache. usage: smoke.sh PATH_OF_BINARY
set -euo pipefail
binary=$(realpath "$1")
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
export FINETUNE_CACHE="$folder/cache" NO_COLOR=1

fail() { echo "smoke: $*" >&2; exit 1; }
expect_exit() { # expect_exit CODE ARGUMENTS…
  local code=0
  "$binary" "${@:2}" >out 2>err || code=$?
  [ "$code" -eq "$1" ] || fail "finetune ${*:2}: exit $code, expected $1: $(cat err)"
}

expect_exit 0 --version
grep -q '^finetune [0-9]' out || fail "--version printed $(cat out)"
expect_exit 0 --help
expect_exit 0 config --json
expect_exit 2 confg
grep -q 'Did you mean' err || fail "no suggestion for an unknown command"
expect_exit 2 config --netwok test
