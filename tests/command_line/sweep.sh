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
expect 0 '4 runs: 4 done' sweep columns.ini --data=series.csv --out=columns --tensorboard
events=(columns/runs/*/events.out.tfevents.*.bitstate)
[ "${#events[@]}" -eq 4 ] || fail "4 runs wrote ${events[*]}"
expect 0 'columns/index.html' report columns
for label in 'float input=u' 'quant=w8a8 input=u' 'float input=t,u' 'quant=w8a8 input=t,u'; do
  grep -qF "| $label |" columns/table.md || fail "$(cat columns/table.md)"
done

# a file names the table of its report
printf 'recipe = own.ini\nseeds = 1\naxis.a_bits = none 4\naxis.input = u t,u\n' > table.ini
printf 'table.rows = input\ntable.columns = a_bits\n' >> table.ini
expect 0 '4 runs: 4 done' sweep table.ini --data=series.csv --out=table
grep -qF '| input \ a_bits | float | 4 |' table/table.md || fail "$(cat table/table.md)"
[ -s table/plots/heat-map.svg ] || fail 'no heat map'

# on a terminal there is a block that is drawn anew
script -qec "'$BITSTATE' sweep columns.ini --data=series.csv --out=seen" seen.log < /dev/null > /dev/null
grep -qF '[                        ] 0/4 runs' seen.log || fail "no bar: $(cat seen.log)"
grep -q 'input=u seed=1 *\(starts\|epoch 1/1\)' seen.log || fail "no run in progress: $(cat seen.log)"
grep -q "$(printf '\r\033\[1A')done " seen.log || fail "no line takes the place of the block: $(cat seen.log)"

# what cannot be trained is found before anything starts
expect 1 'absent.csv' train own.ini --input=u --target=y --data=absent.csv --out=bad
expect 1 'absent.csv' sweep columns.ini --data=absent.csv --out=bad
expect 2 '[seed] expected a whole number' sweep columns.ini --data=series.csv --seed=7,8 --out=bad
expect 2 "the sweep has no run 'abc'" sweep columns.ini --data=series.csv --run=abc --dry-run --out=bad
[ ! -e bad ] || fail "refused sweeps left $(find bad)"
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

bad 'axis.a_bits =' "'axis.a_bits' has no values"
bad 'row.A = a_bits=4 | d_mode=4' "'d_mode' is not an option"
bad 'zip.a_bits = 4 8
zip.bsz = 2' 'zip.a_bits has 2 values and zip.bsz has 1'
bad 'axis.a_bits = 4 8
skip.none = a_bits=6' 'skip.none leaves out no point'
many=$(seq -s ' ' 1001)
bad "axis.lanes = $many" '--yes says that this is meant'

# the file in the help has every key, quant in its rows, and is one
"$BITSTATE" sweep --help | awk '/^a sweep file / { inside = 1; next } /^$/ { inside = 0 } inside' > help.ini
for key in $("$BITSTATE" sweep --help | awk '/^keys of a sweep/ { inside = 1; next } /^$/ { inside = 0 } inside { sub(/[A-Z].*/, "", $1); print $1 }'); do
  [ "$key" = quant ] || grep -qF "  $key" help.ini || fail "the example of the help has no $key"
done
expect 0 '18 runs: 18 done' sweep help.ini --seed=1 --trajectories=20 --bsz=4 --epochs=1 --out=help --jobs=2

# a dry run counts what is there, estimates the rest and writes nothing
expect 0 '18 runs, 18 with a result' sweep help.ini --seed=1 --trajectories=20 --bsz=4 --epochs=1 --out=help --dry-run
"$BITSTATE" sweep help.ini --trajectories=20 --bsz=4 --dry-run --jobs=2 --out=dry > dry.log
[ ! -e dry ] || fail "a dry run left $(find dry)"
[ -z "$(find . -name '.bitstate*')" ] || fail "a dry run left $(find . -name '.bitstate*')"
grep -qE '^W8A8 d_model=8 .* qaft +1 2 3 +0 of 3 +3 +[0-9.]+s +[0-9]+ MB$' dry.log || fail "$(cat dry.log)"
grep -qE '^54 runs, 0 with a result; the others take about .* MB with --jobs=2$' dry.log || fail "$(cat dry.log)"

