// Runs an exported model in onnxruntime on sequences and writes its codes, for bitstate export:
//   node prove_onnx.mjs [MODEL.onnx COLS INPUT OUTPUT]
// INPUT holds batches: int32 N and L, then float32 [N, L, COLS] (COLS 0: int32 token ids [N, L]). OUTPUT gets for each
// sequence its codes (int32) and, if the model has classes, behind each row of codes its class (int32). Without arguments
// it exits with 0 where there is an onnxruntime-node, in $BITSTATE_NPM/node_modules or build/npm/node_modules of the
// folder it is called in.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [model, cols, inputFile, outputFile] = process.argv.slice(2);
const npmFolder = resolve(process.env.BITSTATE_NPM ?? join("build", "npm"));

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

let ort;
try {
  ort = createRequire(join(npmFolder, "any.js"))("onnxruntime-node");
} catch {
  fail(`there is no onnxruntime-node in ${npmFolder}`);
}
if (model === undefined) process.exit(0);

// the level that onnxruntime takes where its user says nothing
const session = await ort.InferenceSession.create(model, {
  graphOptimizationLevel: "all",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
}).catch((error) => fail(error.message));

const bytes = readFileSync(inputFile);
const output = openSync(outputFile, "w");
const width = Number(cols);
for (let at = 0; at < bytes.byteLength; ) {
  const [n, length] = new Int32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 8));
  const size = 4 * n * length * Math.max(1, width);
  const raw = bytes.buffer.slice(bytes.byteOffset + at + 8, bytes.byteOffset + at + 8 + size);
  at += 8 + size;
  const x =
    width === 0
      ? new ort.Tensor("int64", BigInt64Array.from(new Int32Array(raw), BigInt), [n, length])
      : new ort.Tensor("float32", new Float32Array(raw), [n, length, width]);
  const results = await session.run({ x }).catch((error) => fail(error.message));
  const codes = results.codes.data;
  const rows = results.class?.data.length ?? 1; // of all sequences
  const each = codes.length / rows;
  const values = results.class ? new Int32Array(codes.length + rows) : codes;
  for (let i = 0; results.class && i < rows; ++i) {
    values.set(codes.subarray(i * each, (i + 1) * each), i * (each + 1));
    values[i * (each + 1) + each] = Number(results.class.data[i]);
  }
  writeSync(output, Buffer.from(values.buffer, values.byteOffset, values.byteLength));
}
closeSync(output);
