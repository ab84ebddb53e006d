#!/usr/bin/env bash
# Generating data: what is interrupted leaves nothing behind.
set -euo pipefail

# not before the files are begun
"$BITSTATE" data make listops --train=10000000 --threads=1 --out=stopped > log 2>&1 &
maker=$!
for _ in $(seq 600); do
  [[ $(ls -A stopped 2> /dev/null) == *basic_train* ]] && break
  sleep 0.1
done
kill -TERM "$maker"
code=0
wait "$maker" || code=$?
[ "$code" -eq 75 ]
grep -q 'the same command starts over' log
[ -z "$(ls -A stopped)" ]
"$BITSTATE" data make listops --train=20 --val=5 --test=5 --seed=1 --out=stopped > /dev/null
[ "$(ls -A stopped | wc -l)" -eq 4 ]

# what was made is whole, and no archive is missed
"$BITSTATE" data check listops --data=stopped > log
[ "$(cat log)" = 'listops: 30 sequences can be read' ]

# the levels of Pathfinder: what is made is what is checked, trained on and asked about
for contour_length in 3 6; do
  "$BITSTATE" data make pathfinder --images=$((contour_length * 10)) --contour-length=$contour_length --out=pf > /dev/null
done
"$BITSTATE" data check pathfinder --data=pf --contour_length=6 > log
grep -qx 'pathfinder: 60 sequences can be read' log
"$BITSTATE" data make pathfinder --size=128 --images=10 --contour_length=9 --out=pf > /dev/null
"$BITSTATE" data check pathx --data=pf --contour_length=9 > log
grep -qx 'pathx: 10 sequences can be read' log
tiny=(--data=pf --n_layers=1 --d_model=8 --ssm_size_base=8 --blocks=1 --bsz=12 --epochs=1)
"$BITSTATE" train pathfinder-small "${tiny[@]}" --contour_length=6 --out=pf6 > /dev/null
"$BITSTATE" train --from=pf6 --data=pf --contour_length=3 --out=pf3 > /dev/null
grep -qx 'contour_length = 3' pf3/settings.ini
"$BITSTATE" eval pf6 --data=pf --contour_length=3 > log
grep -q '^test accuracy' log

# refused <exit code> <text> <argument>...
refused() {
  local code=$1 text=$2
  shift 2
  local status=0
  "$BITSTATE" "$@" 2> log > /dev/null || status=$?
  [ "$status" -eq "$code" ]
  grep -qF -- "$text" log
}
refused 1 'there is no pathfinder32/curv_contour_length_14/metadata; make the images' train pathfinder-small "${tiny[@]}" --contour_length=14 --out=none
refused 1 "Arena's release" train pathfinder-small "${tiny[@]}" --contour_length=9 --out=none
BITSTATE_DATA='' refused 1 'data make pathfinder --size=32 --contour_length=3 --out=DIR)' train pathfinder-small --out=none
