#!/usr/bin/env bash
# Ten layouts in which public data come, from the file to proven C, with the options that docs/own-data.md gives. The files
# here are small ones of the same form.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
command -v node > /dev/null || { echo "skipped: there is no node, which makes the binary files"; exit 77; }

# label, then the values of a sequence; two classes that tell themselves by their frequency
rows() { awk -v n="$1" -v steps="$2" -v s="$3" 'BEGIN { for (i = 0; i < n; ++i) { c = i % 2; printf "%s", c ? 1 : -1; for (t = 0; t < steps; ++t) printf "%s%.4f", s, sin((t + i) / (c ? 2 : 5)); print "" } }'; }
mkdir GunPoint BasicMotions
rows 20 24 "	" > GunPoint/GunPoint_TRAIN.tsv
rows 10 24 "	" > GunPoint/GunPoint_TEST.tsv
for part in TRAIN TEST; do
  { printf '@problemName BasicMotions\n@univariate false\n@dimensions 2\n@equalLength true\n@seriesLength 20\n@classLabel true Standing Running\n@data\n'
    awk 'BEGIN { for (i = 0; i < 20; ++i) { for (d = 0; d < 2; ++d) { for (t = 0; t < 20; ++t) printf "%s%.4f", t ? "," : "", sin((t + i + d) / (i % 2 ? 2 : 5)); printf ":" } print i % 2 ? "Running" : "Standing" } }'
  } > BasicMotions/BasicMotions_$part.ts
done
{ echo '@relation ItalyPowerDemand'
  for t in $(seq 24); do echo "@attribute att$t numeric"; done
  printf '@attribute target {1,2}\n@data\n'
  rows 30 24 , | awk -F, -v OFS=, '{ c = $1 < 0 ? 1 : 2; sub(/^[^,]*,/, ""); print $0, c }'
} > ItalyPowerDemand.arff
awk 'BEGIN { print "date,HUFL,HULL,OT"; for (t = 0; t < 480; ++t) printf "2016-07-%02d %02d:00:00,%.3f,%.3f,%.3f\n", 1 + t / 24, t % 24, 5 + sin(t / 4), 2 + cos(t / 9), 30 + 3 * sin(t / 12) }' > ETTh1.csv
awk 'BEGIN { print "Date;Time;Global_active_power;Voltage"; for (t = 0; t < 500; ++t) printf "16/12/2006;%02d:%02d:00;%s;%.2f\n", t / 60, t % 60, t % 97 == 50 ? "?" : sprintf("%.3f", 2 + sin(t / 20)), 240 + cos(t / 20) }' > household_power_consumption.txt
awk 'BEGIN { for (t = 0; t < 500; ++t) { u = sin(t / 7); y += (u - y) / 5; printf "  %.6e  %.6e\n", u, y } }' | gzip > dryer.dat.gz
awk 'BEGIN { print "timestamp,value"; for (t = 0; t < 600; ++t) printf "2014-04-%02d %02d:%02d:00,%.2f\n", 1 + t / 288, t / 12 % 24, t % 12 * 5, 50 + 10 * sin(t / 24) }' > ec2_cpu_utilization.csv
cat > binary.mjs <<'END'
import { mkdirSync, writeFileSync } from "node:fs";
const doubles = (values) => Buffer.from(Float64Array.from(values).buffer);
const u32 = (...values) => Buffer.from(Uint32Array.from(values).buffer);
const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
const element = (type, bytes) => Buffer.concat([u32(type, bytes.length), padded(bytes)]);
const column = (name, values) =>
  element(14, Buffer.concat([element(6, u32(6, 0)), element(5, u32(values.length, 1)), element(1, Buffer.from(name)),
    element(9, doubles(values))]));
const steps = Array.from({ length: 500 }, (_, t) => t);
const u = steps.map((t) => Math.sin(t / 6));
const header = Buffer.alloc(128, " ");
header.write("MATLAB 5.0 MAT-file");
header.writeUInt16LE(0x0100, 124);
header.write("IM", 126);
writeFileSync("WienerHammerBenchMark.mat",
  Buffer.concat([header, column("uBenchMark", u), column("yBenchMark", u.map((x) => x ** 3))]));

const npy = (descr, shape, bytes) => {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const line = text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11) + "\n";
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  head.writeUInt16LE(line.length, 8);
  return Buffer.concat([head, Buffer.from(line), bytes]);
};
const crc = (bytes) => {
  let c = ~0;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; ++k) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
};
const zip = (files) => {
  const parts = [], entries = [];
  let at = 0;
  for (const [name, bytes] of files) {
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt32LE(crc(bytes), 10);
    head.writeUInt32LE(bytes.length, 14);
    head.writeUInt32LE(bytes.length, 18);
    head.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), head, Buffer.from(name), bytes);
    const more = Buffer.alloc(14);
    more.writeUInt32LE(at, 10);
    entries.push(Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), head, more, Buffer.from(name)]));
    at += 30 + name.length + bytes.length;
  }
  const list = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, list, end]);
};
const count = 40, length = 16;
const x = Float32Array.from({ length: count * length }, (_, i) => Math.sin((i % length) / (Math.floor(i / length) % 2 ? 2 : 4)));
const y = BigInt64Array.from({ length: count }, (_, n) => BigInt(n % 2));
writeFileSync("mnist1d.npz", zip([["x.npy", npy("<f4", [count, length], Buffer.from(x.buffer))],
  ["y.npy", npy("<i8", [count], Buffer.from(y.buffer))]]));

for (const [word, divisor] of [["yes", 3], ["no", 9]]) {
  mkdirSync(`speech/${word}`, { recursive: true });
  for (let n = 0; n < 12; ++n) {
    const samples = Int16Array.from({ length: 200 }, (_, t) => 9000 * Math.sin((t + n) / divisor));
    const wav = Buffer.alloc(44);
    wav.write("RIFF");
    wav.writeUInt32LE(36 + 2 * samples.length, 4);
    wav.write("WAVEfmt ", 8);
    wav.writeUInt32LE(16, 16);
    wav.writeUInt16LE(1, 20);
    wav.writeUInt16LE(1, 22);
    wav.writeUInt32LE(16000, 24);
    wav.writeUInt32LE(32000, 28);
    wav.writeUInt16LE(2, 32);
    wav.writeUInt16LE(16, 34);
    wav.write("data", 36);
    wav.writeUInt32LE(2 * samples.length, 40);
    writeFileSync(`speech/${word}/${n}.wav`, Buffer.concat([wav, Buffer.from(samples.buffer)]));
  }
}
END
node binary.mjs

sed -n '/^## Public layouts/,/^## Tables/s/^--data=/&/p' "$BITSTATE_SOURCE/docs/own-data.md" > layouts
[ "$(wc -l < layouts)" -eq 10 ] || fail "the page has $(wc -l < layouts) layouts"
number=0
while read -r options; do
  run=run-$((++number))
  # shellcheck disable=SC2086 # options are words
  "$BITSTATE" train own $options --quant=w8a8 --epochs=1 --n_layers=1 --d_model=4 --ssm_size_base=4 --bsz=4 --out=$run > said 2>&1 ||
    fail "$options: $(cat said)"
  "$BITSTATE" export $run --format=c --parity=2 --out=$run/c > said 2>&1 || fail "$options: $(cat said)"
  [ -s $run/c/model.c ] || fail "$options: no model.c: $(cat said)"
done < layouts
grep -q 'MODEL_CLASS_NAMES' run-2/c/model.h
grep -q 'Running' run-2/c/model.h
