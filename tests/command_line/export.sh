#!/usr/bin/env bash
# A trained run becomes a program, C and ONNX; the program runs on files; bad input is one sentence and costs nothing.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
small=(lorenz-small --trajectories=20 --bsz=4 --epochs=1)

"$BITSTATE" train "${small[@]}" --quant=w8a8 --out=run > /dev/null
"$BITSTATE" export run > said
grep -q '^equal: 0 of 4 test sequences (6144 codes) differ$' said || fail "$(cat said)"
"$BITSTATE" export run --out=again.h5 > /dev/null
cmp run/program.h5 again.h5
"$BITSTATE" export run --format=c --out=c --json > said
[[ $(tail -n 1 said) == *'"differences":0'* ]]
"$BITSTATE" export run --format=onnx --out=model.onnx > /dev/null
[ -s model.onnx ]
if command -v cc > /dev/null; then
  cc -std=c99 -Wall -Wextra -Werror -o self_test c/model.c c/model_test.c
  ./self_test > said
  grep -q ' 0 wrong$' said || fail "$(cat said)"
fi

BITSTATE_NPM=nowhere "$BITSTATE" bench run/program.h5 --json > said
grep -q '^onnxruntime  not measured: ' said
[[ $(tail -n 1 said) == *'"onnxruntime_sequence_seconds":null'* ]]

# a table with and without a line of names, on one thread and on two
for t in $(seq 1 70); do echo "$((t % 7 - 3)).5,$((t % 11 - 5)),$((t * t % 13))"; done > steps.csv
{ echo 'x,y,z'; cat steps.csv; } > named.csv
"$BITSTATE" run run/program.h5 --input=steps.csv --threads=1 > whole
"$BITSTATE" run run/program.h5 --input=named.csv --threads=2 --out=table.csv > /dev/null
cmp whole table.csv
[ "$(head -n 1 whole)" = 'sequence,step,y0,y1,y2' ] && [ "$(wc -l < whole)" -eq 71 ]

# expect <code> <words> <argument>...
expect() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  if [ "$code" -ne "$expected" ] || ! grep -qF -- "$words" <<< "$output" || [ "$(wc -l <<< "$output")" -gt 2 ]; then
    fail "bitstate $*: exit $code (expected $expected), said: $output; expected the words: $words"
  fi
}
before=$(sha256sum run/program.h5)
expect 2 'expected program, c or onnx, got "exe"' export run --format=exe
expect 2 'parity' export run --parity=0
expect 2 'is not the folder of a run' export nowhere
expect 2 'needs a program file' run run/program.h5
expect 1 'steps.csv is not a program file' run steps.csv --input=steps.csv
head -c 3000 run/program.h5 > short.h5
expect 1 'short.h5 is damaged' run short.h5 --input=steps.csv
expect 1 'nowhere.csv' run run/program.h5 --input=nowhere.csv
expect 2 'expected a table (.csv, .tsv, .dat or .txt)' run run/program.h5 --input=said
echo '1,2' > narrow.csv
expect 1 'narrow.csv, line 1' run run/program.h5 --input=narrow.csv
echo '1,2,nan' > nan.csv
expect 1 'nan.csv, line 1' run run/program.h5 --input=nan.csv
: > empty.csv
expect 1 'empty.csv' run run/program.h5 --input=empty.csv
printf '1,2,3\n1,2,\n' > ragged.csv
expect 1 'ragged.csv, line 2' run run/program.h5 --input=ragged.csv
printf '1,2,\n1,2,3\n' > ragged.csv
expect 1 'ragged.csv, line 1' run run/program.h5 --input=ragged.csv
printf ' +1, 1e-50 ,3\n' > odd.csv
[ "$("$BITSTATE" run run/program.h5 --input=odd.csv | wc -l)" -eq 2 ]
expect 1 'is not a folder and cannot be made one' export run --format=c --out=odd.csv
expect 2 'takes no option but --json' bench run/program.h5 --epochs=3
[ "$before" = "$(sha256sum run/program.h5)" ]

# a rotation and a decay with numbers of their own, in all three formats
"$BITSTATE" train "${small[@]}" --quant=w8a8 --bits='weight:*.ssm.A 6 form=shear' --out=shear > /dev/null
"$BITSTATE" export shear > said
grep -q '^equal: 0 of 4 test sequences (6144 codes) differ$' said || fail "$(cat said)"
"$BITSTATE" export shear --format=c --out=shear-c > /dev/null
"$BITSTATE" export shear --format=onnx --out=shear.onnx > /dev/null
grep -q '_scan_shear_.*int32_t pairs) {' <(tr '\n' ' ' < shear-c/model.c) || fail 'the C has no scan_shear'
# its C for processors without a multiplier, and that of an eigenvalue by quarter turns, narrow numbers and shifts
"$BITSTATE" train "${small[@]}" --quant=w8a8 --bits='weight:*.ssm.A 6 form=delta' --out=delta > /dev/null
"$BITSTATE" export delta --format=c --out=delta-c > /dev/null
grep -q '_scan_narrow_' delta-c/model.c || fail 'the C of form=delta has no scan_narrow'
for c in shear-c delta-c; do
  grep -q '^#ifndef MODEL_MULTIPLIER$' $c/model.h || fail "$c asks for no multiplier"
  command -v cc > /dev/null || continue
  for multiplier in 0 1; do
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror -DMODEL_MULTIPLIER=$multiplier -o self_test $c/model.c $c/model_test.c
    ./self_test > said
    grep -q ' 0 wrong$' said || fail "$c, $multiplier: $(cat said)"
  done
done
# its states are those of the recurrence, not of Q-S5's operator
expect 2 'weight:layers.0.ssm.A has a form that scan=tree does not take: cartesian only' \
  train "${small[@]}" --bits='weight:*.ssm.A 6 form=shear' --scan=tree --out=tree

# one bit of a sign and one bit of 0 and 1 are two things
"$BITSTATE" train "${small[@]}" --quant=w8a8 --bits='weight:*.ssm.C 1 sign=asymmetric' --out=one-bit > /dev/null
"$BITSTATE" export one-bit > /dev/null

# what no integer program could compute is refused by its sites
"$BITSTATE" train "${small[@]}" --quant=w8a8 --bits='state:* none' --out=float-state > /dev/null
expect 1 'state:layers.*.ssm' export float-state
"$BITSTATE" train "${small[@]}" --quant=w8a8 --bits='act:*.glu.x 8 range=absmax granularity=step' --out=dynamic > /dev/null
expect 1 'act:layers.*.glu.x' export dynamic
"$BITSTATE" train "${small[@]}" --out=float > /dev/null
expect 1 'no site has bits' export float
