#!/usr/bin/env bash
# Several processes share the folder of a sweep, and are killed at random moments, as are the runs that they started:
# each run gets one result, which nobody replaces, and the tables are those of a sweep that nobody disturbed.
set -euo pipefail
workers=${WORKERS:-3} seeds=${SEEDS:-7} kills=${KILLS:-6} epochs=${EPOCHS:-10}
RANDOM=${RANDOM_SEED:-1}
fail() { echo "$*" >&2; exit 1; }

cat > tasks.ini <<INI
recipe = lorenz-small
seeds = $(seq -s ' ' "$seeds")
set.trajectories = 12
set.bsz = 4
set.epochs = $epochs
row.A of 4 bits = a_bits=4
row.A of 8 bits = a_bits=8
stage.float =
stage.qaft = epochs=5 | from_lr_factor=0.1
INI
tasks=$((3 * seeds))
mkdir quiet shared
# its process is that of the command, so that it can be killed
sweep() { exec "$BITSTATE" sweep ../tasks.ini --out=out --threads=1 --checkpoint_seconds=0.1; }
(cd quiet && sweep > log) || fail "$(cat quiet/log)"

# each worker is started again until it says that everything is done
cd shared
worker() {
  local pid
  while true; do
    sweep >> "log.$1" 2>&1 &
    pid=$!
    echo "$pid" > "pid.$1"
    if wait "$pid" 2> /dev/null; then break; fi
  done
}
running=()
trap 'kill "${running[@]}" 2> /dev/null || true; cat pid.* | xargs -r kill 2> /dev/null || true' EXIT
for i in $(seq "$workers"); do
  worker "$i" 2> /dev/null &
  running+=($!)
done

results() { { find out/runs -name result.json -printf '%p %i %T@\n' 2> /dev/null || true; } | sort; }  # none at first
: > seen
: > killed
while [ "$(wc -l < killed)" -lt "$kills" ]; do
  sleep "$(awk -v r="$RANDOM" 'BEGIN { print 0.1 * r / 32768 }')"
  results > now
  cat now >> seen
  [ "$(wc -l < now)" -lt "$tasks" ] || fail "all runs ended after $(wc -l < killed) of $kills kills"
  # the kills are spread over the first two thirds of the results, whatever the speed of the machine
  [ "$(($(wc -l < now) * 3 * kills))" -ge "$(($(wc -l < killed) * 2 * tasks))" ] || continue
  alive=()
  for file in pid.*; do
    pid=$(cat "$file")
    [ -e "/proc/$pid/task/$pid/children" ] || continue
    read -ra children < "/proc/$pid/task/$pid/children" || true
    alive+=("$pid" "${children[@]}")
  done
  [ "${#alive[@]}" -gt 0 ] || continue
  victim=${alive[RANDOM % ${#alive[@]}]}
  # it may end at any moment, and its number may become another's
  what=$({ tr '\0' ' ' < "/proc/$victim/cmdline" | awk '/bitstate/ { print $2 }'; } 2> /dev/null) || continue
  [ -n "$what" ] || continue
  if kill -KILL "$victim" 2> /dev/null; then echo "$what" >> killed; fi
done
for pid in "${running[@]}"; do wait "$pid" || fail "a worker ended with $?"; done
trap - EXIT

[ "$(results | wc -l)" -eq "$tasks" ] || fail "$(results | wc -l) of $tasks runs have a result"
results > final
sort -u seen | comm -23 - final > replaced
[ ! -s replaced ] || fail "results were replaced: $(cat replaced)"
# who was killed may not have said what it did; nobody says it of a run that another one has ended
cat log.* | grep -a '^done  .*: test_' | sed 's/: test_.*//' | sort | uniq -d > twice
[ ! -s twice ] || fail "run twice: $(cat twice)"
. "$BITSTATE_SOURCE/tests/support/figures.sh"
for file in table.csv table.md; do
  figures "../quiet/out/$file" > figures.quiet
  figures "out/$file" > figures.shared
  grep -q 'A of 4 bits' figures.shared || fail "$(cat figures.shared)"
  cmp figures.shared figures.quiet || fail "$file differs"
done
sort killed | uniq -c | awk '{ printf "%s%d x %s", (NR > 1 ? ", " : "killed: "), $1, $2 } END { print "" }'
