#!/usr/bin/env bash
# The README's sequential-MNIST commands on the real files, a few sequences each.
set -euo pipefail
export BITSTATE_DATA=${BITSTATE_SHARED:-$BITSTATE_SOURCE/../shared}/data/mnist
if [ ! -e "$BITSTATE_DATA/train-images-idx3-ubyte.gz" ]; then
  echo "skipped: $BITSTATE_DATA holds no MNIST files"
  exit 77
fi
few=(--limit_train=100 --limit_test=20 --epochs=1)
"$BITSTATE" data check
"$BITSTATE" train smnist-small "${few[@]}" --out=small --json | tail -n 1 | grep -q '"test_accuracy"'
"$BITSTATE" train smnist --quant w4a8-ssm8 "${few[@]}" --out=full
"$BITSTATE" sweep smnist-small --out=swept --jobs 2 "${few[@]}"
"$BITSTATE" report swept
[ "$(grep -cE '^\| (float|w8a8|w4a8-ssm8|w2a8) ' swept/table.md)" -eq 4 ]
