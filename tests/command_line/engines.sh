#!/usr/bin/env bash
# A sweep as tasks of GNU parallel and of Slurm: the scripts are run as these programs would run them, and end in the
# table of a local sweep.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
here=$PWD
mkdir bin
cat > bin/sbatch <<'FAKE'
#!/bin/sh
echo "$*" >> "$FAKE/sbatch.calls"
if [ -e "$FAKE/refuse" ]; then printf 'sbatch: error: %s\n' 'invalid partition' 'refused' >&2; exit 1; fi
echo 'sbatch: a word of the site' >&2
echo "$(wc -l < "$FAKE/sbatch.calls");cluster"
FAKE
cat > bin/scontrol <<'FAKE'
#!/bin/sh
echo "$*" >> "$FAKE/scontrol.calls"
FAKE
chmod +x bin/sbatch bin/scontrol
export FAKE=$here
plain=$PATH

cat > "the tasks.ini" <<'INI'
recipe = lorenz-small
seeds = 1 2
set.trajectories = 12
set.bsz = 4
set.epochs = 2
row.A of 4 bits = a_bits=4
stage.float =
stage.qaft = epochs=1 | from_lr_factor=0.1
INI
sweep=("$BITSTATE" sweep "the tasks.ini" --threads=1 --jobs=2)
"${sweep[@]}" --out=local > log || fail "$(cat log)"
. "$BITSTATE_SOURCE/tests/support/figures.sh"
same() {
  "$BITSTATE" report "$1" > /dev/null
  figures local/table.csv > expected
  figures "$1/table.csv" | cmp - expected || fail "the table of $1 differs"
}

# GNU parallel: each line is one task, in any order
"${sweep[@]}" --engine=parallel --out="in parallel" > said
grep -qF "parallel --jobs=2 --joblog='in parallel/parallel.log' < 'in parallel/tasks.txt'" said || fail "$(cat said)"
[ "$(grep -cF -- ' --threads=1 --run=' "in parallel/tasks.txt")" -eq 4 ] || fail "$(cat "in parallel/tasks.txt")"
[ -e "in parallel/plan.json" ] || fail 'no plan'
if find "in parallel" -name result.json | grep .; then fail 'something was run'; fi
(cd / && tac "$here/in parallel/tasks.txt" | tr '\n' '\0' | xargs -0 -P 3 -n 1 bash -c) > log || fail "$(cat log)"
same "in parallel"
"${sweep[@]}" --engine=parallel --out="in parallel" > said
grep -q '^every run has a result' said || fail "$(cat said)"
cmp <(tr -d ' \n' < "in parallel/plan.json" | sed 's/.*"rows"//') <(tr -d ' \n' < local/plan.json | sed 's/.*"rows"//') ||
  fail 'tasks changed the order of the plan'

# without --threads the runs at once share the processors of this machine
"$BITSTATE" sweep "the tasks.ini" --engine=parallel --out=shared --jobs="$(nproc)" > said
[ "$(grep -cF -- ' --threads=1 --run=' shared/tasks.txt)" -eq 4 ] || fail "$(cat shared/tasks.txt)"
"$BITSTATE" sweep "the tasks.ini" --engine=parallel --out=shared > said
[ "$(grep -cF -- " --threads=$(nproc) --run=" shared/tasks.txt)" -eq 4 ] || fail "$(cat shared/tasks.txt)"
# what another process works on is not handed over
busy=$(echo shared/runs/a-of-4-bits-*seed-1-*)
echo '{"host":"elsewhere","system":"another","pid":7,"began":1}' > "$busy/claim.1"
"${sweep[@]}" --engine=parallel --out=shared > said
grep -qx 'already in progress elsewhere, so not handed over: 1 run' said || fail "$(cat said)"
[ "$(wc -l < shared/tasks.txt)" -eq 3 ] && ! grep -qF "${busy##*-}" shared/tasks.txt || fail "$(cat shared/tasks.txt)"

# a run that is chosen is handed over alone, behind the one that it starts from
later=$(echo shared/runs/a-of-4-bits-*seed-2-*)
"${sweep[@]}" --engine=parallel --out=chosen --run="${later##*-}" > said
[ "$(wc -l < chosen/tasks.txt)" -eq 2 ] && grep -qF -- "--run=${later##*-}" chosen/tasks.txt ||
  fail "$(cat chosen/tasks.txt)"

# a dry run says what it costs and writes nothing
for engine in parallel slurm; do
  "$BITSTATE" sweep "the tasks.ini" --engine="$engine" --out=dry --dry_run > said
  grep -q '^4 runs, 0 with a result; the others take about ' said || fail "$(cat said)"
  [ ! -e dry ] && [ ! -e sbatch.calls ] || fail "a dry run of $engine did something"
done
"${sweep[@]}" --engine=slurm --time_limit=0:30:00 --out=slurm --dry_run > dry.said

# Slurm: without sbatch, scripts are written
PATH=$here "${sweep[@]}" --engine=slurm --time_limit=0:30:00 --out=slurm > said
# the scripts are those that the dry run showed, behind its forecast
for script in first later report; do
  printf '\nslurm/slurm/1/%s.sh:\n' "$script"
  cat "slurm/slurm/1/$script.sh"
done > scripts
sed '1,/^4 runs, 0 with a result/d' dry.said | cmp - scripts || fail "$(cat dry.said)"
PATH=$here "${sweep[@]}" --engine=slurm --time_limit=0:30:00 --out=slurm > said || fail "$(cat said)"
grep -q '^there is no sbatch here, so nothing is submitted' said || fail "$(cat said)"
export PATH=$here/bin:$plain
"${sweep[@]}" --engine=slurm --time_limit=0:30:00 --out=slurm > said
grep -q 'report.sh is job 3' said || fail "$(cat said)"
printf '%s\n' "--parsable slurm/slurm/3/first.sh" "--parsable --dependency=afterany:1 slurm/slurm/3/later.sh" \
  "--parsable --dependency=afterany:2 slurm/slurm/3/report.sh" | cmp - sbatch.calls || fail "$(cat sbatch.calls)"
