#!/usr/bin/env bash
# A user's own CSV becomes a model, a table of bit-widths, a program and C; the program speaks the units of the file.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

# y'' + y' / 2 + y = u, from rest, for a sine whose frequency goes up and down; y in other units than u
awk 'BEGIN {
  print "t,u,y"
  for (k = 0; k < 3000; ++k) {
    t = 0.05 * k; u = 1 + 2 * sin(t + 8 * sin(t / 10))
    v += 0.05 * (u - v / 2 - y); y += 0.05 * v
    printf "%.3f,%.6f,%.6f\n", t, u, 20 + 10 * y
  }
}' > series.csv
cat > own.ini <<'END'
dataset = own
input = u
target = y
window = 400
stride = 40
n_layers = 1
d_model = 16
ssm_size_base = 16
blocks = 1
activation_fn = half_glu1
batchnorm = false
ssm_lr_base = 0.01
lr_factor = 1
weight_decay = 0
p_dropout = 0
bsz = 8
epochs = 40
warmup_end = 1
opt_config = standard
seed = 1
END

"$BITSTATE" train own.ini --data=series.csv --quant=w8a8 --out=run > said
mkdir elsewhere  # the run knows where its data are, from any folder
(cd elsewhere && "$BITSTATE" export ../run) > said
grep -q '^equal: 0 of 1 test sequences (300 codes) differ$' said || fail "$(cat said)"
grep -q '^test rmse: ' said || fail "$(cat said)"

# what the program prints is in the units of y: far nearer to it than its mean is, and it is the error that export said
{ echo u; tail -n 300 series.csv | cut -d, -f2; } > inputs.csv
"$BITSTATE" run run/program.h5 --input=inputs.csv | tail -n +2 | cut -d, -f3 > outputs
paste -d, outputs <(tail -n 300 series.csv | cut -d, -f3) | awk -F, -v said="$(sed -n 's/^test rmse: .*, \([0-9.]*\) as integer program$/\1/p' said)" '
  { error += ($1 - $2) ^ 2; sum += $2; squares += $2 ^ 2 }
  END {
    rmse = sqrt(error / NR); deviation = sqrt(squares / NR - (sum / NR) ^ 2)
    printf "rmse %.4f, said %s, deviation %.4f\n", rmse, said, deviation
    exit !(rmse < deviation / 2 && rmse - said < 0.001 && said - rmse < 0.001)
  }' > compared || fail "$(cat compared)"

# eval has the error of the target by its deviation, too, and says nothing of what it does not read
"$BITSTATE" eval run > said
grep -q '^own: 1 test sequence of at most 300 steps; 1 input, ' said || fail "$(cat said)"
fit=$(awk '$1 == "y" { print $4 }' said)
awk -v fit="$fit" '{ exit !(fit - 100 * (1 - $2 / $6) < 0.1 && 100 * (1 - $2 / $6) - fit < 0.1) }' \
  <(tr -d , < compared) || fail "$(cat said compared)"

"$BITSTATE" export run --format=c --out=c > /dev/null
grep -q '^#define MODEL_OUTPUT_MEAN {' c/model.h
grep -qx '#define MODEL_INPUT_NAMES {"u"}' c/model.h && grep -qx '#define MODEL_OUTPUT_NAMES {"y"}' c/model.h ||
  fail "$(grep NAMES c/model.h)"
grep -qE '^ \* Test rmse: [0-9.]+ \([0-9.]+ in float\), on 1 sequence\.$' c/model.h || fail "$(head -n 20 c/model.h)"
if command -v cc > /dev/null; then
  cc -std=c99 -Wall -Wextra -Werror -o self_test c/model.c c/model_test.c
  ./self_test > said
  grep -q ' 0 wrong$' said
fi

printf 'recipe = own.ini\nseeds = 1\nquant = w8a8\nset.epochs = 1\naxis.a_bits = 4 8\n' > bits.ini
"$BITSTATE" sweep bits.ini --data=series.csv --out=bits > said
grep -q '^3 runs: 3 done' said || fail "$(cat said)"

# expect <code> <words> <argument>...
expect() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  if [ "$code" -ne "$expected" ] || ! grep -qF -- "$words" <<< "$output" || [ "$(wc -l <<< "$output")" -gt 2 ]; then
    fail "bitstate $*: exit $code (expected $expected), said: $output; expected the words: $words"
  fi
}
expect 2 'it has t, u, y' train own.ini --data=series.csv --input=voltage --out=no
expect 2 '[input]' train own.ini --data=series.csv --input= --out=no
expect 1 'absent.csv' train own.ini --data=absent.csv --out=no
sed '50s/,[^,]*$/,nan/' series.csv > hole.csv
expect 1 'hole.csv, line 50: column y: expected a finite decimal number, got "nan" (1 cell is missing in all;' train own.ini --data=hole.csv --out=no

