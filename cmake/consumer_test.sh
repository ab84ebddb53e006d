#!/usr/bin/env bash
# Installs the build to an empty prefix, then configures, builds and runs examples/consumer against that prefix alone.
#   consumer_test.sh <cmake> <build folder> <C++ compiler>
set -euo pipefail
cmake=$1 build=$2 compiler=$3
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

"$cmake" --install "$build" --prefix "$root/prefix" > "$root/install.log"
"$root/prefix/bin/bitstate" --version
# A copy outside the repository: an include path into the source tree would not be found.
cp -r "$source/examples/consumer" "$root/consumer"
"$cmake" -G Ninja -S "$root/consumer" -B "$root/build" -D CMAKE_PREFIX_PATH="$root/prefix" \
         -D CMAKE_CXX_COMPILER="$compiler" -D CMAKE_BUILD_TYPE=Release
"$cmake" --build "$root/build"
"$root/build/consumer"
