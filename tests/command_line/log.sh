#!/usr/bin/env bash
# train.log in the folder of a run holds what train printed: every line once, across resumes and in sweeps.
set -euo pipefail
small=(lorenz-small --trajectories=20 --bsz=4)

"$BITSTATE" train "${small[@]}" --epochs=2 --out=plain --json > said
cmp said plain/train.log
grep -q '^epoch   2/2' plain/train.log
grep -q '^run in plain$' plain/train.log

"$BITSTATE" ptq plain --quant=w8a8 --out=ptq > said
cmp said ptq/train.log

# the output of the run itself into its own log: once
mkdir own
"$BITSTATE" train "${small[@]}" --epochs=1 --out=own > own/train.log 2>&1
[ "$(grep -c '^epoch   1/1' own/train.log)" -eq 1 ]
[ "$(grep -c '^run in own$' own/train.log)" -eq 1 ]

# a resumed run appends
code=0
"$BITSTATE" train "${small[@]}" --epochs=100000 --out=long > first &
for _ in $(seq 200); do ! grep -q '^epoch' first || break; sleep 0.05; done
kill -TERM $!
wait $! || code=$?
[ "$code" -eq 75 ]
cp long/train.log before
cmp first before
grep -qx 'interrupted: by a signal' before
"$BITSTATE" train --out=long --resume > second &
for _ in $(seq 200); do [ ! -s second ] || break; sleep 0.05; done
kill -TERM $!
wait $! || true
cat first second | cmp - long/train.log
grep -q '^resumed at epoch' second

# a diverged run says why
code=0
"$BITSTATE" train "${small[@]}" --epochs=50 --ssm_lr_base=100 --out=diverged > /dev/null || code=$?
[ "$code" -eq 1 ]
grep -q '^diverged: ' diverged/train.log

# on a terminal the progress bar is drawn there, not in the log
script -qec "'$BITSTATE' train ${small[*]} --epochs=20 --out=terminal" /dev/null < /dev/null > screen
grep -q '^epoch  20/20' terminal/train.log
if grep -q $'[\r\033]' terminal/train.log; then echo "control characters in train.log"; exit 1; fi

printf 'recipe = lorenz-small\nseeds = 1\nset.trajectories = 20\nset.bsz = 4\nset.epochs = 1\n' > one.ini
"$BITSTATE" sweep one.ini --out=swept > /dev/null
for log in swept/runs/*/train.log; do
  [ "$(grep -c '^epoch   1/1' "$log")" -eq 1 ]
  [ "$(grep -c '^run in ' "$log")" -eq 1 ]
done
