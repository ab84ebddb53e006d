#!/usr/bin/env bash
# The include check must fail on each kind of violation, name the file, and pass on what the arrows allow.
#   check_includes_test.sh <cmake>
set -euo pipefail
cmake=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

check() { "$cmake" -D root="$root" -P "$here/check_includes.cmake" 2>&1; }

# violates <file> <include>: a tree with only this line must be refused, by the name of the file
violates() {
  rm -rf "${root:?}"/*
  mkdir -p "$root/$(dirname "$1")"
  echo "#include $2" > "$root/$1"
  if output=$(check); then
    echo "not caught: $1 includes $2"
    exit 1
  fi
  grep -q "$1 includes" <<< "$output" || { echo "the message does not name $1: $output"; exit 1; }
}

# allows <file> <include>
allows() {
  rm -rf "${root:?}"/*
  mkdir -p "$root/$(dirname "$1")"
  echo "#include $2" > "$root/$1"
  output=$(check) || { echo "refused, but allowed: $1 includes $2: $output"; exit 1; }
}

violates core/tensor.h '"autograd/tape.h"'
violates autograd/tape.h '"models/layers/linear.h"'
violates autograd/ops/scan.cpp '"datasets/dataset.h"'
violates models/layers/linear.cpp '"experiments/run_folder/train.h"'
violates experiments/training/trainer.cpp '"experiments/settings/run_config.h"'
violates experiments/training/trainer.cpp '"datasets/registry.h"'
violates experiments/training/trainer.cpp '<nlohmann/json.hpp>'
allows experiments/training/trainer.cpp '"datasets/dataset.h"'
violates experiments/settings/options.cpp '"experiments/run_folder/load.h"'
violates experiments/settings/ini.cpp '"core/io/atomic_file.h"'
violates experiments/training/trainer.h '"experiments/posttraining/transform.h"'
violates experiments/inspect/inspect.cpp '"experiments/run_folder/identity.h"'
violates experiments/host/console.cpp '"experiments/settings/options.h"'
violates experiments/newroom/file.cpp '<vector>'
allows experiments/settings/run_config.cpp '"experiments/posttraining/transform.h"'
violates datasets/sets/smnist.cpp '"models/layers/linear.h"'
violates datasets/sets/smnist.cpp '"autograd/tape.h"'
violates experiments/run_folder/train.cpp '"tests/support/golden.h"'
violates core/tensor.cpp '"tensor.h"'
violates core/tensor.cpp '"../core/tensor.h"'
violates autograd/ops/scan.cpp '<Eigen/Dense>'
violates models/s5/linalg.h '<Eigen/Core>'
violates autograd/kernels/gemm.cpp '<Eigen/Core>'
violates autograd/ops/linear.cpp '<dnnl.h>'
violates core/arena.cpp '<tbb/parallel_for.h>'
violates core/arena.cpp '<oneapi/tbb.h>'
violates core/io/hdf5.h '<hdf5.h>'
violates tests/core/io/hdf5_test.cpp '<hdf5.h>'
violates experiments/mpi/main.cpp '<mpi.h>'
allows experiments/mpi/mpi_team.cpp '<mpi.h>'
violates experiments/run_folder/train.cpp '"experiments/mpi/mpi_team.h"'
violates experiments/commands/main.cpp '<boost/program_options.hpp>'
violates core/io/atomic_file.cpp '<zlib.h>'
violates datasets/sets/pathfinder.cpp '<png.h>'
violates experiments/run_folder/train.cpp '<curl/curl.h>'
violates models/s5.cpp '<nlohmann/json.hpp>'

allows autograd/kernels/gemm.cpp '<dnnl.h>'
allows models/s5/linalg.cpp '<Eigen/Eigenvalues>'
allows core/parallel.cpp '<tbb/task_arena.h>'
allows core/io/hdf5_reader.cpp '<hdf5.h>'
allows experiments/settings/command_line.cpp '<boost/program_options.hpp>'
allows datasets/formats/idx.cpp '<zlib.h>'
allows datasets/formats/png.cpp '<png.h>'
allows experiments/data/fetch.cpp '<curl/curl.h>'
allows models/layers/linear.cpp '"autograd/tape.h"'
allows experiments/run_folder/train.cpp '"models/layers/linear.h"'
allows tests/models/linear_test.cpp '"tests/support/golden.h"'
echo "the include check catches what it should"
