#!/usr/bin/env bash
# The commands of docs/fine-tuning.md work: every block that opens with "```sh test", as in readme.sh.
set -euo pipefail
mkdir -p build/release
ln -s "$BITSTATE" build/release/bitstate
awk '/^```sh test$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$BITSTATE_SOURCE/docs/fine-tuning.md" > commands.sh
[ -s commands.sh ]
bash -euxo pipefail commands.sh < /dev/null
