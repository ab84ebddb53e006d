#!/bin/bash
# Makes the numbers of docs/results/tuning.md, "On the device": the C of a model under W8A8 is trained on dimmed noisy
# digits, one example after the other. One line for each: what trains, rates, images, accuracy on the first test images.
#   docs/results/tuning_device.sh BITSTATE DATA NOISY RUN OUT   DATA holds mnist/, NOISY what tuning_data.mjs made of it,
#   RUN is smnist-small-1 (docs/results/run.sh). COUNT and TEST set the numbers of images, PASSES how often they come.
set -euo pipefail
bitstate=$1 data=$2 noisy=$3/noisy/mnist run=$4 out=$5
count=${COUNT:-3200} test=${TEST:-2000} passes=${PASSES:-1}
mkdir -p "$out"
[ -e "$out/w8a8/best.h5" ] || "$bitstate" ptq "$run" --quant=w8a8 --data="$data" --threads=1 --out="$out/w8a8" > /dev/null

# row WHAT TUNE_RATE LAYER_RATE
row() {
  local c=$out/c-$1-$2-$3 options=(--trainable="$1" --tune_rate="$2") defines=()
  if [ "$1" = top1 ]; then options+=(--layer_rate="$3") defines=(-DTOP); fi
  "$bitstate" export "$out/w8a8" --format=c "${options[@]}" --data="$data" --parity=16 --threads=1 --out="$c" > "$c.log"
  cc -O2 "${defines[@]}" -I "$c" "$c/model.c" "$(dirname "$0")/tuning_device.c" -o "$c/device"
  echo "$1,$2,$3,$count,$("$c/device" "$noisy" "$count" "$passes" "$test")"
  if [ "$1" = head ]; then echo "nothing,-,-,0,$("$c/device" "$noisy" 0 0 "$test")"; fi
}

row head 0.01 -
row top1 0.01 0.3
