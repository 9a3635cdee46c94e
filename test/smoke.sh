#!/usr/bin/env bash
# Smoke test of a built binary: alone in an empty folder, with a fresh cache. usage: smoke.sh PATH_OF_BINARY
set -euo pipefail
binary=$(realpath "$1")
project=$(realpath "$(dirname "$0")/..")
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

# What the executable holds beside the program: the native runtime, the tokenizers, and the threads of a training.
npx -y bun@1.4.5 "$project/test/fixtures/chat-model.ts" base
for line in {1..20}; do echo "the text of line $line, which is long enough to be learnt from"; done >texts.txt
expect_exit 0 mine train --base base --data texts.txt --full --steps 2 --batch 2 --out mine --json
grep -q '"kind":"trained"' out || fail "mine train printed $(cat out)"
expect_exit 0 score mine --text texts.txt --json
grep -q '"lossNatsMean":[0-9]' out || fail "score printed $(cat out)"
