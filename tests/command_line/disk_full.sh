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

# a sweep: what does not fit is one sentence, and nothing is lost
cat > tasks.ini <<'INI'
recipe = lorenz-small
set.trajectories = 12
set.bsz = 4
set.epochs = 2
row.A of 4 bits = a_bits=4
stage.float =
stage.qaft = epochs=1 | from_lr_factor=0.1
INI
sweep=("$BITSTATE" sweep tasks.ini --threads=1)
"${sweep[@]}" --out=roomy > /dev/null
rm -r disk/run
mount -o remount,size=4k disk
code=0
said=$("${sweep[@]}" --engine=slurm --out=disk/out 2>&1 > /dev/null) || code=$?
one_sentence "scripts in 4 KiB" "$code" "$said"
for size in 4 16 24 64 100; do  # KiB: it ends in settings, in the page, in a claim, in best.h5 and in the second run
  mount -o "remount,size=${size}k" disk
  code=0
  "${sweep[@]}" --out=disk/out > said 2> errors || code=$?
  [ "$code" -eq 1 ] || fail "a sweep in $size KiB: exit code $code, said: $(cat said errors)"
  { grep -v '; the sweep goes on without its page$' errors || true; grep '^failed' said || true; } > sentences
  [ -s sentences ] && ! grep -v 'No space left on device' sentences || fail "a sweep in $size KiB said: $(cat said errors)"
done
mount -o remount,size=4m disk
"${sweep[@]}" --out=disk/out > /dev/null
cmp <(cut -d , -f 1-15 roomy/table.csv) <(cut -d , -f 1-15 disk/out/table.csv)  # all before the seconds