# what was read is said in one line, and of what can be read in two ways both readings are
"$BITSTATE" train own.ini --data=series.csv --epochs=1 --out=said_run > said
grep -q '^own: .* training, .* validation and .* test sequences of at most .* steps; 1 input, 1 target per step; .* rows of series.csv with the header t,u,y, input u, target y$' said || fail "$(cat said)"
"$BITSTATE" data check own --data=series.csv --input=u --target=y > said
grep -q 'rows of series.csv with the header t,u,y, input u, target y$' said || fail "$(cat said)"
cut -d, -f2 series.csv > one.csv
"$BITSTATE" run run/program.h5 --input=one.csv 2> said > out.csv
grep -qx "one.csv: 1 sequence of $(($(wc -l < one.csv) - 1)) steps with the header u" said || fail "$(cat said)"
sed '1d' series.csv | { echo ,0,1; cat; } > pandas.csv
expect 1 'pandas.csv, line 1: "0, 1" may be names of columns' train own.ini --data=pandas.csv --input=1 --target=2 --out=no
sed '7s/.*//' one.csv > gap.csv
expect 1 'gap.csv, line 7: column u is empty, but goes on in line 8' run run/program.h5 --input=gap.csv
expect 2 '[target] column y of series.csv is an input, too' train own.ini --data=series.csv --input=u,y --out=no
mkfifo pipe.csv
expect 1 'pipe.csv] is a pipe; a file is expected' train own.ini --data=pipe.csv --out=no
expect 1 'pipe.csv] is a pipe; a file is expected' run run/program.h5 --input=pipe.csv
"$BITSTATE" train --from=said_run --input=t --epochs=1 --out=other > said
grep -qx 'warning: said_run was trained with the input u and the target y; t and y are read in their units' said || fail "$(cat said)"
rm -r said_run other

# the same table as others write it is read as the same numbers, and a table with a time and gaps is parted by it
"$BITSTATE" data check own --data=series.csv --input=u --target=y > plain.said
{ printf 'Zeit;Größe u;y\ns;V;\n'; sed 1d series.csv | tr ,. ';,'; } | iconv -f UTF-8 -t UTF-16 | gzip > german.csv.gz
"$BITSTATE" data check own --data=german.csv.gz --input='Größe u' --target=y > said
grep -qF 'y (gzip, UTF-16, separated by semicolons, decimal comma, units in line 2)' said || fail "$(cat said)"
"$BITSTATE" train own.ini --data=german.csv.gz --input='Größe u' --epochs=1 --out=german > /dev/null
"$BITSTATE" train own.ini --data=series.csv --epochs=1 --out=plain > /dev/null
cmp <(cut -d, -f1-6,8- german/curves.csv) <(cut -d, -f1-6,8- plain/curves.csv) || fail "other numbers"  # 7: seconds
rm -r german plain
sed '500,520d; 1000s/,.*/,,/' series.csv > gaps.csv
expect 1 'gaps.csv, line 979: the columns u, y are empty, but go on in line 980: values are missing (2 cells are missing in all;' data check own --data=gaps.csv --input=u --target=y
"$BITSTATE" data check own --data=gaps.csv --input=u --target=y --time=t --missing=linear > said
grep -qF '(t in steps of 0.05, 1 gap, 2 missing cells interpolated, 2 sequences)' said || fail "$(cat said)"
sed '100,$s/^\([0-9]*\)\.\([0-9]\)50,/\1.\285,/' series.csv > jitter.csv
expect 1 '--resample=auto or STEP interpolates' data check own --data=jitter.csv --input=u --target=y --time=t
"$BITSTATE" data check own --data=jitter.csv --input=u --target=y --time=t --resample=0.1 > said
grep -qF 'resampled to steps of 0.1' said || fail "$(cat said)"

# a program takes its columns from a table by name, and answers lines as they come
"$BITSTATE" run run/program.h5 --input=series.csv 2> said > all.csv
grep -q 'steps with the header t,u,y, of which u is read$' said || fail "$(cat said)"
"$BITSTATE" run run/program.h5 --input=- < series.csv 2> said > live.csv
grep -qx 'standard input with the header t,u,y, of which u is read' said || fail "$(cat said)"
cmp all.csv live.csv
mkfifo lines answers
"$BITSTATE" run run/program.h5 --input=- < lines > answers 2> /dev/null &
exec 3> lines 4< answers
echo t,u,y >&3
for step in 0 1 2; do
  sed -n "$((step + 2))p" series.csv >&3
  if [ $step = 0 ]; then read -r -t 60 answer <&4 && [ "$answer" = sequence,step,y ] || fail "first: $answer"; fi
  read -r -t 60 answer <&4 || fail "no answer to line $step"
  [ "$answer" = "$(sed -n "$((step + 2))p" all.csv)" ] || fail "line $step: $answer"
