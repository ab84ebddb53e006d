#!/usr/bin/env bash
# A run of Mamba is trained, resumed, evaluated, inspected, reported, swept, quantized and exported as one of S5.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

# refused <words of the message> <argument>...
refused() {
  local code=0 words=$1 output
  shift
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq 2 ] && [ "$(wc -l <<< "$output")" -eq 1 ] && grep -qF -- "$words" <<< "$output" && return
  fail "bitstate $*: exit $code, said: $output"
}
digest() { grep -o '"weights_digest":"[0-9a-f]*"' "$1/result.json"; }
small=(--length=16 --examples=640 --bsz=16 --epochs=40 --d_model=8 --d_state=4)

"$BITSTATE" train induction "${small[@]}" --threads=1 --out=whole > whole.log
grep -qx 'model = mamba' whole/settings.ini
"$BITSTATE" train induction "${small[@]}" --threads=2 --checkpoint_seconds=0 --out=stopped > stopped.log 2>&1 &
pid=$!
for _ in $(seq 500); do
  [ -e stopped/checkpoint.h5 ] && break
  sleep 0.01
done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 75 ] || fail "a stopped run ends with $code"
"$BITSTATE" train induction "${small[@]}" --threads=2 --memory=small --out=stopped --resume > resumed.log
grep -q '^resumed at' resumed.log
[ "$(digest whole)" = "$(digest stopped)" ] || fail "the weights differ"

test_accuracy() { grep -o '"test_accuracy":[0-9.e+-]*' "$1"; }
"$BITSTATE" eval whole --json | tail -n 1 > line
[ "$(test_accuracy line)" = "$(test_accuracy whole/result.json)" ] || fail "eval says: $(cat line)"
"$BITSTATE" eval whole --length=64 > longer
"$BITSTATE" inspect whole --samples=3 > table
grep -q '3 sequences of its training part, 48 steps' table
grep -qE '^  selective_scan act:layers\.\*\.mixer\.u \(2\)$' table
grep -q 'the model is float: no site has bits' table
"$BITSTATE" train --from=whole --epochs=1 --out=tuned > tuned.log
grep -qx 'model = mamba' tuned/settings.ini

cat > models.ini <<'END'
recipe = lorenz-small
seeds = 1
set.trajectories = 10
set.epochs = 1
set.d_model = 8
axis.model = s5 mamba
END
"$BITSTATE" sweep models.ini --out=models > sweep.log
"$BITSTATE" report models > report.log
for model in s5 mamba; do grep -qE "^\| .*$model .*[0-9]" models/table.md || fail "$model: $(cat models/table.md)"; done
"$BITSTATE" bench induction --d_model=8 --bsz=4 --json > bench.log
tail -n 1 bench.log > line
grep -qE '"tokens_per_second":[1-9]' line
grep -qE '"inference":{"constant_bytes":[0-9]+,"decode_steps_per_second":[1-9]' line
grep -qE 'float .*steps/s of prefill .* of decoding .* MB of constants' bench.log
grep -qE 'w8a8 program .*steps/s of prefill .* of decoding .* MB of constants' bench.log

mkdir -p reviews/aclImdb/{train,test}/{pos,neg}
for i in 0 1 2 3; do
  for part in train test; do echo "a review, the number $i of its part" > "reviews/aclImdb/$part/pos/${i}_9.txt"; done
done
"$BITSTATE" train imdb-bytes-small --data=reviews --length=8 --d_model=8 --bsz=4 --epochs=3 --out=bytes > bytes.log
grep -qE '^test bits_per_byte [0-9.]+ ' bytes.log
"$BITSTATE" report bytes > report.log
grep -q '^test bits per byte ' report.log
awk '/bits per byte/ { getline; getline; exit !($1 > 0 && $1 < 9) }' report.log || fail "$(cat report.log)"

