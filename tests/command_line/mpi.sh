#!/usr/bin/env bash
# One run by several processes: 1, 2 and 4 of them train the weights of plain bitstate, also after they were asked to
# stop, after one of them was killed, and with other numbers of processes after that. An error is told once.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
[ -n "${BITSTATE_MPI-}" ] || { echo "skipped: bitstate-mpi is not built"; exit 77; }
command -v mpirun > /dev/null || { echo "skipped: there is no mpirun"; exit 77; }

small=(lorenz-small --trajectories=50 --bsz=16 --p_dropout=0.1 --activation_fn=half_glu1)
options=(--allow-run-as-root --oversubscribe --bind-to none --mca mpi_yield_when_idle 1)  # other tests run as well
digest() { grep -o '"weights_digest":"[0-9a-f]*"' "$1/result.json"; }
# mpi <ranks> <argument>...
mpi() { timeout -k 5 120 mpirun "${options[@]}" -n "$1" "$BITSTATE_MPI" "${@:2}" --threads=1; }
# told_once <file> <sentence>
told_once() { [ "$(grep -cF -- "$2" "$1")" -eq 1 ] || fail "expected \"$2\" once in: $(cat "$1")"; }

# curves <folder>: curves.csv without the column of seconds
curves() { awk -F, 'NR == 1 {for (i = 1; i <= NF; ++i) if ($i == "seconds") skip = i} {$skip = ""; print}' "$1/curves.csv"; }

# equal <name> <option>...: 1, 2 and 4 ranks end with the weights, the metrics and the result of one plain process
equal() {
  local name=$1 ranks
  "$BITSTATE" train "${small[@]}" --epochs=2 --threads=2 "${@:2}" --out="$name" > /dev/null
  for ranks in 1 2 4; do
    mpi "$ranks" train "${small[@]}" --epochs=2 "${@:2}" --out="$name-$ranks" > said 2>&1 || fail "$name: $(cat said)"
    [ "$(digest "$name")" = "$(digest "$name-$ranks")" ] || fail "$name, $ranks ranks: other weights"
    cmp "$name/metrics.jsonl" "$name-$ranks/metrics.jsonl"
    cmp <(curves "$name") <(curves "$name-$ranks")
    [ "$(grep -c '^test' "$name-$ranks/train.log")" -eq 1 ] || fail "$name: more than one rank writes the log"
    cmp <(grep -o '"test_[^,]*' "$name/result.json") <(grep -o '"test_[^,]*' "$name-$ranks/result.json")
    [ "$(grep -c '^epoch' said)" -eq 2 ] || fail "$name: more than one rank prints: $(cat said)"
  done
}
equal float --batchnorm=false
equal observed --batchnorm=false --quant=w8a8 --bits='act:* 8 range=percentile'
equal meeting --batchnorm=true --quant=w8a8 --memory=small

# what cannot be dealt in equal blocks is refused before anything is done
code=0
mpi 3 train "${small[@]}" --out=refused > said 2>&1 || code=$?
[ "$code" -eq 2 ] && [ ! -e refused ] || fail "3 ranks: exit code $code, said: $(cat said)"
told_once said 'bitstate-mpi: [lanes] 3 processes cannot share 16 lanes'
code=0
mpi 2 sweep demo > said 2>&1 || code=$?
[ "$code" -eq 2 ] || fail "sweep: exit code $code, said: $(cat said)"
told_once said 'bitstate-mpi: [command] expected train or ptq'

# post-training quantization is shared as well
"$BITSTATE" ptq float --quant=w4a8 --out=ptq > /dev/null
mpi 2 ptq float --quant=w4a8 --out=ptq-2 > said 2>&1 || fail "ptq: $(cat said)"
[ "$(digest ptq)" = "$(digest ptq-2)" ] || fail "ptq: other weights"

