#!/usr/bin/env bash
# bitstate sensitivity and bitstate allocate: a stop loses nothing, the answer is a run like any other, and the run that
# is measured keeps its bytes.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

# refused <code> <words of the message> <argument>...
refused() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq "$expected" ] && grep -qF -- "$words" <<< "$output" && [ "$(wc -l <<< "$output")" -eq 1 ] && return
  fail "bitstate $*: exit $code (expected $expected), said: $output"
}

"$BITSTATE" train lorenz-small --trajectories=40 --bsz=4 --epochs=20 --out=float > train.log
sum=$(cat float/* | sha256sum)

widths=--widths=16,15,14,13,12,11,10,9,8,7,6,5,4,3,2
"$BITSTATE" sensitivity float "$widths" --out=whole > whole.log
"$BITSTATE" sensitivity float "$widths" --out=stopped > stopped.log &
pid=$!
for _ in $(seq 200); do
  [ -e stopped/measured.json ] && break
  sleep 0.02
done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 75 ] || fail "SIGTERM: exit code $code, expected 75"
[ "$(wc -l < stopped/sensitivity.csv)" -lt "$(wc -l < whole/sensitivity.csv)" ] || fail "nothing was left to do"
"$BITSTATE" sensitivity float "$widths" --out=stopped > stopped.log
cmp whole/sensitivity.csv stopped/sensitivity.csv
grep -q '^weight:layers.1.ssm.A  *8 ' stopped.log
"$BITSTATE" sensitivity float "$widths" --out=whole --finetune=weight:encoder:2,weight:layers.1.ssm.A:3 \
  --finetune_epochs=1 > chosen.log
awk -F, 'NR > 1 && $10 != "" { print $1, $4 }' whole/sensitivity.csv > chosen
printf '%s\n' 'weight:encoder 2' 'weight:layers.1.ssm.A 3' | cmp - chosen

"$BITSTATE" allocate float --budget=120 --quant=w8a8 --finetune_epochs=2 --json > allocate.log
tail -n 1 allocate.log > line
run=$(grep -o '"run":"[^"]*"' line | cut -d '"' -f 4)
[ -s "$run.quant" ] || fail "no rules beside $run"
[ "$(grep -o '"bytes":[0-9]*' line | cut -d : -f 2)" -le 120 ]
"$BITSTATE" eval "$run" > eval.log
"$BITSTATE" export "$run" --out=integer.h5 > export.log
[ -s integer.h5 ]
val=$(grep -o '"val_mse":[0-9.e+-]*' line | cut -d : -f 2)
awk -F, -v val="$val" '$2 <= 120 && $3 != "" && $4 ~ /^uniform/ { rows++; worse += $3 < val; trained += $4 ~ /finetuned/ }
  END { exit !(rows > 1 && trained == 1 && !worse) }' float-budget-120/pareto.csv ||
  fail "the answer, $val, is worse than a uniform width: $(cat float-budget-120/pareto.csv)"
head -n 1 float-budget-120/pareto.csv > head
grep -qx 'label,bytes,metric,kind' head
for kind in run uniform allocated; do grep -q ",$kind\$" float-budget-120/pareto.csv || fail "no row $kind"; done
"$BITSTATE" allocate float --budget=120 --quant=w8a8 --finetune_epochs=2 --json | tail -n 1 > again
cmp line again
[ "$sum" = "$(cat float/* | sha256sum)" ] || fail "the run was changed"
"$BITSTATE" report float-budget-120 > report.log
for row in float 'allocated in [0-9]* bytes' 'uniform [0-9]* bits'; do
  grep -q "^| $row |" float-budget-120/table.md || fail "no row $row: $(cat float-budget-120/table.md)"
done

refused 2 'needs the folder of a run' sensitivity
refused 2 'is not the folder of a run' sensitivity nowhere
refused 2 '[widths] expected a whole number from 2 to 16, got "1"' sensitivity float --widths=1
refused 2 "did you mean 'weight:encoder'?" sensitivity float --out=whole --finetune=weight:encoder:4,weight:encodr
refused 2 'expected a number or SITE[:BITS],..., got ","' sensitivity float --finetune=,
refused 2 'needs --budget=BYTES, --accuracy=NUMBER, --metric=NUMBER or --share=NUMBER' allocate float
refused 2 '[metric] cannot be given together with --budget' allocate float --budget=100 --metric=3
refused 2 'got "nan"' allocate float --metric=nan
refused 2 '[budget] expected a whole number' allocate float --budget=-5
refused 2 'even at 2 bits the model takes 84 bytes' allocate float --budget=50 --measured=whole
refused 2 'give --metric=0.9' allocate float --accuracy=0.9 --measured=whole
[ "$(ls -d float-sensitivity-* | wc -l)" -eq 1 ] || fail "other rules are measured in a folder of their own"
refused 2 'measured with other rules' sensitivity float --quant=w4a8 --out=whole
echo '{' > whole/measured.json
refused 1 'whole/measured.json is damaged' sensitivity float --out=whole
sed 's/"format": 1/"format": 9/' stopped/measured.json > newer
cp newer stopped/measured.json
refused 1 'newer version' sensitivity float --out=stopped
