#!/bin/bash
# Makes the numbers of docs/results/tuning.md: float runs are fine-tuned to other digits than they were trained on, their
# top layers only, with exact and with cheaper backward forms. One line of CSV for each run: task, seed, bits, what
# trains, form, accuracy on the whole test set, seconds, and the peak of the tape in MB for one sequence.
#   docs/results/tuning.sh BITSTATE DATA RUNS OUT     DATA is what tuning_data.mjs made; RUNS holds smnist-small-1 to -3
#   (docs/results/run.sh), OUT the runs digits-0-4-1 to -3, which are trained if they are missing
set -euo pipefail
bitstate=$1 data=$2 runs=$3 out=$4
threads=${THREADS:-1}
mkdir -p "$out"
table=$out/tuning.csv
[ -e "$table" ] || echo "task,seed,bits,trains,form,accuracy,seconds,arena_mb" > "$table"

for seed in 1 2 3; do
  if [ ! -e "$out/digits-0-4-$seed/result.json" ]; then
    "$bitstate" train smnist-small --seed=$seed --data="$data/digits-0-4" --threads="$threads" \
      --out="$out/digits-0-4-$seed" --resume > "$out/digits-0-4-$seed.log"
  fi
done

# run TASK SEED BITS TRAINS FORM OPTION...: nothing if the table has it already.
run() {
  local key=$1,$2,$3,$4,$5 name=$1-$2-$3-$4-$5 task=$1 seed=$2 bits=$3 source accuracy seconds arena
  shift 5
  grep "^$key," "$table" > /dev/null && return
  case $task in noisy) source=$runs/smnist-small-$seed ;; *) source=$out/digits-0-4-$seed ;; esac
  rm -rf "${out:?}/$name"
  "$bitstate" train --from="$source" --data="$data/$task" --limit_train=3200 --epochs=2 --bsz=8 --quant="$bits" "$@" \
    --threads="$threads" --out="$out/$name" > "$out/$name.log"
  accuracy=$(sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p' "$out/$name/result.json")
  seconds=$(sed -n 's/.*"seconds":\([0-9.]*\).*/\1/p' "$out/$name/result.json")
  arena=$(sed -n 's/^test .* arena \([0-9.]*\) MB$/\1/p' "$out/$name.log")
  echo "$key,$accuracy,$seconds,$arena" >> "$table"
}

for task in noisy digits-5-9; do
  for seed in 1 2 3; do
    for bits in none w8a8; do
      source=$runs/smnist-small-$seed
      if [ $task != noisy ]; then source=$out/digits-0-4-$seed; fi
      if ! grep "^$task,$seed,$bits,nothing," "$table" > /dev/null; then
        rm -rf "$out/before"
        if [ $bits = none ]; then
          before=$("$bitstate" eval "$source" --data="$data/$task" --json | sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p')
        else
          "$bitstate" ptq "$source" --quant=$bits --data="$data/$task" --threads="$threads" --out="$out/before" > /dev/null
          before=$(sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p' "$out/before/result.json")
        fi
        echo "$task,$seed,$bits,nothing,-,$before,," >> "$table"
      fi
      run $task $seed $bits head exact --top_blocks=0
      for k in 1 2; do
        run $task $seed $bits top-$k exact --top_blocks=$k
        run $task $seed $bits top-$k sign --top_blocks=$k --act_backward=sign
        run $task $seed $bits top-$k sign-frozen --top_blocks=$k --act_backward=sign --norm_backward=frozen
      done
      run $task $seed $bits all exact
    done
  done
done
