// Logit codes of an exported model.onnx for every image of an uncompressed idx file, one line per image:
//   node bench/onnx_logits.mjs MODEL.onnx IMAGES LEVEL     LEVEL: disabled, basic or all
// onnxruntime-node is taken from $BITSTATE_NPM/node_modules, or build/npm/node_modules of this repository.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [model, imagesFile, graphOptimizationLevel] = process.argv.slice(2);
const repository = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const npmFolder = resolve(process.env.BITSTATE_NPM ?? join(repository, "build", "npm"));
const ort = createRequire(join(npmFolder, "any.js"))("onnxruntime-node");

const bytes = readFileSync(imagesFile);
const images = bytes.readUInt32BE(4);
const pixels = bytes.readUInt32BE(8) * bytes.readUInt32BE(12);
const session = await ort.InferenceSession.create(model, { graphOptimizationLevel });
const most = 50;
for (let first = 0; first < images; first += most) {
  const count = Math.min(most, images - first);
  const part = bytes.subarray(16 + first * pixels, 16 + (first + count) * pixels);
  const x = new ort.Tensor("float32", Float32Array.from(part, (p) => Math.fround(p / 255)), [count, pixels, 1]);
  const { codes } = await session.run({ x });
  const each = codes.data.length / count;
  for (let n = 0; n < count; ++n) console.log(Array.from(codes.data.subarray(n * each, (n + 1) * each)).join(","));
}
