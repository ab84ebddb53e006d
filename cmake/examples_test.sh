#!/usr/bin/env bash
# Installs the build to an empty prefix, then configures, builds and runs the programs of examples/ against that prefix
# alone.
#   examples_test.sh <cmake> <build folder> <C++ compiler>
set -euo pipefail
cmake=$1 build=$2 compiler=$3
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

"$cmake" --install "$build" --prefix "$root/prefix" > "$root/install.log"
"$root/prefix/bin/bitstate" --version
"$root/prefix/bin/bitstate" completion bash | cmp - "$root/prefix/share/bash-completion/completions/bitstate"
"$root/prefix/bin/bitstate" completion zsh | cmp - "$root/prefix/share/zsh/site-functions/_bitstate"
# Copies outside the repository: an include path into the source tree would not be found.
for example in train edge; do
  cp -r "$source/examples/$example" "$root/$example"
  "$cmake" -G Ninja -S "$root/$example" -B "$root/build/$example" -D CMAKE_PREFIX_PATH="$root/prefix" \
           -D CMAKE_CXX_COMPILER="$compiler" -D CMAKE_BUILD_TYPE=Release
  "$cmake" --build "$root/build/$example"
done
"$root/build/train/train" | tee "$root/trained"
[ "$(tail -1 "$root/trained")" = "the integer program gives the codes of the forward" ]
awk '$1 == 10 && $2 > 0.9 { learnt = 1 } END { exit !learnt }' "$root/trained"

# What trains is configured without what writes programs as C and ONNX.
if grep -q bitstate-codegen "$root/build/train/build.ninja"; then
  echo "the train example is configured with the component codegen"
  exit 1
fi

# What runs a program links to HDF5 and fmt, and is configured without the libraries that training and data sets need.
readelf -d "$root/build/edge/edge" > "$root/needed"
grep -q libhdf5 "$root/needed"
if grep -E 'libtbb|libboost|libcurl|libhpdf|libarchive|libpng' "$root/needed" "$root/build/edge/build.ninja" ||
  grep -E '^(TBB|Boost|CURL|LibArchive|PNG)_[A-Za-z]*(DIR|LIBRARY)' "$root/build/edge/CMakeCache.txt"; then
  echo "the edge example is linked or configured with more than it needs"
  exit 1
fi

# The stream of the edge example gives what `bitstate run` gives for the whole sequence.
bitstate=$root/prefix/bin/bitstate
"$bitstate" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=w8a8 --out="$root/run" > /dev/null
"$bitstate" export "$root/run" --out="$root/program.h5" > /dev/null
for t in $(seq 1 70); do echo "$((t % 7 - 3)).5,$((t % 11 - 5)),$((t * t % 13))"; done > "$root/steps.csv"
"$bitstate" run "$root/program.h5" --input="$root/steps.csv" | tail -n +2 | cut -d, -f3- > "$root/whole"
"$root/build/edge/edge" "$root/program.h5" < "$root/steps.csv" > "$root/streamed"
[ "$(wc -l < "$root/streamed")" -eq 70 ]
awk -F, 'NR == FNR { for (i = 1; i <= NF; ++i) y[FNR, i] = $i; next }
         { for (i = 1; i <= NF; ++i) if ($i + 0 != y[FNR, i] + 0) exit 1 }' "$root/whole" "$root/streamed"
