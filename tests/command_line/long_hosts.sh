#!/usr/bin/env bash
# Two hosts work on one sweep, as far as one machine can play them: each has its own name and its own process numbers.
# One of them dies, and after two minutes the other one takes its run over where it was.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
apart=(unshare --uts --pid --fork --kill-child --mount-proc)
[ "$(id -u)" -eq 0 ] || apart=(unshare --user --map-root-user "${apart[@]:1}")
"${apart[@]}" hostname alpha 2> /dev/null || { echo "skipped: no name spaces here"; exit 77; }

cat > tasks.ini <<'INI'
recipe = lorenz-small
seeds = 1 2 3
set.trajectories = 12
set.bsz = 4
set.epochs = 400
INI
sweep=("$BITSTATE" sweep tasks.ini --threads=1 --checkpoint_seconds=0.1)
"${sweep[@]}" --out=quiet > log || fail "$(cat log)"

# host <name>: its sweep, in the background; $! ends with all of it
host() {
  "${apart[@]}" bash -c 'hostname "$0"; code=0; "$@" || code=$?; exit "$code"' "$1" "${sweep[@]}" --out=out > "log.$1" 2>&1 &
}
started=()
trap 'kill -KILL "${started[@]}" 2> /dev/null || true' EXIT
# of <host>: the file of the claim that it holds
of() { { grep -lF "\"host\":\"$1\"" out/runs/*/claim.* 2> /dev/null || true; } | tail -n 1; }
host alpha
started+=($!)
for _ in $(seq 600); do [ -z "$(of alpha)" ] || break; sleep 0.1; done
host beta
started+=($!)
for _ in $(seq 600); do
  claim=$(of alpha)
  [ -n "$claim" ] && [ -n "$(of beta)" ] && [ -e "${claim%/*}/checkpoint.h5" ] && break
  sleep 0.1
done
run=${claim%/*}
[ -e "$run/checkpoint.h5" ] && [ -n "$(of beta)" ] || fail "not both hosts train: $(cat log.*)"
kill -KILL "${started[0]}"
died=$SECONDS
wait "${started[0]}" || true
[ ! -e "$run/result.json" ] || fail "alpha had ended its run"
wait "${started[1]}" || fail "beta ended with $?: $(cat log.beta)"
trap - EXIT
[ $((SECONDS - died)) -ge 119 ] || fail "beta took the run over after less than two minutes"

[ "$(find out/runs -name result.json | wc -l)" -eq 3 ] || fail "$(cat log.*)"
[ -z "$(find out/runs -name 'claim.*')" ] || fail "claims are left: $(find out/runs)"
grep -q '^resumed at' "$run/train.log" || fail "the run began anew: $(cat "$run/train.log")"
. "$BITSTATE_SOURCE/tests/support/figures.sh"
cmp <(figures quiet/table.csv) <(figures out/table.csv)
