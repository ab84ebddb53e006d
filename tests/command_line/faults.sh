#!/usr/bin/env bash
# Every open, write, flush, rename and close of a training, a report and the exports fails once, with EIO and with ENOSPC
# (tests/support/faults.c): one sentence, exit code 1, no temporary file stays, nothing half written is taken for whole,
# and the run resumes to the weights of an undisturbed one. Then memory runs out.
set -euo pipefail

[ -n "${BITSTATE_FAULTS:-}" ] || { echo "skipped: the sanitizers have their own allocator"; exit 77; }
shopt -s dotglob nullglob
fail() { echo "$*" >&2; exit 1; }
digest() { grep -o '"weights_digest":"[0-9a-f]*"' "$1/result.json"; }

export BITSTATE_CACHE=$PWD/cache
small=(lorenz-small --quant=w8a8 --trajectories=6 --bsz=4 --epochs=1 --checkpoint_seconds=0
       --d_model=4 --n_layers=1 --ssm_size_base=4 --blocks=1 --threads=1 --lanes=1)
train() { "$BITSTATE" train "${small[@]}" --out=run --resume; }
report() { "$BITSTATE" report run; }
export_program() { "$BITSTATE" export run --threads=1; }
export_c() { "$BITSTATE" export run --threads=1 --format=c --proof=none; }  # without cc: it is run so often
export_onnx() { "$BITSTATE" export run --threads=1 --format=onnx --proof=none; }

# one_sentence <folder> <what> <may succeed>: what a command said whose exit code is $code; and it left no temporary file
one_sentence() {
  local lines left
  mapfile -t lines < "$1.errors"
  case "$code-$3" in
    0-yes) [ "${#lines[@]}" -eq 0 ] || fail "$2: exit code 0, but said: $(cat "$1.errors")" ;;
    1-*) [[ ${#lines[@]} -eq 1 && $lines == 'bitstate: '* ]] || fail "$2: said: $(cat "$1.errors")" ;;
    *) fail "$2: exit code $code, said: $(cat "$1.errors")" ;;
  esac
  left=("$1"/*.tmp-* "$1"/*/*.tmp-* "$1"/*/*/*.tmp-*)
  [ "$3" = yes ] || left+=("$1"/*/.bitstate-* "$1"/*/*/.bitstate-*)  # a folder that cannot be listed is not emptied
  [ "${#left[@]}" -eq 0 ] || fail "$2: left ${left[*]}"
}

# The order in which a file is replaced: a temporary beside it is written and flushed, renamed, and the folder flushed.
check_order() {
  awk -v least="$2" '
    function stop(why) { print "call " $0 ": " why; bad = 1; exit 1 }
    function folder(path) { return match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : "." }
    $3 ~ /(^|\/)(train\.log|curves\.csv|\.lock)$|\/plots\/[^\/]*$/ { next }  # no result is read from them
    $2 == "open" && $3 !~ /\.tmp-[^\/]*$/ { stop("it is written in its place") }
    $2 == "write" || $2 == "truncate" { flushed[$3] = 0 }
    pending != "" && ($2 == "write" || $2 == "open" || $2 == "rename") { stop("the rename before it is not flushed") }
    $2 == "fsync" { flushed[$3] = 1; if ($3 == pending) pending = "" }
    $2 == "rename" {
      if (!flushed[$3]) stop("its content is not flushed")
      if (folder($3) != folder($4) && folder($3) !~ /\/\.bitstate-[^\/]*$/) stop("it comes from another folder")
      pending = folder($4)
      ++renames
    }
    END {
      if (!bad && pending != "") { print "the last rename is not flushed"; exit 1 }
      if (!bad && renames < least) { print renames " files were replaced, expected " least; exit 1 }
    }' "$1" || fail "$1: files are not replaced in the right order"
}

# faulty <folder> <command> <variable>...: the command in the folder under the shim
faulty() {
  local folder=$1 command=$2
  shift 2
  code=0
  (cd "$folder" && export LD_PRELOAD="$BITSTATE_FAULTS" FAULTS_DIR="$folder" "$@" && "$command") \
    > "$folder.said" 2> "$folder.errors" || code=$?
}

# What one failed call of a command left, with the exit code $code: as one_sentence and check_<command> say.
check_call() {
  local command=$1 number=$2 error=$3 call=${log[$2 - 1]} may_succeed=no
  local folder=$PWD/$command-$error-$number
  case "$command $call" in  # what is closed was flushed before; left-overs may stay; HDF5 opens a file to see what it is;
    # a report gives the figures that there are, an export finds its rules in the settings, too; a log may have gaps
    *\ close\ * | *\ open-folder\ * | *\ open\ *.h5.tmp-* | report*\ open-read\ *best.h5 | export*\ open-read\ *best.h5 | \
      *train.log | *curves.csv | *.lock) may_succeed=yes ;;
  esac
  # what describes a result must not cost it
  if [[ "$command ${log[*]:0:number-1}" == train*" rename "*run/result.json* ]]; then may_succeed=yes; fi
  one_sentence "$folder" "$command, $error at call $call" "$may_succeed"
  "check_$command" "$folder" "$command, $error at call $call" "$number"
}

