#!/bin/bash
# Trains what the tables of this folder need and continues what was stopped, the most useful first. Everything is kept
# in runs/results, and the tables of what is done are copied to docs/results/raw.
#   docs/results/run.sh [BITSTATE]       BITSTATE: the program; else build/release/bitstate
#   DATA: folder of the data sets; else data
set -euo pipefail
cd "$(dirname "$0")/../.."
bitstate=${1:-build/release/bitstate}
data=${DATA:-data}
runs=runs/results
raw=docs/results/raw
mkdir -p "$runs" "$raw"
renice -n 19 $$ > /dev/null
# Linux shares the processors between terminal sessions first; a session has a niceness of its own.
if [ -w /proc/self/autogroup ]; then echo 19 > /proc/self/autogroup; fi

say() { printf '%s %s\n' "$(date '+%F %T')" "$*"; }

# sweep NAME PLAN [OPTION...]: a sweep goes on where it was stopped, and does nothing if nothing is missing.
sweep() {
  local name=$1 plan=$2
  shift 2
  say "$name"
  "$bitstate" sweep "$plan" --data="$data" --out="$runs/$name" --jobs=2 --checkpoint_seconds=120 "$@" \
    > "$runs/$name.log" 2>&1 || say "$name: exit code $?, see $runs/$name.log"
  if "$bitstate" report "$runs/$name" >> "$runs/$name.log" 2>&1; then cp "$runs/$name/table.csv" "$raw/$name.csv"; fi
}

float=$runs/smnist-small-float
say smnist-small-float
"$bitstate" train smnist-small --data="$data" --out="$float" --checkpoint_seconds=120 --resume > "$float.log" 2>&1

sweep smnist-small-a-shifts smnist-small-a-shifts --from="$float"
sweep smnist-small-seven smnist-small-seven
sweep smnist-small-a smnist-small-a --from="$float"
sweep smnist-small-state smnist-small-state --from="$float"
