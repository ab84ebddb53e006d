#!/bin/bash
# Trains what the tables of this folder need and continues what was stopped, the most useful first. Everything is kept
# in runs/results, and the report of what is done is copied to docs/results/reports. What has its report there, or an
# older table in docs/results/raw, and nothing in runs/results is not run again: delete it to have it anew.
#   docs/results/run.sh [BITSTATE]       BITSTATE: the program; else build/release/bitstate
#   DATA: folder of the data sets; else data
set -euo pipefail
cd "$(dirname "$0")/../.."
bitstate=${1:-build/release/bitstate}
data=${DATA:-data}
runs=runs/results
reports=docs/results/reports
raw=docs/results/raw  # of runs from before there were such reports
mkdir -p "$runs" "$reports"
renice -n 19 $$ > /dev/null
# Linux shares the processors between terminal sessions first; a session has a niceness of its own.
if [ -w /proc/self/autogroup ]; then echo 19 > /proc/self/autogroup; fi

say() { printf '%s %s\n' "$(date '+%F %T')" "$*"; }

# train NAME RECIPE [OPTION...]: a run in float that others start from.
train() {
  local name=$1
  shift
  say "$name"
  "$bitstate" train "$@" --data="$data" --out="$runs/$name" --checkpoint_seconds=120 --resume > "$runs/$name.log" 2>&1 \
    || say "$name: exit code $?, see $runs/$name.log"
}

# publish NAME: the page, the tables and the plots of a sweep, without its runs and the plots of single rows.
publish() {
  local from=$runs/$1 to=$reports/$1
  mkdir -p "$to/plots"
  cp "$from"/{index.html,table.md,table.csv,table.tex,runs.csv} "$to"
  find "$from/plots" \( -name "*.svg" -o -name "*.csv" \) ! -name "row*" -exec cp -t "$to/plots" {} +
}

# sweep NAME PLAN [OPTION...]: a sweep goes on where it was stopped, and does nothing if nothing is missing.
sweep() {
  local name=$1 plan=$2
  shift 2
  if { [ -e "$raw/$name.csv" ] || [ -d "$reports/$name" ]; } && [ ! -d "$runs/$name" ]; then return; fi
  say "$name"
  "$bitstate" sweep "$plan" --data="$data" --out="$runs/$name" --jobs=2 --checkpoint_seconds=120 "$@" \
    > "$runs/$name.log" 2>&1 || say "$name: exit code $?, see $runs/$name.log"
  if "$bitstate" report "$runs/$name" >> "$runs/$name.log" 2>&1; then publish "$name"; fi
}

# In a function, so that the file may change while it runs.
main() {
  seeds='1 2 3'
  untrained='--epochs=0 --calibration_batches=8 --from_lr_factor=1'

  # Language: minutes for each model.
  if [ ! -e "$data/listops" ]; then "$bitstate" data make listops --train=40000 --out="$data/listops"; fi
  for seed in $seeds; do train "listops-small-$seed" listops-small --seed="$seed"; done
  sweep listops-small-a-untrained a-forms --from="$runs/listops-small-{seed}" $untrained
  sweep listops-small-one-site-untrained one-site --from="$runs/listops-small-{seed}" $untrained
  train imdb-small-1 imdb-small --seed=1
  sweep imdb-small-one-site-untrained one-site --from="$runs/imdb-small-{seed}" --seed=1 $untrained
  sweep imdb-small-a-untrained a-forms --from="$runs/imdb-small-{seed}" --seed=1 $untrained
  sweep listops-small-one-site one-site --from="$runs/listops-small-{seed}" --limit_train=5000
  sweep listops-small-a-forms a-forms --from="$runs/listops-small-{seed}" --limit_train=5000

  # Q-S5's configurations on a small model, from scratch.
  sweep smnist-small-seven smnist-small-seven
  sweep smnist-small-seven-qs5 smnist-small-seven --preset=qs5

  # Q-S5's size: hours each. One float run, and what needs no training.
  train smnist-float smnist --epochs=10 --use_layernorm_bias=false
  sweep smnist-ptq qs5-smnist-ptq --from="$runs/smnist-float"
  sweep smnist-operators qs5-smnist-operators --from="$runs/smnist-float"
  sweep smnist-one-site one-site --from="$runs/smnist-float" --seed=1 $untrained
  sweep smnist-a-grids a-grids --from="$runs/smnist-float" --seed=1

  # Small models: minutes each. One float run for each seed, and what starts from them.
  for seed in $seeds; do train "smnist-small-$seed" smnist-small --seed="$seed"; done
  sweep smnist-small-a-grids a-grids --from="$runs/smnist-small-{seed}"
  sweep smnist-small-a-untrained a-forms --from="$runs/smnist-small-{seed}" $untrained
  sweep smnist-small-one-site-untrained one-site --from="$runs/smnist-small-{seed}" $untrained
  for seed in $seeds; do train "lorenz-small-$seed" lorenz-small --seed="$seed"; done
  sweep lorenz-small-a-grids a-grids --from="$runs/lorenz-small-{seed}"
  sweep lorenz-small-a-untrained a-forms --from="$runs/lorenz-small-{seed}" $untrained
  sweep smnist-small-a-forms a-forms --from="$runs/smnist-small-{seed}"
  sweep smnist-small-state state-bits --from="$runs/smnist-small-{seed}"
  sweep smnist-small-one-site one-site --from="$runs/smnist-small-{seed}"
  sweep lorenz-small-one-site one-site --from="$runs/lorenz-small-{seed}" --epochs=100
  sweep lorenz-small-a-forms a-forms --from="$runs/lorenz-small-{seed}" --epochs=100
  for seed in $seeds; do train "silverbox-$seed" silverbox --seed="$seed"; done
  sweep silverbox-one-site one-site --from="$runs/silverbox-{seed}" --epochs=30

  # Q-S5's configurations at its size, from scratch, and its dynamical systems.
  sweep smnist-seven qs5-smnist --preset=none
  sweep lorenz qs5-lorenz
  sweep smnist-seven-qs5 qs5-smnist --preset=qs5
  sweep mackey-glass qs5-mackey-glass
}

main
