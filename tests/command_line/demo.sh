#!/usr/bin/env bash
# ./demo builds, sweeps and reports; two epochs instead of all, so that it shows the road and not the result.
set -euo pipefail
if [ "$BITSTATE" != "$(realpath "$BITSTATE_SOURCE/build/release/bitstate")" ]; then
  echo "skipped: ./demo builds the release preset, this is another one"
  exit 77
fi
"$BITSTATE_SOURCE/demo" demo --epochs=2 > demo.log 2>&1 || { cat demo.log; exit 1; }
grep -q 'a_bits \\ ssm_act_bits' demo.log
report=$(tail -n 1 demo.log)  # its path as seen from the repository
[ "$(cd "$BITSTATE_SOURCE" && realpath "$report")" = "$PWD/demo/index.html" ]
[ "$(grep -c '^|' demo/table.md)" -ge 18 ]
grep -q '<svg' demo/index.html
rm -rf demo
"$BITSTATE_SOURCE/demo" demo --epochs=none > bad.log 2>&1 && exit 1
grep -q 'epochs' bad.log
