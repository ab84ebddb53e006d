#!/usr/bin/env bash
# workers.sh with 8 workers, 300 runs and 100 kills.
set -euo pipefail
WORKERS=8 SEEDS=100 KILLS=100 EPOCHS=25 RANDOM_SEED=${RANDOM_SEED:-$$} \
  exec bash "$BITSTATE_SOURCE/tests/command_line/workers.sh"