done
exec 3>&- 4<&-
wait

# numbers far from 0 are standardised in double: the same model, the same answers, and `run` agrees with its training
awk -F, -v OFS=, -v OFMT=%.6f 'NR > 1 { $2 = sprintf("%.6f", $2 + 10000000) } { print }' series.csv > far.csv
rmse() { sed -n 's/.*"test_rmse": *\([0-9.e-]*\).*/\1/p' "$1/result.json"; }
"$BITSTATE" train own.ini --data=series.csv --quant=w8a8 --epochs=3 --out=near > /dev/null
"$BITSTATE" train own.ini --data=far.csv --quant=w8a8 --epochs=3 --out=far > /dev/null
awk -v a="$(rmse near)" -v b="$(rmse far)" 'BEGIN { exit !(a > 0 && (a - b) / a < 0.01 && (b - a) / a < 0.01) }' || fail "$(rmse near) near 0, $(rmse far) far from it"
"$BITSTATE" export far > said
grep -q '^equal: 0 of ' said || fail "$(cat said)"
rm -r near far

# a model keeps the units that it was trained in: the series in other units is another series, and the program is the same
awk -F, -v OFS=, 'NR > 1 { $2 = 10 * $2 + 5; $3 = 10 * $3 + 5 } { print }' series.csv > scaled.csv
cp run/program.h5 program.h5
"$BITSTATE" export run --data=scaled.csv --parity=1 > /dev/null
cmp run/program.h5 program.h5 || fail "other data changed the program's units"
expect 1 'trained on other data' train own.ini --data=scaled.csv --quant=w8a8 --out=run --resume
expect 1 'trained on other data' sweep bits.ini --data=scaled.csv --out=bits

# classes of windows, and the next value of a measured output
awk -F, -v OFS=, '{ print $0, NR == 1 ? "rising" : ($3 > last); last = $3 }' series.csv > classes.csv
for learnt in '--data=classes.csv --input=y --target=rising --task=classification' '--data=series.csv --input=u,y --target=y --horizon=1'; do
  # shellcheck disable=SC2086
  "$BITSTATE" train own.ini $learnt --window=50 --stride=50 --epochs=3 --quant=w8a8 --out=more > /dev/null
  "$BITSTATE" export more > said
  grep -q '^equal: 0 of ' said || fail "$learnt: $(cat said)"
  rm -r more
done

# labels that are texts are the names of classes: in what is said, in what `run` prints, and in C
awk -F, -v OFS=, '{ print $1, $2, $3, NR == 1 ? "motion" : ($3 > last ? "going up" : "\"down, or \"\"flat\"\"\""); last = $3 }' series.csv > named.csv
"$BITSTATE" train own.ini --data=named.csv --input=y --target=motion --task=classification --window=50 --stride=50 \
  --epochs=2 --quant=w8a8 --out=named > said
