#!/usr/bin/env bash
# Ranges are searched: the result is a run like any other, an interrupted search goes on to the same end, and what
# cannot be searched is refused in a sentence.
set -euo pipefail

fail() { echo "$*" >&2; exit 1; }
# refused <code> <words of the message> <argument>...
refused() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq "$expected" ] && grep -qF -- "$words" <<< "$output" && return
  fail "bitstate $*: exit $code (expected $expected), said: $output"
}
mse() { "$BITSTATE" eval "$1" --json | tail -n 1 | grep -o '"test_mse":[0-9.e+-]*'; }
digest() { grep -o '"weights_digest":"[0-9a-f]*"' "$1/result.json"; }

"$BITSTATE" train lorenz-small --trajectories=40 --epochs=20 --out=runs/float > train.log
search=(evolve runs/float --quant=w4a8 --passes=40 --cycles=6 --sequences=20 --held_out=4)
"$BITSTATE" "${search[@]}" --threads=2 --out=runs/whole > whole.log
[ "$(mse runs/whole)" = "$(grep -o '"test_mse":[0-9.e+-]*' runs/whole/result.json)" ] || fail "eval differs"
rows=$(wc -l < runs/whole/evolve.csv)
[ "$rows" -eq $((1 + 40 * $(awk -F, 'NR > 1 && $2 > n { n = $2 } END { print n }' runs/whole/evolve.csv))) ] ||
  fail "evolve.csv has $rows lines"
awk -F, 'NR > 1 { if (NR > 2 && $4 > last) exit 1; last = $4 }' runs/whole/evolve.csv || fail "a visit made it worse"
"$BITSTATE" export runs/whole --out=whole.h5 > export.log

# it is ptq with a list of transforms
"$BITSTATE" ptq runs/float --quant=w4a8 --weight_range=stored \
  --transforms='evolve(passes=40, cycles=6, sequences=20, held_out=4)' --threads=1 --out=runs/listed > listed.log
[ "$(digest runs/whole)" = "$(digest runs/listed)" ] || fail "the transform gives other ranges"

# without ranges that are kept there is less to move, and it says so
"$BITSTATE" ptq runs/float --quant=w4a8 --transforms='evolve(passes=1, sequences=8, held_out=4)' --out=runs/unkept > unkept.log
[[ $(< unkept.log) == *"evolve moves no range of a weight"* ]] || fail "nothing says that weights keep their ranges"
[[ $(< listed.log) != *"evolve moves no range"* ]] || fail "ranges of weights are said not to move"

# interrupted as soon as it has begun to search, and resumed
"$BITSTATE" "${search[@]}" --out=runs/stopped > stopped.log 2>&1 &
pid=$!
for _ in $(seq 500); do
  [ -e runs/stopped/evolve.h5 ] && break
  sleep 0.01
done
kill -TERM "$pid"
code=0; wait "$pid" || code=$?
[ "$code" -eq 75 ] || fail "exit $code after SIGTERM: $(cat stopped.log)"
[ ! -e runs/stopped/result.json ] || fail "it ended before it was stopped"
refused 2 'already holds a run; --resume continues it' "${search[@]}" --out=runs/stopped
cp runs/stopped/evolve.h5 state.h5
head -c 900 state.h5 > runs/stopped/evolve.h5
refused 1 'runs/stopped/evolve.h5' "${search[@]}" --out=runs/stopped --resume
cp state.h5 runs/stopped/evolve.h5
refused 1 'is of a search with other settings' evolve runs/float --quant=w4a8 --passes=41 --out=runs/stopped --resume
if grep 'passes=41' runs/stopped/settings.ini; then fail "a refusal changed the settings"; fi
"$BITSTATE" "${search[@]}" --out=runs/stopped --resume > resumed.log
[ "$(digest runs/whole)" = "$(digest runs/stopped)" ] || fail "resumed, it ends elsewhere"

# a limit of time ends it with a result
"$BITSTATE" evolve runs/float --quant=w4a8 --passes=100000 --sequences=20 --seconds=0.5 --out=runs/timed > timed.log
grep -q '"status":"done"' runs/timed/result.json
"$BITSTATE" evolve runs/float --preset=evolq --loss=mse --quant=w4a8 --passes=1 --out=runs/evolq > evolq.log
grep -q 'relative=false' runs/evolq/settings.ini
"$BITSTATE" evolve runs/float --preset=evolq --loss=mse --transforms=balance --quant=w4a8 --passes=1 --out=runs/both > evolq.log
grep -q 'relative=false' runs/both/settings.ini

refused 2 'needs the folder of a run' evolve
refused 2 'needs what to quantize' evolve runs/float --passes=1 --batches=1
refused 2 'range=absmax, which is taken anew in every pass' \
  evolve runs/float --quant=w8a8 --bits='act:*.u 8 range=absmax' --out=runs/dynamic
refused 2 'kl compares the logits of classes' evolve runs/float --quant=w8a8 --loss=kl --out=runs/kl
refused 2 '[evolve.loss] expected one of mse, kl, infonce, got "l2"' evolve runs/float --quant=w8a8 --loss=l2
refused 2 '[evolve.step] expected' evolve runs/float --quant=w8a8 --step=nan
refused 2 '[evolve.passes] expected' evolve runs/float --quant=w8a8 --passes=-1
refused 2 'evolve moves calibrated ranges, so that balance has to stand before it' \
  ptq runs/float --quant=w8a8 --transforms='evolve, balance'
refused 2 '[evolve] needs training batches' evolve runs/float --quant=w8a8 --batches=0
