#!/usr/bin/env bash
# A sweep trains what its file says or starts nothing, its exit code tells whether there is a result, and the report of an
# unfinished one counts every run once.
set -euo pipefail

fail() { echo "$*" >&2; exit 1; }
# expect <code> <words> <argument>...
expect() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1) || code=$?
  [ "$code" -eq "$expected" ] && grep -qF -- "$words" <<< "$output" && return
  fail "bitstate $*: exit $code (expected $expected), said: $output; expected the words: $words"
}

awk 'BEGIN { print "t,u,y"; for (i = 0; i < 400; i++) { u = sin(0.05 * i) + (i * 37 % 11) / 11; s = 0.9 * s + 0.1 * u; print i "," u "," s } }' > series.csv
cat > own.ini <<'EOF'
dataset = own
input = u
target = y
window = 50
n_layers = 1
d_model = 4
ssm_size_base = 4
blocks = 1
batchnorm = false
bsz = 2
epochs = 1
EOF

# commas belong to a value
printf 'recipe = own.ini\nseeds = 1\nquant = w8a8\naxis.input = u t,u\n' > columns.ini
expect 0 '4 runs: 4 done' sweep columns.ini --data=series.csv --out=columns
expect 0 'columns/index.html' report columns
for label in 'float input=u' 'quant=w8a8 input=u' 'float input=t,u' 'quant=w8a8 input=t,u'; do
  grep -qF "| $label |" columns/table.md || fail "$(cat columns/table.md)"
done

# what cannot be trained is found before anything starts
bad() {
  printf 'recipe = own.ini\nseeds = 1\n%s\n' "$1" > bad.ini
  expect 2 "$2" sweep bad.ini --data=series.csv --out=bad
  [ ! -e bad ] || fail "$1 left $(find bad)"
}
bad 'axis.input = u | t,v' 'input=t,v'
bad 'axis.bits = none | weight:*.ssm.E 8' 'matches no site'
bad 'axis.a_bits = 4,8' 'write axis.a_bits = 4 8'
bad 'axis.bsz = 2 4000' 'bsz=4000'
bad 'quant = none absent.quant' 'absent.quant'
bad 'axis.from = absent' 'absent'

# a sweep without any result is none, the first time as later
printf 'recipe = lorenz-small\nseeds = 1 2\nset.ssm_lr_base = 100\nset.trajectories = 20\nset.bsz = 4\n' > diverging.ini
expect 1 '2 diverged' sweep diverging.ini --out=diverging
expect 1 '2 had a result' sweep diverging.ini --out=diverging

# unfinished: one row per configuration, and its counts add up
printf 'recipe = own.ini\nseeds = 1 2\naxis.a_bits = 4 8\nset.epochs = 1000000\n' > long.ini
"$BITSTATE" sweep long.ini --data=series.csv --out=long > long.log &
sweep=$!
trap 'kill "$sweep"' EXIT
for _ in $(seq 300); do
  [ -z "$(find long -name metrics.jsonl 2> /dev/null || true)" ] || break
  sleep 0.1
done
"$BITSTATE" report long > running.log
grep -q '^Running (1), ' running.log || fail "$(cat running.log)"
grep -q ', running: ' long/index.html || fail 'no curve of the running run'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
  { rows++; good += $at["n"] + $at["diverged"] + $at["running"] + $at["missing"] == 2 }
  END { exit !(rows == 3 && good == 3) }' long/table.csv || fail "$(cat long/table.csv)"
trap - EXIT
kill -INT "$sweep"
code=0
wait "$sweep" || code=$?
[ "$code" -eq 75 ] || fail "a stopped sweep exits with $code"
"$BITSTATE" report long > stopped.log
grep -q '^Missing (6), ' stopped.log || fail "$(cat stopped.log)"

expect 2 '--out=DIR' report long columns
expect 0 'both/index.html' report long columns --out=both
[ "$(grep -c '^|' both/table.md)" -ge 9 ] || fail "$(cat both/table.md)"
[ ! -e both/comparison.csv ] || fail 'sweeps of other models were compared'
printf 'recipe = own.ini\nseeds = 1\nquant = w8a8\naxis.input = u t,u\nset.epochs = 2\n' > longer.ini
expect 0 '4 runs: 4 done' sweep longer.ini --data=series.csv --out=longer
expect 0 'Their runs differ in epochs 1 and 2.' report columns longer --out=compared
[ "$(grep -c '^quant=w8a8 ' compared/comparison.csv)" -eq 1 ] || fail "$(cat compared/comparison.csv)"
expect 2 'holds no runs' report both
