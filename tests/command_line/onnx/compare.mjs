// Runs models in onnxruntime and compares what they give with the codes that are expected.
//   node compare.mjs FOLDER_WITH_NODE_MODULES CASES.json
// CASES.json, next to the models: [{model, tokens, scale: [...], batches: [{dims: [N, L(, cols)], x, codes, classes?}]}].
// Prints {"disabled": {sequences, codes, wrong_codes, wrong_reals, wrong_classes}, "basic": ..., "extended": ..., "all": ...}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const [npmFolder, casesFile] = process.argv.slice(2);
const ort = createRequire(join(resolve(npmFolder), "any.js"))("onnxruntime-node");

const inputOf = (item, { dims, x }) =>
  item.tokens
    ? new ort.Tensor("int64", BigInt64Array.from(x, BigInt), dims)
    : new ort.Tensor("float32", Float32Array.from(x), dims);

const real = (code, scale) => Math.fround(Math.fround(code) * Math.fround(scale));

function compare(item, batch, results, count) {
  const { codes, y } = results;
  if (codes.data.length !== batch.codes.length) {
    throw new Error(`${item.model}: ${codes.data.length} codes [${codes.dims}], expected ${batch.codes.length}`);
  }
  count.sequences += batch.dims[0];
  count.codes += codes.data.length;
  for (let i = 0; i < codes.data.length; ++i) {
    count.wrong_codes += codes.data[i] === batch.codes[i] ? 0 : 1;
    const scale = item.scale[i % item.scale.length];
    count.wrong_reals += Object.is(y.data[i] + 0, real(codes.data[i], scale) + 0) ? 0 : 1;
  }
  if (batch.classes && results.class.data.length !== batch.classes.length) {
    throw new Error(`${item.model}: classes [${results.class.dims}], expected ${batch.classes.length}`);
  }
  (batch.classes ?? []).forEach((c, n) => (count.wrong_classes += Number(results.class.data[n]) === c ? 0 : 1));
}

const cases = JSON.parse(readFileSync(casesFile, "utf8"));
const report = {};
for (const level of ["disabled", "basic", "extended", "all"]) {
  const count = { sequences: 0, codes: 0, wrong_codes: 0, wrong_reals: 0, wrong_classes: 0 };
  for (const item of cases) {
    const session = await ort.InferenceSession.create(join(dirname(casesFile), item.model), {
      graphOptimizationLevel: level,
      intraOpNumThreads: 1,
    }).catch((error) => {
      throw new Error(`${item.model} at level ${level}: ${error.message}`);
    });
    for (const batch of item.batches) {
      const before = count.wrong_codes;
      compare(item, batch, await session.run({ x: inputOf(item, batch) }), count);
      if (count.wrong_codes > before) console.error(`${item.model}: ${count.wrong_codes - before} wrong codes at level ${level}`);
    }
    await session.release();
  }
  report[level] = count;
}
console.log(JSON.stringify(report));