# a divergence is that of one process
diverging=(--ssm_lr_base=100 --lr_factor=1e6 --epochs=50)
for out in diverged diverged-2; do
  code=0
  if [ "$out" = diverged ]; then
    "$BITSTATE" train "${small[@]}" "${diverging[@]}" --out=$out > said 2>&1 || code=$?
  else
    mpi 2 train "${small[@]}" "${diverging[@]}" --out=$out > said 2>&1 || code=$?
  fi
  [ "$code" -eq 1 ] || fail "$out: exit code $code, said: $(cat said)"
  told_once said 'diverged: '
  grep -o '"reason":"[^"]*"' $out/result.json > $out.reason
done
cmp diverged.reason diverged-2.reason

# the processes of a job, by rank
ranks_of() { awk -v parent="$1" '$4 == parent && /bitstate-mpi/ {print $1}' /proc/[0-9]*/stat 2> /dev/null | sort -n || true; }
# start <ranks> <argument>...: in the background, until it trains; $job is mpirun
start() {
  touch started
  # checkpoints at every step make the run last until it is stopped
  mpirun "${options[@]}" -n "$1" "$BITSTATE_MPI" "${@:2}" --checkpoint_seconds=0.001 --threads=1 > said 2>&1 &
  job=$!
  for _ in $(seq 3000); do
    [ stopped/checkpoint.h5 -nt started ] && return
    kill -0 $job 2> /dev/null || fail "$(cat said)"
    sleep 0.02
  done
  fail "nothing is trained: $(cat said)"
}
# ends: waits for the job; $code is its exit code
ends() {
  for _ in $(seq 600); do
    kill -0 $job 2> /dev/null || break
    sleep 0.1
  done
  kill -KILL $job 2> /dev/null && fail "it hangs: $(cat said)"
  code=0
  wait $job || code=$?
}

long=(train "${small[@]}" --quant=w8a8 --epochs=30 --out=stopped)
"$BITSTATE" "${long[@]/stopped/whole}" > /dev/null
start 4 "${long[@]}"
kill -USR1 $job  # which mpirun hands to all
ends
[ "$code" -eq 75 ] || fail "SIGUSR1: exit code $code, said: $(cat said)"
told_once said 'stopped; --resume continues'
start 2 "${long[@]}" --resume
kill -TERM "$(ranks_of $job | tail -n 1)"
ends
[ "$code" -eq 75 ] || fail "SIGTERM of one rank: exit code $code, said: $(cat said)"
told_once said 'resumed at'
start 4 "${long[@]}" --resume
kill -KILL "$(ranks_of $job | sed -n 2p)"
ends
[ "$code" -ne 0 ] && [ ! -e stopped/result.json ] || fail "SIGKILL: exit code $code, said: $(cat said)"
mpi 2 "${long[@]}" --resume > said 2>&1 || fail "$(cat said)"
told_once said 'resumed at'
cmp whole/metrics.jsonl stopped/metrics.jsonl
[ "$(digest whole)" = "$(digest stopped)" ] || fail "stopped, killed and resumed: other weights"

# an error of the rank that writes, and one of a rank that does not
rm -r stopped
start 2 "${long[@]}"
mv stopped gone
ends
[ "$code" -eq 1 ] || fail "a folder that went away: exit code $code, said: $(cat said)"
told_once said 'bitstate-mpi: [stopped'
# told <sentence> <option of the second rank>...
told() {
  local code=0
  timeout -k 5 120 mpirun "${options[@]}" -n 1 "$BITSTATE_MPI" train "${small[@]}" --out=two : \
    -n 1 "$BITSTATE_MPI" train "${small[@]}" --out=two "${@:2}" > said 2>&1 || code=$?
  [ "$code" -eq 1 ] || fail "${*:2}: exit code $code, said: $(cat said)"
  told_once said "$1"
  [ ! -e two/settings.ini ] || fail "${*:2}: a run has begun"
}
told 'bitstate-mpi: [team] the processes were started with different options' --seed=7
