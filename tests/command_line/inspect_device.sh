#!/usr/bin/env bash
# bitstate inspect RUN --device estimates the instructions of a step within 10 % of exact counts of a model that the
# estimate was not fitted to (docs/results/device.md), and refuses what it cannot estimate in a sentence.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=w8a8 --out=run > train.log
"$BITSTATE" inspect run --device=cortex-m4,cortex-m3,cortex-m55 --json > table
grep -qE '^in all ' table
grep -qE '^layer norm |^add row ' table
grep -q '^energy: no estimate' table
tail -n 1 table > line

# near <device> <instructions that were counted>
near() {
  local said
  said=$(grep -oE "\"device\":\"$1\"[^}]*\"instructions_per_step\":[0-9]+" line | grep -oE '[0-9]+$') ||
    fail "nothing of $1: $(cat line)"
  [ $((100 * said)) -ge $((90 * $2)) ] && [ $((100 * said)) -le $((110 * $2)) ] || fail "$1: $said, counted $2"
}
near cortex-m4 2388
near cortex-m3 2472
near cortex-m55 2478

table=run/instructions.csv
grep -q '^function,calls,cortex-m3,cortex-m4,cortex-m7,cortex-m33,cortex-m55,rv32im$' $table
# functions sum up to the last row
awk -F, 'NR > 1 && $1 != "in all" { sum += $4 } $1 == "in all" { all = $4 } END { d = sum - all; exit !(all > 2000 && d * d < 1) }' \
  $table || fail "$(cat $table)"

"$BITSTATE" export run --format=c --proof=none --parity=2 --out=c > export.log
grep -qE '^ \* Cortex-M4 \(-O2\): about [0-9]+ instructions per step \(estimate\)' c/model.h || fail "$(head -n 20 c/model.h)"

"$BITSTATE" inspect run --device=cortex-m4,cortex-m7 --pj_per_cycle=100 > table
# 100 pJ a cycle: microjoules are cycles over ten thousand
awk '/^cycles +[0-9]/ { split($2, c, /\.\./) } /^energy, uJ/ { split($3, e, /\.\./); none = $4 }
  END { a = e[1] * 10000 / c[1]; b = e[2] * 10000 / c[2]; exit !(none == "–" && a > 0.99 && a < 1.01 && b > 0.99 && b < 1.01) }' \
  table || fail "$(cat table)"

# refused <exit code> <words> <argument>...
refused() {
  local code=0 output
  output=$("$BITSTATE" inspect "${@:3}" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq "$1" ] && [ "$(wc -l <<< "$output")" -eq 1 ] && [[ $output == *"$2"* ]] ||
    fail "inspect ${*:3}: exit $code, said: $output"
}
refused 2 'expected some of cortex-m3, cortex-m4' run --device=cortex-m0
refused 2 'got ""' run --device=cortex-m4,
refused 2 'names cortex-m4 twice' run --device=cortex-m4,cortex-m4
refused 2 '[pj_per_cycle] is for --device' run --pj_per_cycle=100
refused 2 '[pj_per_cycle] expected a number above 0' run --device=cortex-m4 --pj_per_cycle=0
refused 2 'cannot be given together with --memory' run --device=cortex-m4 --memory
"$BITSTATE" train lorenz-small --trajectories=10 --bsz=4 --epochs=1 --out=float > train.log
refused 1 "[export]" float --device=cortex-m4