for line in '#SBATCH --array=1-2%2' '#SBATCH --time=0:30:00' '#SBATCH --requeue' '#SBATCH --cpus-per-task=1' '#SBATCH --signal=B:USR1@120'; do
  grep -qxF -- "$line" slurm/slurm/3/first.sh || fail "no $line in $(cat slurm/slurm/3/first.sh)"
done
# a later call, when one run is done, changes nothing for the tasks that wait
task() { (cd / && SLURM_ARRAY_JOB_ID=1 SLURM_ARRAY_TASK_ID=$2 bash "$here/slurm/slurm/$1.sh") > log 2>&1; }
task 3/first 1 || fail "$(cat log)"
PATH=$here "${sweep[@]}" --engine=slurm --time_limit=0:30:00 --out=slurm > said
[ "$(wc -l < slurm/slurm/4/first.txt)" -eq 1 ] || fail "$(cat slurm/slurm/4/first.txt)"
[ "$(wc -l < slurm/slurm/3/first.txt)" -eq 2 ] || fail "$(cat slurm/slurm/3/first.txt)"
if task 4/first 2; then fail 'a task without a line ended well'; fi
grep -q "line 2 of .*slurm/4/first.txt holds no task" log || fail "$(cat log)"
for array in first later; do
  for task in 1 2; do
    task "3/$array" "$task" || fail "$(cat log)"
  done
done
bash slurm/slurm/3/report.sh > log
same slurm
[ ! -e scontrol.calls ] || fail "$(cat scontrol.calls)"

# a node without the program says so, and does nothing
printf 'recipe = lorenz-small\nset.trajectories = 12\nset.bsz = 4\nset.epochs = 1\n' > one.ini
cp "$BITSTATE" mine
PATH=$here ./mine sweep one.ini --engine=slurm --out=one > said
rm mine
code=0
(cd / && SLURM_ARRAY_JOB_ID=1 SLURM_ARRAY_TASK_ID=1 bash "$here/one/slurm/1/first.sh") > log 2>&1 || code=$?
[ "$code" -eq 127 ] && [ "$(cat log)" = "$(uname -n) has no $here/mine, with which this sweep was submitted" ] || fail "$code: $(cat log)"
"$BITSTATE" sweep one.ini --threads=1 --out=one > log || fail "$(cat log)"

# before its limit a run writes a checkpoint, and its task is queued again
printf 'recipe = lorenz-small\nset.trajectories = 12\nset.bsz = 4\nset.epochs = 1000000\nquant = none\n' > long.ini
"$BITSTATE" sweep long.ini --engine=slurm --out=long > said
grep -qxF '#SBATCH --cpus-per-task=1' long/slurm/1/first.sh || fail 'not one processor without --threads'
SLURM_CPUS_PER_TASK=3 bash -c "cd() { :; }; exec() { echo \"\$*\"; }; $(cat long/slurm/1/first.txt)" > said
grep -q -- ' --threads=3 --run=' said || fail "$(cat said)"
grep -qxF '#SBATCH --array=1-1' long/slurm/1/first.sh || fail 'throttled without --jobs'
# signalled <signal>: the task gets the signal while its run trains
signalled() {
  local job code=0
  find long -name metrics.jsonl -delete
  SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=1 bash long/slurm/1/first.sh > log 2>&1 &
  job=$!
  trap 'kill -TERM "$job"' EXIT
  for _ in $(seq 300); do [ -z "$(find long -name metrics.jsonl)" ] || break; sleep 0.1; done
  trap - EXIT
  kill "-$1" "$job"
  wait "$job" || code=$?
  [ "$code" -eq 75 ] || fail "exit code $code after $1: $(cat log)"
}
signalled TERM
[ ! -e scontrol.calls ] || fail "queued again after TERM: $(cat scontrol.calls)"
signalled USR1
[ "$(cat scontrol.calls)" = 'requeue 7_1' ] || fail "$(cat scontrol.calls)"
[ -n "$(find long -name checkpoint.h5)" ] || fail 'no checkpoint'

# refused <words> <code> <argument>...
refused() {
  local words=$1 expected=$2 code=0
  shift 2
  "$BITSTATE" sweep long.ini "$@" > said 2>&1 || code=$?
  [ "$code" -eq "$expected" ] && grep -qF -- "$words" said || fail "sweep $*: exit code $code, said: $(cat said)"
}
refused 'expected local, parallel or slurm, got "pbs"' 2 --engine=pbs --out=x
refused 'expected minutes or [D-]HH:MM:SS' 2 --engine=slurm --out=x --time_limit='1 --wrap=x'
for time in 4 4:59 0:04:59 0-0:04; do refused 'expected 5 minutes or more' 2 --engine=slurm --out=x "--time_limit=$time"; done
for time in 5 5:00 0:05:00 0-1 1-00:00:00; do PATH=$here "$BITSTATE" sweep long.ini --engine=slurm --out=y "--time_limit=$time" > said; done
[ ! -e x ] || fail 'a refused sweep left something'
refused "the sweep has no run 'abc'" 2 --run=abc --out=x
touch refuse
refused 'is refused by sbatch (sbatch: error: invalid partition; sbatch: error: refused); nothing is submitted' 1 --engine=slurm --out=long
touch file
refused 'file' 1 --engine=parallel --out=file/x
