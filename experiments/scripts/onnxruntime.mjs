// The speed of an exported model in onnxruntime, on one thread:
//   node experiments/scripts/onnxruntime.mjs MODEL.onnx LENGTH COLS BATCH SECONDS
// Random input float32 [BATCH, LENGTH, COLS] (COLS 0: token ids int64 [BATCH, LENGTH], all 0), graph optimization level
// "all". Prints {"sequences_per_second": of all runs, "best_sequences_per_second": of the fastest one, "runs": ...}.
// onnxruntime-node is taken from $BITSTATE_NPM/node_modules, or build/npm/node_modules of the folder it is called in.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const usage = "usage: node onnxruntime.mjs MODEL.onnx LENGTH COLS BATCH SECONDS";
const [model, ...numbers] = process.argv.slice(2);
const [length, cols, batch, seconds] = numbers.map(Number);
const isCount = (n) => Number.isInteger(n) && n >= 1;
if (numbers.length !== 4 || !isCount(length) || !(cols === 0 || isCount(cols)) || !isCount(batch) || !(seconds > 0)) {
  console.error(usage);
  process.exit(2);
}

const npmFolder = resolve(process.env.BITSTATE_NPM ?? join("build", "npm"));
const require = createRequire(join(npmFolder, "any.js"));

function fail(sentence) {
  console.error(`[onnxruntime] ${sentence}`);
  process.exit(1);
}

let ort, session;
try {
  ort = require("onnxruntime-node");
} catch {
  fail(`there is no onnxruntime-node in ${npmFolder}; ./check installs it`);
}
try {
  session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
} catch (error) {
  fail(`${model} cannot be loaded: ${error.message}`);
}
const x =
  cols === 0
    ? new ort.Tensor("int64", new BigInt64Array(batch * length), [batch, length])
    : new ort.Tensor("float32", Float32Array.from({ length: batch * length * cols }, () => 2 * Math.random() - 1), [
        batch,
        length,
        cols,
      ]);

// CPU time of the process: waiting for a core would count against what takes longer
const cpuMilliseconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

await session.run({ x }); // memory is planned in the first run
let runs = 0;
let best = Infinity;
const start = performance.now();
const cpuStart = cpuMilliseconds();
let now = cpuStart;
while (performance.now() - start < 1000 * seconds) {
  const before = now;
  await session.run({ x });
  now = cpuMilliseconds();
  best = Math.min(best, now - before);
  ++runs;
}
const perSecond = (milliseconds) => (1000 * batch) / milliseconds;
console.log(
  JSON.stringify({
    runtime: "onnxruntime-node",
    version: require("onnxruntime-node/package.json").version,
    length,
    batch,
    runs,
    sequences_per_second: perSecond((now - cpuStart) / runs),
    best_sequences_per_second: perSecond(best),
  }),
);
