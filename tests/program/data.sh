#!/usr/bin/env bash
# Generating data: what is interrupted leaves nothing behind.
set -euo pipefail

# not before the files are begun
"$BITSTATE" data make listops --train=10000000 --threads=1 --out=stopped > log 2>&1 &
maker=$!
for _ in $(seq 600); do
  ls -A stopped 2> /dev/null | grep -q basic_train && break
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
