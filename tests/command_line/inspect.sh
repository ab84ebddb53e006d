#!/usr/bin/env bash
# bitstate inspect shows every site of a trained run, its size and its float islands, as a table and as JSON.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
small=(lorenz-small --trajectories=20 --bsz=4 --epochs=1)

"$BITSTATE" train "${small[@]}" --quant=w8a8 --out=w8a8 > /dev/null
"$BITSTATE" inspect w8a8 --samples=3 > table
sites=$(grep -cE '^(weight|bias|act|acc|state):[^ ]+ +([0-9+]+|float|int32) ' table)
[ "$sites" -eq 38 ] || fail "$sites rows, expected 38"
grep -q '3 sequences of its training part, 1536 steps' table
grep -q 'no float island: the model is an integer program' table
"$BITSTATE" inspect w8a8 --json | tail -n 1 > line
grep -q '"islands":\[\]' line
size() { grep -o '"size_bits":[0-9]*' "$1"; }
[ "$(size line)" = "$(size w8a8/result.json)" ] || fail "the sizes differ"
grep -q '"a_products":4,"a_stored_bits":16,"a_width":16' w8a8/result.json

"$BITSTATE" train "${small[@]}" --quant=w8a8 --bits='state:* none' --out=float-state > /dev/null
"$BITSTATE" inspect float-state > table
grep -q 'rows are missing for state:layers.\*.ssm' table
grep -qE '^  scan +state:layers.\*.ssm \(2\)$' table

for wrong in 'nowhere' 'w8a8 --samples=0' 'w8a8 --samples=many' 'w8a8 --quant=w4a8' ''; do
  code=0
  # shellcheck disable=SC2086
  output=$("$BITSTATE" inspect $wrong 2>&1) || code=$?
  [ "$code" -eq 2 ] && [ "$(wc -l <<< "$output")" -eq 1 ] || fail "inspect $wrong: exit $code, said: $output"
done
rm float-state/best.h5
code=0
"$BITSTATE" inspect float-state 2> said || code=$?
[ "$code" -eq 1 ]
grep -q 'holds no best.h5' said
