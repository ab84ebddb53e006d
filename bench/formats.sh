#!/usr/bin/env bash
# Exports a trained run of sequential MNIST as program, C and ONNX, runs all three on every image of an idx file, and
# compares every logit code:   bench/formats.sh RUN t10k-images-idx3-ubyte.gz [FOLDER]
# bitstate export itself compares the program with the quantized forward. Needs cc, node and ./check's onnxruntime-node.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: bench/formats.sh RUN IMAGES [FOLDER]" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bitstate=${BITSTATE:-$root/build/release/bitstate}
run=$1 images=$2 out=${3:-$1/formats}
mkdir -p "$out"

"$bitstate" export "$run" --format=program --out="$out/program.h5"
"$bitstate" export "$run" --format=c --parity=2 --out="$out/c" | tail -n 1
"$bitstate" export "$run" --format=onnx --parity=2 --out="$out/model.onnx" | tail -n 1

"$bitstate" run "$out/program.h5" --input="$images" --out="$out/program.csv"
tail -n +2 "$out/program.csv" | cut -d, -f3- > "$out/program.logits"

if [ "$(head -c 2 "$images" | od -An -tx1 | tr -d ' ')" = 1f8b ]; then gzip -dc "$images"; else cat "$images"; fi > "$out/images"
cc -std=c99 -O3 -march=native -I"$out/c" -o "$out/c_logits" "$root/bench/c_logits.c" "$out/c/model.c"
"$out/c_logits" "$out/images" > "$out/c.logits"
node "$root/bench/onnx_logits.mjs" "$out/model.onnx" "$out/images" basic > "$out/onnx.logits"

count=$(wc -l < "$out/program.logits")
for format in c onnx; do
  echo "$format: $(diff "$out/program.logits" "$out/$format.logits" | grep -c '^>' || true) of $count rows of logits differ from the program's"
done
cmp "$out/program.logits" "$out/c.logits" && cmp "$out/program.logits" "$out/onnx.logits"
