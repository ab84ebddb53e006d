#!/usr/bin/env bash
# A full disk is one sentence, at whatever file the space ends; with room the same command works.
# A limit on the size of files stands for the disk; where a small file system can be mounted, that one, too.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
train=(train lorenz-small --trajectories=20 --bsz=4 --epochs=2 --d_model=24 --threads=1)

# one_sentence <what> <exit code> <standard error>
one_sentence() {
  [ "$2" -eq 1 ] && [ "$(wc -l <<< "$3")" -eq 1 ] && [[ $3 =~ ^'bitstate: '.*(No space left on device|File too large)$ ]] ||
    fail "$1: exit code $2, said: $3"
}

trap '' XFSZ  # too large a file is an error then, not a signal
for blocks in 0 1 2 8 24 33; do  # of 1024 bytes: it ends in settings.ini, parameters.txt, best.h5 or checkpoint.h5
  code=0
  said=$(ulimit -f "$blocks" && "$BITSTATE" "${train[@]}" --out=limited 2>&1 > /dev/null) || code=$?
  one_sentence "files of at most $blocks KiB" "$code" "$said"
  [ ! -e limited ] || [ -z "$(find limited -name '*.tmp-*' -o -name .lock)" ] || fail "left behind: $(find limited)"
done
"$BITSTATE" "${train[@]}" --out=limited > /dev/null

for command in "train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --out=spoken" "eval limited --json" "report limited"; do
  code=0
  said=$("$BITSTATE" $command 2>&1 > /dev/full) || code=$?
  one_sentence "$command to a full standard output" "$code" "$said"
done

mkdir disk
mount -t tmpfs -o size=40k tmpfs disk 2> /dev/null || { echo "no file system can be mounted here"; exit 0; }
trap 'umount disk' EXIT
code=0
said=$("$BITSTATE" "${train[@]}" --out=disk/run 2>&1 > /dev/null) || code=$?
one_sentence "a file system of 40 KiB" "$code" "$said"
mount -o remount,size=4m disk
"$BITSTATE" "${train[@]}" --out=disk/run > /dev/null
cmp disk/run/metrics.jsonl limited/metrics.jsonl
