#!/usr/bin/env bash
# The official files of MNIST are accepted and trained on, a few sequences.
set -euo pipefail
export BITSTATE_DATA=${BITSTATE_SHARED:-$BITSTATE_SOURCE/../shared}/data/mnist
"$BITSTATE" data check
"$BITSTATE" train smnist-small --limit_train=100 --limit_test=20 --epochs=1 --out=run > /dev/null
