#!/bin/bash
# Makes the numbers of docs/results/evolve.md: float runs that are quantized after training, searched (bitstate evolve)
# and fine-tuned. One line of CSV for each run: model, bits, method, accuracy on the whole test set, seconds of the search.
#   docs/results/evolve.sh BITSTATE DATA RUNS OUT     RUNS holds smnist-small-1 to -3 (docs/results/run.sh)
set -euo pipefail
bitstate=$1 data=$2 runs=$3 out=$4
configs=$(cd "$(dirname "$0")/../../experiments/configs" && pwd)
mkdir -p "$out"
table=$out/evolve.csv
[ -e "$table" ] || echo "model,bits,method,accuracy,seconds" > "$table"

# The configurations of bits: the state matrix has 8 bits in w4a8 and w3a8, and 4 in w4a8-a4.
cp "$configs/w4a8-a8.quant" "$out/w4a8.quant"
sed 's/^\(weight:\* *\)4/\13/' "$configs/w4a8-a8.quant" > "$out/w3a8.quant"
sed 's/^act:\* *8/act:* 4/' "$configs/w8a8.quant" > "$out/w8a4.quant"
cp "$configs/w4a8.quant" "$out/w4a8-a4.quant"
for bits in w4a8 w3a8 w8a4 w4a8-a4; do
  sed '/state:/!s/range=ema rate=0.3/range=learned/; s/range=absmax/range=learned/' "$out/$bits.quant" \
    > "$out/$bits-learned.quant"
done

# run MODEL BITS METHOD COMMAND...: nothing if the table has it already.
run() {
  local model=$1 bits=$2 method=$3 name=$1-$2-$3 accuracy seconds
  shift 3
  awk -F, -v m="$model" -v b="$bits" -v k="$method" '$1 == m && $2 == b && $3 == k { found = 1 } END { exit !found }' \
    "$table" && return
  rm -rf "${out:?}/$name"
  "$bitstate" "$@" --data="$data" --threads="${THREADS:-1}" --out="$out/$name" > "$out/$name.log"
  accuracy=$(sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p' "$out/$name/result.json")
  seconds=$(sed -n 's/.*"seconds":\([0-9.]*\).*/\1/p' "$out/$name/result.json")
  echo "$model,$bits,$method,$accuracy,$seconds" >> "$table"
}

for seed in 1 2 3; do
  model=smnist-small-$seed
  for bits in w4a8 w3a8 w8a4 w4a8-a4; do
    q=--quant=$out/$bits.quant
    run $model $bits absmax ptq "$runs/$model" "$q"
    run $model $bits mse ptq "$runs/$model" "$q" --weight_range=mse
    for loss in infonce mse kl; do run $model $bits "evolve-$loss" evolve "$runs/$model" "$q" --loss=$loss; done
    case $bits in w4a8 | w3a8) run $model $bits evolq evolve "$runs/$model" "$q" --preset=evolq ;; esac
  done
done
if [ -e "$runs/smnist-float/best.h5" ]; then  # the size of Q-S5
  model=smnist-float
  for bits in w4a8 w3a8 w8a4 w4a8-a4; do
    q=--quant=$out/$bits.quant
    run $model $bits absmax ptq "$runs/$model" "$q"
    run $model $bits mse ptq "$runs/$model" "$q" --weight_range=mse
    run $model $bits evolve-mse evolve "$runs/$model" "$q"
  done
  for loss in kl infonce; do
    for bits in w4a8 w3a8 w8a4 w4a8-a4; do
      run $model $bits "evolve-$loss" evolve "$runs/$model" --quant="$out/$bits.quant" --loss=$loss
    done
  done
fi
for seed in 1 2 3; do  # the longest, last
  for bits in w4a8 w3a8 w8a4 w4a8-a4; do
    model=smnist-small-$seed
    run $model $bits learned-1-epoch train --from="$runs/$model" --quant="$out/$bits-learned.quant" --epochs=1 \
      --from_lr_factor=0.1 --calibration_batches=8
  done
done
