// Runs the models of tests/support/models/onnx_operators.cpp in onnxruntime, each node of which is one operator by itself.
//   node edges.mjs FOLDER_WITH_NODE_MODULES EDGES.json
// EDGES.json, next to the models: [{model, inputs: {name: {type, dims, values}}, expected: {name: {type, values}}}];
// numbers are texts, null is not asked.
// Prints {"disabled": {numbers, wrong: {name: what}}, "basic": ..., "extended": ..., "all": ...}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const [npmFolder, casesFile] = process.argv.slice(2);
const ort = createRequire(join(resolve(npmFolder), "any.js"))("onnxruntime-node");

const arrays = {
  float32: Float32Array, float64: Float64Array, bool: Uint8Array, int8: Int8Array, int16: Int16Array,
  int32: Int32Array, int64: BigInt64Array, uint64: BigUint64Array,
};
const number = (type, text) => (type.endsWith("int64") ? BigInt(text) : Number(text));
const tensor = ({ type, dims, values }) => new ort.Tensor(type, arrays[type].from(values, (v) => number(type, v)), dims);

const cases = JSON.parse(readFileSync(casesFile, "utf8"));
const report = {};
for (const level of ["disabled", "basic", "extended", "all"]) {
  const found = { numbers: 0, wrong: {} };
  for (const { model, inputs, expected } of cases) {
    const session = await ort.InferenceSession.create(join(dirname(casesFile), model), {
      graphOptimizationLevel: level,
      intraOpNumThreads: 1,
    });
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, tensor(x)]));
    const results = await session.run(feeds);
    for (const [name, { type, values }] of Object.entries(expected)) {
      const { data } = results[name];
      const wrong = values.flatMap((v, i) => (v === null || number(type, v) == data[i] ? [] : [`[${i}] ${data[i]}, expected ${v}`]));
      found.numbers += values.length;
      if (data.length !== values.length) wrong.push(`${data.length} numbers, expected ${values.length}`);
      if (wrong.length) found.wrong[name] = `${wrong.length} of ${values.length} wrong: ${wrong[0]}`;
    }
    await session.release();
  }
  report[level] = found;
}
console.log(JSON.stringify(report));
