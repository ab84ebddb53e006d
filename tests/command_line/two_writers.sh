#!/usr/bin/env bash
# One process writes in the folder of a run: a second one is refused, whichever command it is; who reads is not.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
small=(lorenz-small --trajectories=20 --bsz=4)

# refused <argument>...
refused() {
  local code=0 said
  said=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq 1 ] && grep -q 'another process works in this folder' <<< "$said" ||
    fail "bitstate $*: exit code $code, said: $said"
}

"$BITSTATE" train "${small[@]}" --epochs=1 --out=float > /dev/null
"$BITSTATE" train "${small[@]}" --quant=w8a8 --epochs=1000000 --checkpoint_seconds=0.1 --out=run > log 2>&1 &
writer=$!
trap 'kill -KILL $writer 2> /dev/null || true' EXIT
while [ ! -e run/checkpoint.h5 ] || [ ! -e run/best.h5 ]; do kill -0 $writer || fail "$(cat log)"; sleep 0.1; done

refused train "${small[@]}" --epochs=1 --out=run
refused train --out=run --resume
refused train --from=float --epochs=1 --out=run/
refused ptq float --quant=w8a8 --out=./run
for command in eval inspect "export --out=program.h5"; do
  "$BITSTATE" $command run > /dev/null || fail "$command of a run in progress"
done

# a sweep waits for a run that is at work elsewhere
printf 'recipe = lorenz-small\nset.trajectories = 20\nset.bsz = 4\nset.epochs = 1\n' > one.ini
"$BITSTATE" sweep one.ini --out=swept > /dev/null
run=$(ls -d swept/runs/*)
rm "$run"/result.json "$run"/*.h5
( flock 9; exec sleep 60 ) 9> "$run/.lock" &
holder=$!
trap 'kill -KILL $writer $holder 2> /dev/null || true' EXIT
while flock --nonblock "$run/.lock" true; do sleep 0.1; done
"$BITSTATE" sweep one.ini --out=swept > said 2>&1 &
waiting=$!
trap 'kill -KILL $writer $holder $waiting 2> /dev/null || true' EXIT
for _ in $(seq 300); do ! grep -q '^waiting .* holds its folder' said || break; sleep 0.1; done
grep -q '^waiting .* holds its folder' said || fail "sweep: $(cat said)"
kill -KILL $holder
wait $waiting || fail "sweep: $(cat said)"
grep -q '1 run: 1 done' said || fail "sweep: $(cat said)"

# whoever has claimed a run trains it alone
rm "$run/result.json"
echo '{"host":"there","system":"another","pid":7,"began":1}' > "$run/claim.1"
code=0
"$BITSTATE" train --out="$run" --resume > said 2>&1 || code=$?
[ "$code" -eq 1 ] && grep -q 'there:7 works on this run' said || fail "train: exit code $code, said: $(cat said)"
rm "$run/claim.1"

# who was killed is no obstacle
kill -KILL $writer
wait $writer $holder 2> /dev/null || true
[ -e run/.lock ] || fail "the killed process left no lock file: this tests nothing"
"$BITSTATE" sweep one.ini --out=swept > /dev/null
code=0
timeout -s TERM 2 "$BITSTATE" train --out=run --resume > log 2>&1 || code=$?
[ "$code" -eq 124 ] && grep -q 'resumed at' log || fail "resume after a kill: exit code $code, said: $(cat log)"
