#!/usr/bin/env bash
# train --folds trains a run for each fold, goes on where it was, and ends with mean and deviation in one table.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

awk 'BEGIN { print "u,y"; for (k = 0; k < 400; ++k) { u = sin(k / 5 + sin(k / 50)); y += (u - y) / 4; printf "%.6f,%.6f\n", u, y } }' > a.csv
train=(train own --data=a.csv --input=u --target=y --epochs=3 --folds=3)

"$BITSTATE" "${train[@]}" --out=runs --json > said
[ "$(tail -n +2 runs/folds.csv | cut -d, -f1,2 | tr '\n' ' ')" = '0,done 1,done 2,done ' ] || fail "$(cat runs/folds.csv)"
for k in 0 1 2; do
  grep -qx 'folds = 3' "runs/fold-$k/settings.ini"
  grep -qx "fold = $k" "runs/fold-$k/settings.ini"
  error=$(sed -n 's/.*"test_rmse": *\([0-9.e-]*\).*/\1/p' "runs/fold-$k/result.json")
  grep -q "^$k,done,[0-9.e-]*,$error$" runs/folds.csv || fail "fold $k: $error is not in $(cat runs/folds.csv)"
done
cmp <(grep -v '^fold = ' runs/fold-0/settings.ini) <(grep -v '^fold = ' runs/fold-2/settings.ini)
# the figures of the last lines are those of the file
for figure in val 3 test 4; do
  case $figure in val | test) name=$figure; continue ;; esac
  awk -F, -v c="$figure" -v json="$(tail -n 1 said)" -v name="$name" '
    NR > 1 { sum += $c; squares += $c ^ 2; ++n }
    END {
      mean = sum / n; deviation = sqrt((squares - n * mean ^ 2) / (n - 1))
      match(json, "\"" name "_rmse\":[0-9.e-]+"); said = substr(json, RSTART + length(name) + 8, RLENGTH)
      match(json, "\"" name "_rmse_std\":[0-9.e-]+"); spread = substr(json, RSTART + length(name) + 12, RLENGTH)
      exit !(deviation > 0 && (mean - said) ^ 2 < 1e-12 && (deviation - spread) ^ 2 < 1e-12)
    }' runs/folds.csv || fail "$name: $(cat runs/folds.csv said)"
done
grep -qE '^mean +[0-9.]+ ± [0-9.]+ +[0-9.]+ ± [0-9.]+$' said || fail "$(cat said)"

# what is done stays, what is missing is trained; the same folds come out
cp runs/folds.csv before.csv
rm -r runs/fold-1
"$BITSTATE" "${train[@]}" --out=runs --resume > said
cmp before.csv runs/folds.csv
[ "$(grep -c '^epoch ' said)" -eq 3 ] || fail "$(cat said)"
"$BITSTATE" eval runs/fold-1 > said
grep -q '^test rmse ' said

# one fold is a run like any other, also in a sweep
"$BITSTATE" "${train[@]}" --fold=1 --out=one > /dev/null
cmp <(cut -d, -f3- one/sites.csv) <(cut -d, -f3- runs/fold-1/sites.csv)
printf 'recipe = runs/fold-0/settings.ini\nseeds = 1\naxis.fold = 0 1\n' > folds.ini
"$BITSTATE" sweep folds.ini --out=swept > said
grep -q '^2 runs: 2 done' said || fail "$(cat said)"

# a fold is asked about other data, which is too short for folds
head -n 60 a.csv > short.csv
"$BITSTATE" eval runs/fold-1 --data=short.csv > said || fail "$(cat said)"
! grep -q 'validation part' said || fail "$(cat said)"

# classes at the steps of one series: windows are chosen after the data are known to be one
awk 'BEGIN { print "u,c"; for (k = 0; k < 600; ++k) printf "%.4f,%s\n", sin(k / 5), (sin(k / 40) > 0 ? "up" : "down") }' > classes.csv
"$BITSTATE" train own --data=classes.csv --input=u --target=c --task=classification --epochs=1 --folds=4 --out=classes > said ||
  fail "$(cat said)"
[ "$(grep -c ',done,' classes/folds.csv)" -eq 4 ] || fail "$(cat classes/folds.csv)"

# expect <code> <words> <argument>...
expect() {
  local code=0 expected=$1 words=$2
  shift 2
  "$BITSTATE" "$@" > out 2> said || code=$?
  [ "$code" -eq "$expected" ] || fail "bitstate $*: exit $code (expected $expected), said: $(cat said)"
  grep -qF -- "$words" said || fail "bitstate $*: $(cat said); expected the words: $words"
}
own=(train own --data=a.csv --input=u --target=y --out=no)
expect 2 'runs/fold-0 already holds a run; --resume continues it' "${train[@]}" --out=runs
expect 2 '[folds] expected a whole number from 2 to 1000, got "1"' "${own[@]}" --folds=1
expect 2 '[fold] is 1, but there are no folds' "${own[@]}" --fold=1
expect 2 '[fold] expected a number below 3' "${own[@]}" --folds=3 --fold=3
expect 2 '[folds] 50 blocks of 360 steps have 7 each; expected at least 32' "${own[@]}" --folds=50 --window=32
expect 2 '[folds] are cut from the training part' train own --train=a.csv --val=a.csv --test=a.csv --input=u --target=y --folds=2 --out=no
expect 2 '[folds] does not apply to lorenz' train lorenz-small --folds=3 --out=no
[ ! -e no ] || fail "a refused run left a folder"

# what is said of data with folds is said of the first
columns=(--input=u --target=y --folds=3)
"$BITSTATE" data check own --data=a.csv "${columns[@]}" > said
grep -q 'fold 0 of 0 to 2 is the validation part' said || fail "$(cat said)"
"$BITSTATE" data show a.csv "${columns[@]}" > said
grep -q '^train own reads: .*fold 0 of 0 to 2 is the validation part' said || fail "$(cat said)"
