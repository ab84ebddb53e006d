#!/usr/bin/env bash
# A sweep of 16 runs on a real Slurm of two nodes, all on this machine and in this folder: tasks are queued again by hand,
# before their limit and because a node dies, the controller is killed, and the table is that of a local sweep.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
PATH=$PATH:/usr/sbin
for program in munged slurmctld slurmd sbatch; do
  command -v "$program" > /dev/null || { echo "skipped: there is no $program (Debian: slurm-wlm, munge)"; exit 77; }
done

# ---- the cluster, in a folder of a short name for its sockets, which others must be able to enter
cluster=$(mktemp -d)
chmod 755 "$cluster"
logs() { tail -n 5 "$cluster"/*.log slurm/slurm/*/*.log 2> /dev/null || true; }
# kill_node: with everything that it runs: a script, its session, and the slurmstepd that it is a child of
kill_node() {
  kill -KILL "$(cat "$cluster/$1.pid")" 2> /dev/null || true
  for script in $(grep -laF "$cluster/$1/job" /proc/[0-9]*/cmdline 2> /dev/null | cut -d / -f 3); do
    read -r parent session < <(awk '{ print $4, $6 }' "/proc/$script/stat" 2> /dev/null) || continue
    kill -KILL "$parent" $(awk -v s="$session" '$6 == s { print $1 }' /proc/[0-9]*/stat 2> /dev/null) 2> /dev/null || true
  done
}
stop() {
  kill_node a
  kill_node b
  cat "$cluster"/*.pid 2> /dev/null | xargs -r kill -KILL 2> /dev/null || true
  rm -rf "$cluster"
}
trap stop EXIT
free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do :; done
  echo "$port"
}
head -c 128 /dev/urandom > "$cluster/key"
chmod 600 "$cluster/key"
mkdir "$cluster/state" "$cluster/a" "$cluster/b"
cat > "$cluster/slurm.conf" <<CONF
ClusterName=bitstate
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$cluster/socket
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
SlurmdTimeout=10
ReturnToService=2
MailProg=/bin/true
NodeName=a NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port) CPUs=2
NodeName=b NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port) CPUs=2
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF=$cluster/slurm.conf
munged --key-file="$cluster/key" --socket="$cluster/socket" --pid-file="$cluster/munged.pid" \
  --log-file="$cluster/munged.log" --seed-file="$cluster/seed" || fail "munged does not start: $(logs)"
slurmctld
slurmd -N a
slurmd -N b
# within <seconds> <command>...: waits until the command succeeds
within() {
  local end=$((SECONDS + $1))
  while ! "${@:2}" > said 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "not within $1 s: ${*:2}: $(cat said; squeue -r; logs)"
    sleep 0.5
  done
}
idle() { [ "$(sinfo -h -N -t idle | wc -l)" -eq "$1" ]; }
within 60 idle 2

# ---- the sweep
cat > tasks.ini <<INI
recipe = lorenz-small
seeds = 1 2 3 4
set.trajectories = 12
set.bsz = 4
set.epochs = 400
row.A of 4 bits = a_bits=4
row.A of 6 bits = a_bits=6
row.A of 8 bits = a_bits=8
stage.float =
stage.qaft = epochs=200 | from_lr_factor=0.1
INI
sweep=("$BITSTATE" sweep tasks.ini --threads=1 --checkpoint_seconds=0.2)
"${sweep[@]}" --jobs=2 --out=local > log || fail "$(cat log)"
"${sweep[@]}" --jobs=3 --out=slurm --engine=slurm --time_limit=0:10:00 > said || fail "$(cat said; logs)"
[ "$(grep -c 'is job [0-9]' said)" -eq 3 ] || fail "$(cat said)"

# tasks: writes those that run to the file `running`, and has those begin that wait to be released: for two minutes after
# an end, of which 5 seconds are enough (within one a node would refuse them), or held where a node did refuse them
tasks() {
  squeue -h -r -t RUNNING -n bitstate -o '%i %N %M' > running
  [ "$(wc -l < running)" -le 3 ] || fail "more than --jobs=3 at once: $(cat running)"
  squeue -h -r -t PENDING -n bitstate -o '%i %V %r' > pending
  awk -v before="$(date -d '5 seconds ago' +%FT%T)" '$3 == "BeginTime" && $2 < before { print $1 }' pending |
    xargs -r -I{} scontrol update JobId={} StartTime=now
  awk '/requeued held/ { print $1 }' pending | xargs -r -n 1 scontrol release
}
# has_trained: some task has run for 2 seconds; $task is the last one, $node its node
has_trained() {
  tasks
  read -r task node < <(awk '$3 >= "0:02" { last = $1 " " $2 } END { print last }' running) && [ -n "$task" ]
}
is_pending() { squeue -h -r -o '%i %T' | grep -x "$task PENDING"; }
requeue() {
  within 180 has_trained
  scontrol requeue "$task"
  within 60 is_pending
}
before_limit() {  # what Slurm does two minutes before the limit
  within 180 has_trained
  scancel --batch --signal=USR1 "$task"
  within 60 is_pending
}
kill_controller() {
  sleep 6  # it saves every 5 seconds what it knows, and a change that it forgets is Slurm's affair
  kill -KILL "$(cat "$cluster/slurmctld.pid")"
  sleep 1
  slurmctld
  within 30 squeue
}

requeue
before_limit
kill_controller
requeue
within 180 has_trained
kill_node "$node"
within 120 is_pending
slurmd -N "$node"
kill_controller
requeue
before_limit
all_ended() { tasks; [ -z "$(squeue -h)" ]; }
within 600 all_ended

# ---- what came of it
[ "$(grep -c 'Requeuing JobId' "$cluster/slurmctld.log")" -ge 6 ] || fail "not queued again: $(cat "$cluster/slurmctld.log")"
grep -q 'goes on from its checkpoint' slurm/slurm/1/*.log || fail "no checkpoint: $(cat slurm/slurm/1/*.log)"
[ "$(find slurm/runs -name result.json | wc -l)" -eq 16 ] || fail "$(cat slurm/slurm/1/*.log)"
. "$BITSTATE_SOURCE/tests/support/figures.sh"
figures local/table.csv > expected
figures slurm/table.csv | cmp - expected || fail "the table that the last job has made differs: $(cat slurm/slurm/1/report.log)"
"${sweep[@]}" --out=slurm --engine=slurm > said
grep -q '^every run has a result' said || fail "$(cat said)"