# in integers: after training and in training, and as a program, whose codes are those of the quantized forward
for model in mamba mamba2; do
  extra=()
  [ $model = mamba ] || extra=(--headdim=8)
  "$BITSTATE" train induction "${small[@]}" --model=$model "${extra[@]}" --out=$model-float > $model.log
  "$BITSTATE" ptq $model-float --quant=w8a8 --out=$model-ptq > $model-ptq.log
  "$BITSTATE" train --from=$model-float --quant=w8a8 --epochs=2 --out=$model-qat > $model-qat.log
  for run in ptq qat; do
    "$BITSTATE" export $model-$run --out=$model-$run.h5 > $model-$run-export.log
    grep -q '^equal: 0 of ' $model-$run-export.log || fail "$model $run: $(cat $model-$run-export.log)"
    for format in c onnx; do  # proven where there are the tools
      "$BITSTATE" export $model-$run --format=$format --out=$model-$run-$format > $format.log || fail "$(cat $format.log)"
    done
  done
done

# weights of 4 bits in groups of columns, a token table of 4 bits, and blocks of two formats
stored='4 range=stored granularity=channel edge=half'
groups="weight:*.in_proj $stored group=5; weight:*.out_proj $stored group=8"
for model in mamba mamba2; do
  "$BITSTATE" ptq $model-float --preset=quamba2-w4a8 --bits="$groups" --out=$model-w4a8 > $model-w4a8.log
  "$BITSTATE" eval $model-w4a8 --json | tail -n 1 > line
  [ "$(test_accuracy line)" = "$(test_accuracy $model-w4a8/result.json)" ] || fail "$model: eval says $(cat line)"
  "$BITSTATE" inspect $model-w4a8 --samples=2 > table
  "$BITSTATE" export $model-w4a8 --out=$model-w4a8.h5 > export.log
  grep -q '^equal: 0 of ' export.log || fail "$model: $(cat export.log)"
  for format in c onnx; do
    "$BITSTATE" export $model-w4a8 --format=$format --out=$model-w4a8-$format > format.log || fail "$(cat format.log)"
  done
  "$BITSTATE" bench $model-w4a8.h5 > bench.log
  for preset in quamba quamba2-w4a16; do
    "$BITSTATE" ptq $model-float --preset=$preset --out=$model-$preset > $model-$preset.log
    for format in c onnx; do
      "$BITSTATE" export $model-$preset --format=$format --out=$model-$preset-$format > format.log ||
        fail "$model $preset: $(cat format.log)"
    done
  done
done
"$BITSTATE" allocate mamba-float --preset=quamba2-w4ax --share=0.5 --threads=1 --out=mixed-1 > mixed.log
"$BITSTATE" allocate mamba-float --preset=quamba2-w4ax --share=0.5 --threads=2 --out=mixed-2 --json > mixed.log
cmp mixed-1/evolution.csv mixed-2/evolution.csv
[ "$(digest mixed-1/mixed)" = "$(digest mixed-2/mixed)" ] || fail "threads decide on the blocks"
[ "$(wc -l < mixed-1/evolution.csv)" -eq 141 ] || fail "$(cat mixed-1/evolution.csv)"
tail -n 1 mixed.log > line
grep -qE '"wide":"layers.[01]"' line || fail "$(cat mixed.log)"
grep -qE '^all w4a16 ' mixed.log
"$BITSTATE" export mixed-1/mixed --out=mixed.h5 > export.log
grep -q '^equal: 0 of ' export.log || fail "mixed: $(cat export.log)"
refused '[share] needs --preset=quamba2-w4ax' allocate mamba-float --share=0.5
refused '[preset] needs --share=NUMBER' allocate mamba-float --preset=quamba2-w4ax --budget=100
refused '[preset] expected one with configurations w4a8 and w4a16' allocate mamba-float --share=0.5 --preset=quamba
refused '[share] expected at least 1 / 2' allocate mamba-float --share=0.25 --preset=quamba2-w4ax --out=mixed-1
refused '[bits] cannot be given together with --share' allocate mamba-float --share=0.5 --bits='act:* 8' \
  --preset=quamba2-w4ax
refused '[a_bits] does not apply to model=mamba; it is for s5' train induction --a_bits=8 --out=bits
refused "'w2a8-ssm8' is neither built in nor the path of a file" train induction --quant=w2a8-ssm8 --out=bits
refused '[model] s5 gives no class per step' train induction --model=s5 --out=s5
refused '[ssm_size_base] does not apply to model=mamba2; it is for s5' train smnist --model=mamba2 --ssm_size_base=8
refused 'holds layers.0.mixer.in_proj.weight of shape' train --from=whole --model=mamba2 --headdim=8 --out=other
[ ! -e bits ] || fail "what was refused has left files"
