#!/usr/bin/env bash
# On MNIST the search wins back what weights of 3 bits lose, and leaves a model of 8 bits where it is. Skipped without
# the data, which are looked for in ../shared/data.
set -euo pipefail

data=$BITSTATE_SOURCE/../shared/data
if [ ! -d "$data/mnist" ]; then
  echo "skipped: $data/mnist is not there"
  exit 77
fi
fail() { echo "$*" >&2; exit 1; }
accuracy() { sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p' "$1/result.json"; }
# above A B MARGIN
above() { awk -v a="$1" -v b="$2" -v m="$3" 'BEGIN { exit !(a >= b + m) }'; }

"$BITSTATE" train smnist-small --epochs=2 --seed=1 --data="$data" --out=float > float.log
sed 's/^\(weight:\* *\)4/\13/' "$BITSTATE_SOURCE/experiments/configs/w4a8-a8.quant" > w3a8.quant
search=(--passes=8 --sequences=500 --data="$data")
"$BITSTATE" ptq float --quant=w3a8.quant --data="$data" --out=w3 > w3.log
"$BITSTATE" ptq float --quant=w3a8.quant --weight_range=mse --data="$data" --out=w3-start > w3-start.log
"$BITSTATE" evolve float --quant=w3a8.quant "${search[@]}" --out=w3-evolved > w3-evolved.log
"$BITSTATE" ptq float --quant=w8a8 --data="$data" --out=w8 > w8.log
"$BITSTATE" evolve float --quant=w8a8 "${search[@]}" --out=w8-evolved > w8-evolved.log
[ "$(wc -l < w3-evolved/evolve.csv)" -eq 17 ] || fail "not 16 visits"
echo "W3: $(accuracy w3), or $(accuracy w3-start) to $(accuracy w3-evolved), W8: $(accuracy w8) to $(accuracy w8-evolved)"
above "$(accuracy w3-evolved)" "$(accuracy w3-start)" 0.02 || fail "W3 gains less than 2 points on its start"
above "$(accuracy w3-evolved)" "$(accuracy w3)" 0 || fail "W3 is worse than without a search"
above "$(accuracy w8-evolved)" "$(accuracy w8)" -0.005 || fail "W8 loses"
