#!/usr/bin/env bash
# A few quantized steps with dropout end with the same weights on one thread and on four, with either normalization.
# Small enough for the sanitizers, which watch the whole program at work here.
set -euo pipefail

digest() { grep -o '"weights_digest":"[0-9a-f]*"' "$1/result.json"; }

for batchnorm in true false; do
  for threads in 1 4; do
    "$BITSTATE" train lorenz-small --quant=w8a8 --trajectories=20 --bsz=8 --lanes=5 --epochs=2 --activation_fn=half_glu1 \
                --p_dropout=0.1 --batchnorm="$batchnorm" --threads="$threads" --out="$batchnorm-$threads" > train.log
  done
  [ "$(digest "$batchnorm-1")" = "$(digest "$batchnorm-4")" ] || { echo "batchnorm=$batchnorm: the weights differ"; exit 1; }
done
[ "$(digest true-1)" != "$(digest false-1)" ] || { echo "the digest does not see the normalization"; exit 1; }