# Each call of a command fails once, with one error. The program is loaded once for all of them: see faults.c.
fail_each() {
  local command=$1 base=$2 error=$3 codes number
  local folder=$PWD/$command-$error
  for ((number = 1; number <= ${#log[@]}; ++number)); do cp -r "$base" "$folder-$number"; done
  mapfile -t codes < <(
    export LD_PRELOAD="$BITSTATE_FAULTS" FAULTS_DIR="$folder" FAULTS_EACH="${#log[@]}" FAULTS_ERROR="$error"
    "$command"
  )
  [ "${#codes[@]}" -eq "${#log[@]}" ] || fail "$command: ${#codes[@]} of ${#log[@]} calls failed"
  for ((number = 1; number <= ${#log[@]}; ++number)); do
    code=${codes[number - 1]}
    check_call "$command" "$number" "$error"
  done
  rm -rf "$folder"-*
}

# fail_calls <command> <base> <files that it replaces>: each call in turn, on a copy of the folder <base>
fail_calls() {
  local command=$1 base=$2 undisturbed=$PWD/$1-undisturbed log pids=() error number
  cp -r "$base" "$undisturbed"
  faulty "$undisturbed" "$command" FAULTS_LOG="$PWD/$command.log"
  [ "$code" -eq 0 ] || fail "$command: $(cat "$undisturbed.errors")"
  check_order "$command.log" "$3"
  mapfile -t log < "$command.log"
  for error in EIO ENOSPC; do
    fail_each "$command" "$base" "$error" &
    pids+=($!)
  done
  for number in "${pids[@]}"; do wait "$number" || exit 1; done
  cp -r "$base" "$undisturbed-short"
  faulty "$undisturbed-short" "$command" FAULTS_AT=-1 FAULTS_ERROR=SHORT  # every write writes half
  [ "$code" -eq 0 ] || fail "$command, short writes: $(cat "$undisturbed-short.errors")"
  "check_$command" "$undisturbed-short" "$command, short writes" 1000000
  echo "$command: each of ${#log[@]} calls failed twice"
}

check_train() {
  local renames=() call state
  [ ! -e "$1/run/result.json" ] || [ "$(digest "$1/run")" = "$expected" ] || fail "$2: another result"
  # what is left after failures between the same two renames is the same: one of them resumes
  for call in "${log[@]:0:$3-1}"; do [[ $call != *' rename '* ]] || renames+=("${call##* }"); done
  state=resumed-${2:7:3}-${#renames[@]}
  mkdir "$state" 2> /dev/null || return 0
  (cd "$1" && train) > "$1.resumed" 2>&1 || fail "$2: does not resume: $(cat "$1.resumed")"
  [ "$(digest "$1/run")" = "$expected" ] || fail "$2: resumes to other weights"
  cmp "$1/run/metrics.jsonl" train-undisturbed/run/metrics.jsonl || fail "$2: resumes to other metrics"
  if [[ ${renames[*]} == *run/checkpoint.h5* && ${renames[*]} != *run/result.json* ]]; then
    grep -q '^resumed at' "$1.resumed" || fail "$2: did not go on from its checkpoint"
  fi
}

# what is there is whole
check_written() {
  local folder=$1 what=$2 command=$3 name
  shift 3
  for name in "$@"; do
    [ ! -e "$folder/run/$name" ] || cmp "$folder/run/$name" "$command-undisturbed/run/$name" || fail "$what: $name is torn"
  done
}
check_report() { check_written "$1" "$2" report table.md table.csv runs.csv table.tex index.html; }
check_export_program() { check_written "$1" "$2" export_program program.h5; }
check_export_c() { check_written "$1" "$2" export_c c/model.h c/model.c c/model_test.c; }
check_export_onnx() { check_written "$1" "$2" export_onnx model.onnx; }

mkdir empty whole
(cd whole && train > /dev/null)
expected=$(digest whole/run)
fail_calls train empty 9
fail_calls report whole 5
fail_calls export_program whole 1
fail_calls export_c whole 3
fail_calls export_onnx whole 1

# Too little memory is a sentence that says so, also in a lane that waits for others on a thread of its own.
no_memory() {
  one_sentence "$1" "$2" "$3"
  [ "$code" -eq 0 ] || grep -q 'memory' "$1.errors" || fail "$2: said: $(cat "$1.errors")"
}

# one allocation of C++ code fails, of as many as $1 spread over a training
lanes() { "$BITSTATE" train "${small[@]}" --lanes=4 --threads=3 --out=run; }
fail_allocations() {
  local command=$2 count number folder=$PWD/memory-$2
  mkdir "$folder"
  faulty "$folder" "$command" FAULTS_MEMORY_AT=1000000000 FAULTS_MEMORY_OF=libstdc++ FAULTS_MEMORY_LOG="$folder.allocations"
  count=$(cat "$folder.allocations")
  [ "$count" -gt 100 ] || fail "$command: $count allocations"
  for ((number = 2; number < count - 50; number += count / $1)); do  # the last ones are of the end of the program
    rm -rf "$folder"
    mkdir "$folder"
    faulty "$folder" "$command" FAULTS_MEMORY_AT="$number" FAULTS_MEMORY_OF=libstdc++
    no_memory "$folder" "$command, allocation $number of $count" yes  # a sort does without its buffer
  done
  echo "$command: ${1} of $count allocations failed"
}
fail_allocations 12 train &
pids=($!)
fail_allocations 12 lanes &
pids+=($!)

# the process may have less address space than it needs: 50, 75 and 90 %
larger=(lorenz-small --quant=w8a8 --trajectories=20 --bsz=16 --epochs=1 --n_layers=2 --d_model=64 --lanes=16)
limited() { "$BITSTATE" train "${larger[@]}" --threads="$threads" --out=run; }
limit_memory() {
  local threads=$1 low=50000 high=4000000 middle folder=$PWD/limited-$1  # KiB
  while [ $((high - low)) -gt $((low / 50)) ]; do
    middle=$(((low + high) / 2))
    rm -rf "$folder"
    mkdir "$folder"
    if (cd "$folder" && ulimit -v "$middle" && limited) > /dev/null 2>&1; then high=$middle; else low=$middle; fi
  done
  for middle in 50 75 90; do
    rm -rf "$folder"
    mkdir "$folder"
    code=0
    (cd "$folder" && ulimit -v $((high * middle / 100)) && limited) > "$folder.said" 2> "$folder.errors" || code=$?
    no_memory "$folder" "$threads threads with $middle % of $high KiB" "$([ "$middle" -eq 90 ] && echo yes)"
  done
  echo "$threads threads: 50, 75 and 90 % of $high KiB"
}
limit_memory 1
limit_memory 8
for number in "${pids[@]}"; do wait "$number" || exit 1; done