grep -qF '2 classes: down, or "flat", going up;' said || fail "$(cat said)"
"$BITSTATE" eval named > said
grep -qF '2 classes: down, or "flat", going up;' said || fail "$(cat said)"
"$BITSTATE" export named > /dev/null
cut -d, -f3 series.csv > ys.csv
"$BITSTATE" run named/program.h5 --input=ys.csv > out.csv 2> said
[ "$(head -n 1 out.csv)" = 'sequence,class,"logit down, or ""flat""",logit going up' ] || fail "$(cat out.csv)"
[[ "$(sed -n 2p out.csv)" =~ ^0,(going\ up|\"down,\ or\ \"\"flat\"\"\"),-?[0-9]+,-?[0-9]+$ ]] || fail "$(cat out.csv)"
"$BITSTATE" export named --format=c --out=named-c > /dev/null
grep -qxF '#define MODEL_CLASS_NAMES {"down, or \042flat\042", "going up"}' named-c/model.h || fail "$(grep NAMES named-c/model.h)"
sed 's/going up/sideways/' named.csv > unknown.csv
expect 1 'the model was trained with the classes down, or "flat", going up; these data also hold sideways' eval named --data=unknown.csv

# an archive's folder becomes a program in one command each; eval and run read a test part alone
mkdir Hill
awk 'BEGIN {
  for (n = 0; n < 60; ++n) {
    file = n < 40 ? "Hill/Hill_TRAIN.ts" : "Hill/Hill_TEST.ts"
    if (n % 40 == 0) print "@problemName Hill\n@univariate false\n@classLabel true hill valley\n@data" > file
    up = n % 2 ? -1 : 1; a = b = ""
    for (t = 0; t < 20 + n % 5; ++t) { a = a sprintf("%s%.4f", t ? "," : "", up * sin(t / 7)); b = b sprintf("%s%.4f", t ? "," : "", cos(n * t)) }
    print a ":" b ":" (n % 2 ? "valley" : "hill") > file
  }
}'
grep -Ev '^(input|target|window|stride) ' own.ini > hill.ini
"$BITSTATE" train hill.ini --data=Hill --epochs=10 --quant=w8a8 --out=hill > said
grep -q '^own: 40 training and 20 test sequences of at most 24 steps.*; 2 inputs, 2 classes: hill, valley; .* steps of 2 files' said || fail "$(cat said)"
"$BITSTATE" export hill > said
grep -q '^equal: 0 of 20 test sequences' said || fail "$(cat said)"
"$BITSTATE" run hill/program.h5 --input=Hill/Hill_TEST.ts 2> said > out.csv
grep -qx 'Hill/Hill_TEST.ts: 20 sequences of 440 steps in all' said || fail "$(cat said)"
accuracy() { sed -n 's/.*"test_accuracy": *\([0-9.e-]*\).*/\1/p' "$1"; }
right=$(paste -d, <(tail -n +2 out.csv | cut -d, -f2) <(sed -n 's/.*:\(hill\|valley\)$/\1/p' Hill/Hill_TEST.ts) | awk -F, '$1 == $2 { ++n } END { print n / 20 }')
awk -v a="$right" -v b="$(accuracy hill/result.json)" 'BEGIN { exit !(a == b && a > 0.9) }' || fail "run: $right, train: $(accuracy hill/result.json)"
mv Hill/Hill_TEST.ts test.ts && rm -r Hill
"$BITSTATE" eval hill --test=test.ts --json > said
grep -q '^own: 20 test sequences of at most 24 steps; 2 inputs, 2 classes: hill, valley; 440 steps of test.ts: ' said ||
  fail "$(cat said)"
awk -v a="$right" -v b="$(accuracy said)" 'BEGIN { exit !(a == b) }' || fail "eval: $(cat said)"
expect 2 '[train] is missing: a test part alone is for eval' train hill.ini --test=test.ts --out=no
expect 1 'missing.ts' eval hill --test=missing.ts

# what a training cannot learn, or has no use for, is said before it begins, and what its test has no figures for behind it
awk -F, -v OFS=, '{ print $0, NR == 1 ? "k,z" : "5,0.1" }' series.csv > constant.csv
"$BITSTATE" train own.ini --data=constant.csv --input=u,k --target=y,z --epochs=1 --out=constant > said
grep -qx 'warning: the target column z has one value in the whole training part: there is nothing to learn' said &&
  grep -qx 'warning: the input column k has one value in the whole training part: this tells a model nothing' said &&
  grep -qx 'no NRMSE or fit for z: constant in the test part' said || fail "$(cat said)"
"$BITSTATE" eval constant > said
grep -qE '^z +[0-9.e-]+ +– +–$' said || fail "$(cat said)"
"$BITSTATE" data check own --data=constant.csv --input=u --target=z > said
grep -q '^warning: the target column z ' said || fail "$(cat said)"

# a folder in place of a program or an input
expect 2 'run is a folder; its program is run/program.h5' run run --input=series.csv
expect 2 'constant is the folder of a run that is not exported yet' run constant --input=series.csv
expect 2 'elsewhere is a folder; expected the file of a program' run elsewhere --input=series.csv
expect 2 'elsewhere is a folder; run takes one file, a table' run run/program.h5 --input=elsewhere

# data check takes what train takes of own data
"$BITSTATE" data check own --train=test.ts --test=test.ts > said
grep -q '^own: 20 training and 20 test sequences ' said || fail "$(cat said)"
sed 's/^u/rising,u/' one.csv | awk -F, -v OFS=, 'NR > 1 { $0 = (NR % 2) "," $0 } { print }' > rows.csv
"$BITSTATE" data check own --data=rows.csv --rows=sequences > said
grep -q '2 classes; .* steps of rows.csv: 1 column of numbers' said || fail "$(cat said)"
"$BITSTATE" data check --help > said
grep -q -- '--train=EXAMPLES|PATH .*own: that part' said && grep -q -- '--y=NAME ' said ||
  fail "$(cat said)"
