// Makes three data sets of MNIST for docs/results/tuning.md: dimmed noisy digits, the digits 0 to 4, and 5 to 9.
//   node docs/results/tuning_data.mjs DATA OUT     DATA/mnist has MNIST; writes OUT/noisy/mnist, OUT/digits-0-4/mnist, ...
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [data, out] = process.argv.slice(2);
const pixels = 784;

// A small generator (mulberry32), so that the files are the same everywhere.
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(draw) {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

function read(name) {
  const file = path.join(data, 'mnist', name);
  return fs.existsSync(file) ? fs.readFileSync(file) : zlib.gunzipSync(fs.readFileSync(file + '.gz'));
}

function write(set, part, images, labels) {
  const folder = path.join(out, set, 'mnist');
  fs.mkdirSync(folder, { recursive: true });
  const count = labels.length;
  const head = Buffer.alloc(16);
  [0x803, count, 28, 28].forEach((word, i) => head.writeUInt32BE(word, 4 * i));
  fs.writeFileSync(path.join(folder, `${part}-images-idx3-ubyte`), Buffer.concat([head, images]));
  const label_head = Buffer.alloc(8);
  [0x801, count].forEach((word, i) => label_head.writeUInt32BE(word, 4 * i));
  fs.writeFileSync(path.join(folder, `${part}-labels-idx1-ubyte`), Buffer.concat([label_head, labels]));
}

for (const [seed, part] of [[1, 'train'], [2, 't10k']]) {
  const images = read(`${part}-images-idx3-ubyte`).subarray(16);
  const labels = read(`${part}-labels-idx1-ubyte`).subarray(8);
  const draw = uniform(seed);
  const noisy = Buffer.from(images, 0);
  for (let i = 0; i < noisy.length; ++i) {
    const x = 0.7 * (images[i] / 255) + 0.33 * normal(draw);
    noisy[i] = Math.round(255 * Math.min(1, Math.max(0, x)));
  }
  write('noisy', part, noisy, labels);
  for (const [set, wanted] of [['digits-0-4', (label) => label < 5], ['digits-5-9', (label) => label >= 5]]) {
    const chosen = [...labels.keys()].filter((i) => wanted(labels[i]));
    const some = Buffer.concat(chosen.map((i) => images.subarray(i * pixels, (i + 1) * pixels)));
    write(set, part, some, Buffer.from(chosen.map((i) => labels[i])));
  }
}
