#!/usr/bin/env bash
# A run killed at ten random moments, also while it writes a checkpoint, ends with the bits of an uninterrupted one;
# SIGTERM and SIGUSR1 write a checkpoint and exit with 75 within 5 seconds.
set -euo pipefail

options=(lorenz-small --quant=w8a8 --trajectories=50 --bsz=4 --epochs=100 --activation_fn=half_glu1 --p_dropout=0.1 --threads=2)
fail() { echo "$*" >&2; exit 1; }
digest() { grep -o '"weights_digest":"[0-9a-f]*"' "$1/result.json"; }

"$BITSTATE" train "${options[@]}" --out=whole > whole.log

# --checkpoint_seconds=0 writes after every step, so that kills also hit the writing. Every other run has written a
# checkpoint before it is killed; the moments of the others are random from its start on.
kills=0
while [ "$kills" -lt 10 ]; do
  touch started
  "$BITSTATE" train "${options[@]}" --out=killed --checkpoint_seconds=0 --resume >> killed.log 2>&1 &
  pid=$!
  while [ $((kills % 2)) -eq 0 ] && [ ! killed/checkpoint.h5 -nt started ] && kill -0 "$pid" 2> /dev/null; do
    sleep 0.01
  done
  sleep "0.$(printf %03d $((RANDOM % 60 + 1)))"
  kill -KILL "$pid" 2> /dev/null || fail "the run ended before the kill $((kills + 1)); it must be longer"
  wait "$pid" 2> /dev/null || true
  kills=$((kills + 1))
done
[ ! -e killed/result.json ] || fail "the run was finished before its last kill; it must be longer"
"$BITSTATE" train "${options[@]}" --out=killed --resume >> killed.log 2>&1
[ "$(grep -c '^resumed at' killed.log)" -ge 5 ] || fail "runs with checkpoints do not resume"
cmp whole/metrics.jsonl killed/metrics.jsonl
curves() { awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "seconds") at = i } { $at = ""; print }' "$1"; }
cmp <(curves whole/curves.csv) <(curves killed/curves.csv)  # no row twice, and none too few
[ "$(wc -l < whole/curves.csv)" -eq 1001 ] || fail "curves.csv has $(wc -l < whole/curves.csv) lines"
[ "$(digest whole)" = "$(digest killed)" ] || fail "the weights differ"

# a stop between two checkpoints leaves no gap either
"$BITSTATE" train "${options[@]}" --out=paused > paused.log 2>&1 &
pid=$!
for _ in $(seq 100); do
  [ -e paused/metrics.jsonl ] && break
  sleep 0.1
done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 75 ] || fail "the run to be paused: exit code $code, expected 75"
"$BITSTATE" train "${options[@]}" --out=paused --resume > paused.log 2>&1
cmp <(curves whole/curves.csv) <(curves paused/curves.csv)

for signal in TERM USR1; do
  "$BITSTATE" train "${options[@]}" --epochs=100000 --out="stopped-$signal" > stopped.log 2>&1 &
  pid=$!
  for _ in $(seq 100); do  # until it trains
    [ -e "stopped-$signal/metrics.jsonl" ] && break
    sleep 0.1
  done
  kill "-$signal" "$pid"
  started=$SECONDS code=0
  wait "$pid" || code=$?
  [ "$code" -eq 75 ] || fail "SIG$signal: exit code $code, expected 75"
  [ $((SECONDS - started)) -le 5 ] || fail "SIG$signal: took $((SECONDS - started)) s"
  [ -s "stopped-$signal/checkpoint.h5" ] || fail "SIG$signal: no checkpoint"
done
echo "resumed after $kills kills: equal bits"

# a trained model may be asked about other steps, but not be another model
"$BITSTATE" train lorenz-small --epochs=1 --trajectories=20 --out=asked > /dev/null
"$BITSTATE" eval asked > plain
"$BITSTATE" eval asked --step_rescale=2 > rescaled
[ "$(head -n 1 plain)" != "$(head -n 1 rescaled)" ] || fail "step_rescale changes nothing"
if grep -q '^warning' plain rescaled; then fail "a warning, but every range follows the step"; fi

# ranges that do not follow the step are named
"$BITSTATE" ptq asked --bits='weight:*.ssm.B 8 range=learned' --out=learned > /dev/null
"$BITSTATE" eval learned --step_rescale=2 > rescaled
expected='warning: step_rescale=2 changes the numbers of weight:layers.0.ssm.B'
[[ $(head -n 1 rescaled) == "$expected"*'stay those of step_rescale=1: larger numbers saturate' ]] ||
  fail "$(cat rescaled)"
"$BITSTATE" eval learned --step_rescale=1 > rescaled
if grep -q '^warning' rescaled; then fail "a warning at the step of the training"; fi
if "$BITSTATE" train lorenz-small --epochs=1 --trajectories=20 --clip_eigs=false --out=asked --resume > said 2>&1; then
  echo "another model was resumed"
  exit 1
fi
grep -q 'was trained with clip_eigs=true' said || { cat said; exit 1; }
