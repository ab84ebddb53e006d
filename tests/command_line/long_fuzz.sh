#!/usr/bin/env bash
# A million inputs for every reader of input that may lie, from clang's libFuzzer under AddressSanitizer and
# UndefinedBehaviorSanitizer; an input may take a second and 256 MiB. Of HDF5 and .mat, which are tried in a child
# process, a hundredth: a million would take 15 hours. For exactly so many inputs, and some readers only:
#   long_fuzz.sh [inputs [reader]...]        with the folder of the repository in $BITSTATE_SOURCE
# An input that fails is kept in $BITSTATE_SOURCE/build/fuzz/failed.
set -euo pipefail
if ! command -v clang++-14 > /dev/null || ! ls /usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a > /dev/null 2>&1; then
  echo "skipped: there is no clang++-14 with libFuzzer (packages clang-14 and libclang-rt-14-dev)"
  exit 77
fi
inputs=${1:-}
shift $(($# > 0))
jobs=$(nproc)
build=$BITSTATE_SOURCE/build/fuzz
(cd "$BITSTATE_SOURCE" && cmake --preset fuzz && cmake --build --preset fuzz --parallel "$jobs") > build.log 2>&1 ||
  { tail -40 build.log; exit 1; }
readers=("$@")
if [ $# -eq 0 ]; then
  for target in "$build"/tests/fuzz/*_fuzz; do
    target=${target##*/}
    readers+=("${target%_fuzz}")
  done
fi

# fuzz <reader>: one line of figures, or the end of the log
fuzz() {
  local reader=$1 work=$PWD/work-$1 failed=$build/failed started=$SECONDS status=0 count=1000000
  local sanitizer=quarantine_size_mb=16 options=(-timeout=1)  # what is freed counts as memory for a while
  case $reader in
    hdf5 | mat | program)
      # HDF5 leaks what it had read of damaged headers; the reports of children that crash are not to take their second
      count=10000 sanitizer+=:symbolize=0 options=(-timeout=5 -detect_leaks=0)
      ;;
  esac
  mkdir -p "$work/corpus" "$work/tmp" "$failed"
  # inputs become files in memory, where there is room
  local tmp=$work/tmp
  if [ -w /dev/shm ]; then tmp=$(mktemp -d /dev/shm/bitstate-fuzz-XXXXXX); fi
  (cd "$work" && ASAN_OPTIONS=$sanitizer BITSTATE_FUZZ_SEEDS=$work/corpus TMPDIR=$tmp \
    "$build/tests/fuzz/${reader}_fuzz" "$work/corpus" -runs="${inputs:-$count}" -seed=1 "${options[@]}" \
    -rss_limit_mb=256 -malloc_limit_mb=256 -exact_artifact_path="$failed/$reader" -print_final_stats=1) > "$work/log" 2>&1 || status=$?
  rm -rf "$tmp"
  if [ "$status" -ne 0 ]; then
    tail -60 "$work/log"
    echo "$reader failed ($status); its input is $failed/$reader"
    return 1
  fi
  rm -f "$failed/$reader"  # of children in which HDF5 has crashed
  local runs slowest peak
  runs=$(grep -oE 'stat::number_of_executed_units: *[0-9]+' "$work/log" | grep -oE '[0-9]+$')
  slowest=$(grep -oE 'stat::slowest_unit_time_sec: *[0-9]+' "$work/log" | grep -oE '[0-9]+$')
  peak=$(grep -oE 'stat::peak_rss_mb: *[0-9]+' "$work/log" | grep -oE '[0-9]+$')
  echo "$reader: $runs inputs in $((SECONDS - started)) s, the slowest below $((slowest + 1)) s, peak $peak MiB"
}

export inputs build
export -f fuzz
printf '%s\n' "${readers[@]}" | xargs -P "$jobs" -I{} bash -euo pipefail -c 'fuzz {}'