# with --extend, a run of more epochs goes on where the shorter one ended; it ends as in one go where no cosine decays
printf 'recipe = lorenz-small\nset.trajectories = 20\nset.bsz = 4\nset.cosine_anneal = false\naxis.a_bits = 8\n' > more.ini
expect 0 '2 runs: 2 done' sweep more.ini --epochs=2 --out=more
expect 0 '2 runs: 2 done' sweep more.ini --epochs=4 --out=more --extend
expect 0 '2 runs: 2 done' sweep more.ini --epochs=4 --out=once
[ "$(grep -l '"extended_from":"../' more/runs/*/result.json | wc -l)" -eq 2 ] || fail "$(cat more/runs/*/result.json)"
for run in once/runs/*; do
  grep -q '^resumed at epoch 3' "more/runs/$(basename "$run")/train.log" || fail 'it did not go on'
  for file in "$run" "more/runs/$(basename "$run")"; do
    sed -E 's/.*("weights_digest":"[0-9a-f]*").*/\1/' "$file/result.json"
  done | uniq > digests
  [ "$(wc -l < digests)" -eq 1 ] || fail "$(cat digests)"
  ! grep -q extended_from "$run/result.json" || fail "$run was not extended"
done
expect 0 '2 runs: 2 done' sweep more.ini --epochs=6 --out=more
[ "$(grep -l extended_from more/runs/*/result.json | wc -l)" -eq 2 ] || fail 'extended without --extend'

# a run waits for the one that it starts from, and does without it if that one diverges
printf 'recipe = lorenz-small\nset.trajectories = 20\nset.bsz = 4\nset.epochs = 1\nquant = w8a8\n' > staged.ini
printf 'stage.float =\nstage.qaft = epochs=1 | from_lr_factor=0.1\n' >> staged.ini
expect 0 '2 runs: 2 done' sweep staged.ini --out=staged --jobs=2
from=$(sed -n 's/^from = //p' staged/runs/*-qaft-*/settings.ini)
[ -e "$(echo staged/runs/*-qaft-*)/$from/best.h5" ] || fail "it started from $from"
expect 1 'not started: quant=w8a8 qaft: the run it starts from diverged' \
  sweep staged.ini --ssm_lr_base=100 --epochs=300 --out=unstarted
expect 1 '2 runs: 0 done, 0 diverged, 0 failed, 1 not started, 1 had a result' \
  sweep staged.ini --ssm_lr_base=100 --epochs=300 --out=unstarted

# a sweep without any result is none, the first time as later
printf 'recipe = lorenz-small\nseeds = 1 2\nset.ssm_lr_base = 100\nset.trajectories = 20\nset.bsz = 4\n' > diverging.ini
expect 1 '2 diverged' sweep diverging.ini --out=diverging
expect 1 '2 had a result' sweep diverging.ini --out=diverging

# a hopeless run is given up by its validation part, is in no mean, and goes on where the rule is taken away
printf 'recipe = own.ini\nseeds = 1 2\nset.epochs = 3\nset.give_up = 1:1e-9\nquant = none\n' > hopeless.ini
expect 1 '2 runs: 0 done, 0 diverged, 0 failed, 2 given up, 0 had a result' sweep hopeless.ini --data=series.csv --out=hopeless
grep -q '| given up |' hopeless/table.md || fail "$(cat hopeless/table.md)"
grep -q 'after epoch 1: the best val_rmse is .*, worse than 1e-09' hopeless/table.md || fail "$(cat hopeless/table.md)"
grep -q '"machine":{"cores":[1-9][0-9]*,"cpu":"' hopeless/runs/*-seed-1-*/result.json || fail 'no machine in result.json'
expect 1 '2 had a result before, 2 of them given up; ' sweep hopeless.ini --data=series.csv --out=hopeless
expect 0 '2 runs, 2 with a result' sweep hopeless.ini --data=series.csv --out=hopeless --dry-run
expect 0 '2 runs, 0 with a result' sweep hopeless.ini --data=series.csv --out=hopeless --give_up=none --dry-run
expect 0 '2 runs: 2 done' sweep hopeless.ini --data=series.csv --out=hopeless --give_up=none
expect 0 '2 runs: 2 done' sweep hopeless.ini --data=series.csv --out=undisturbed --give_up=none
digest() { sed -n 's/.*"weights_digest":"\([0-9a-f]*\)".*/\1/p' "$1"/runs/*-seed-1-*/result.json; }
[ "$(digest hopeless)" = "$(digest undisturbed)" ] || fail 'a run that was given up goes on with other bits'
expect 2 '; --val_split=0.1 holds back a tenth' sweep more.ini --epochs=2 --give_up=1:5 --out=judged
[ ! -e judged ] || fail 'a refused sweep left something'

# a run is running while a process holds its folder: one that was killed is not
"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1000000 --out=killed/run > killed.log 2>&1 &
run=$!
trap 'kill -KILL "$run"' EXIT
for _ in $(seq 300); do
  [ ! -e killed/run/checkpoint.h5 ] || break
  sleep 0.1
done
expect 0 '"missing":0,"page":"killed/index.html","repeated":0,"running":1' report killed --json
kill -KILL "$run"
trap - EXIT
wait "$run" 2> /dev/null || true
expect 0 '"missing":1,"page":"killed/index.html","repeated":0,"running":0' report killed --json

# unfinished: one row per configuration, and its counts add up
printf 'recipe = own.ini\nseeds = 1 2\naxis.a_bits = 4 8\nset.epochs = 1000000\n' > long.ini
"$BITSTATE" sweep long.ini --data=series.csv --out=long > long.log &
sweep=$!
trap 'kill "$sweep"' EXIT
for _ in $(seq 300); do
  [ -z "$(find long -name metrics.jsonl 2> /dev/null || true)" ] || break
  sleep 0.1
done
grep -q 'http-equiv="refresh"' long/index.html || fail 'the page of a running sweep does not load itself again'
if command -v node > /dev/null; then
  # in a browser, a page that is old says so, and one that is new does not
  for minutes in 0 5; do
    { echo "const said = {}, document = { getElementById: () => said }; Date.now = () => $(date +%s)000 + $minutes * 61000;"
      sed -n "s,.*<script>\({.*getElementById('age').*\)</script>.*,\1,p" long/index.html
      echo 'console.log(said.textContent);'; } > age.js
    node age.js > "age.$minutes"
  done
  [ "$(cat age.0)" = undefined ] && grep -q '^This page is 5 minutes old: ' age.5 || fail "$(cat age.js age.0 age.5)"
fi
grep -q '0/6 runs' long/index.html || fail 'the page does not say how far the sweep is'
"$BITSTATE" report long > running.log
grep -q '^Running (1), ' running.log || fail "$(cat running.log)"
grep -q ', running</title>' long/index.html || fail 'no curve of the running run'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
  { rows++; good += $at["n"] + $at["diverged"] + $at["running"] + $at["missing"] == 2 }
  END { exit !(rows == 3 && good == 3) }' long/table.csv || fail "$(cat long/table.csv)"
rm long/index.html
trap - EXIT
kill -INT "$sweep"
code=0
wait "$sweep" || code=$?
[ "$code" -eq 75 ] || fail "a stopped sweep exits with $code"
grep -q '<table' long/index.html || fail 'a stopped sweep left no report'
if grep -q 'http-equiv="refresh"' long/index.html; then fail 'the page of a stopped sweep still loads itself again'; fi
if grep -q "$(printf '\033')" long.log; then fail 'the block for terminals is in a file'; fi
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

# one run that is asked to stop alone is counted, and the sweep says that there is more to do
printf 'recipe = lorenz-small\nset.trajectories = 12\nset.bsz = 4\nset.epochs = 1000000\nquant = none\n' > endless.ini
"$BITSTATE" sweep endless.ini --out=endless > log 2>&1 &
sweep=$!
trap 'kill -TERM "$sweep"' EXIT
for _ in $(seq 300); do [ -z "$(find endless -name metrics.jsonl 2> /dev/null)" ] || break; sleep 0.1; done
read -r run _ < "/proc/$sweep/task/$sweep/children" || true  # the line has no end
trap - EXIT
kill -TERM "$run"
code=0
wait "$sweep" || code=$?
[ "$code" -eq 75 ] || fail "exit code $code: $(cat log)"
grep -q '^1 run: 0 done, 0 diverged, 0 failed, 1 stopped, 0 had a result before' log || fail "$(cat log)"
