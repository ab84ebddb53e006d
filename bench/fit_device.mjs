// Fits core/program/device/counts.cpp: the instructions per unit of work of each kind of function of a streaming step.
//   node bench/fit_device.mjs BITSTATE FOLDER > core/program/device/counts.cpp
// Trains small models for one epoch into FOLDER, exports their C, counts its instructions by function on all processors
// (count_instructions.sh), and finds for each kind the non-negative constants of least squared error, relative to the
// model's step. What FOLDER has already is not made again: after a change of the C it must be empty. Says on standard error how far each model's step is from its
// estimate, by the constants of all models and by those of the other models.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const cpus = ["cortex-m3", "cortex-m4", "cortex-m55", "rv32im"];
const units = ["calls", "elements", "inputs", "products"];
const here = dirname(fileURLToPath(import.meta.url));

// Kinds in the order of StepKind, their names in `inspect --device --json`, and the C functions that belong to them.
// `unit`: which numbers of the work instructions may depend on.
const kinds = [
  ["step", "calls of functions", /^model_step$/],
  ["input", "input", /^model_limit_/],
  ["rows_w8", "linear by rows (8 bits)", /^model_rows_w8/],
  ["rows_w4", "linear by rows (4 bits)", /^model_rows_w4/],
  ["rows_w2", "linear by rows (1 or 2 bits)", /^model_rows_w[12]_/],
  ["linear", "linear (8 bits or more)", /^model_linear_w(8|16|32)/],
  ["linear_packed", "linear (less than 8 bits)", /^model_linear_w[124]_/],
  ["rescale", "rescale", /^model_quantize_/],
  ["rescale_wide", "rescale in 64 bits", /^model_quantize_/],
  ["product", "product", /^model_product_/],
  ["scale", "scale", /^model_scale_/],
  ["sum", "sum", /^model_sum_/],
  ["add_row", "add row", /^model_add_/],
  ["layer_norm", "layer norm", /^model_norm_/],
  ["rms_norm", "RMS norm", /^model_rms_/],
  ["conv", "convolution", /^model_conv_/],
  ["rotate", "rotation", /^model_rotate_/],
  ["table", "table", /^model_table_/],
  ["embedding", "embedding", /^model_embedding_/],
  ["scan", "scan", /^model_scan_[dl]/],
  ["scan_narrow", "scan of narrow eigenvalues", /^model_scan_[dl]/],
  ["scan_shear", "scan by shears", /^model_scan_shear/],
  ["selective_scan", "selective scan", /^model_selective_/],
  ["mean_pool", "mean over steps", /^model_(mean|gather)_/],
  ["last", "last step", /^model_(copy|last)_/],
  ["sign", "sign", /^model_sign_/],
  ["concatenate", "concatenation", /^model_concatenate_/],
];

const [bitstate, folder] = process.argv.slice(2);
const wavesFile = join(folder ?? "", "waves.tsv"); // one sequence a row, its class first
const divisions = /^__/; // of libgcc: they are those of the norms
const suffixOf = (list) => list.map((option) => option.replace(/[^a-z0-9]+/gi, "_")).join("");
const lorenz = ["lorenz-small", "--trajectories=20", "--bsz=4"];
const s5 = (quant, d, p, layers, ...more) => ({
  name: `s5_${quant}_${d}_${p}_${layers}${suffixOf(more)}`,
  train: [...lorenz, `--quant=${quant}`, `--d_model=${d}`, `--ssm_size_base=${p}`, `--n_layers=${layers}`, ...more],
});
const mamba = (model, d, quant, ...more) => ({
  name: `${model}_${quant}_${d}${suffixOf(more)}`,
  train: [...lorenz, `--quant=${quant}`, `--model=${model}`, `--d_model=${d}`, ...more],
});
const tokens = (d, ...more) => ({
  name: `tokens_${d}${suffixOf(more)}`,
  train: ["induction", "--limit_train=64", "--quant=w8a8", `--d_model=${d}`, ...more],
});
const classifier = (d, ...more) => ({
  name: `classifier_${d}${suffixOf(more)}`,
  train: ["own", `--data=${wavesFile}`, "--task=classification", "--quant=w8a8", `--d_model=${d}`,
    "--ssm_size_base=16", "--n_layers=2", "--batchnorm=false", ...more],
});
const matrix = (form) => `--bits=weight:*.ssm.A 6 form=${form}; state:* 8`;
const models = [
  s5("w8a8", 16, 16, 1), s5("w8a8", 32, 16, 2), s5("w8a8", 24, 8, 4), s5("w8a8", 48, 32, 2), s5("w8a8", 96, 64, 2),
  s5("w4a8", 16, 16, 2), s5("w4a8", 20, 16, 3), s5("w4a8", 48, 32, 1), s5("w4a8", 96, 64, 2),
  s5("w2a8", 16, 16, 2), s5("w2a8", 40, 16, 2), s5("w2a8", 64, 48, 2), s5("w2a8", 96, 64, 1),
  s5("w8a8", 20, 16, 2, "--batchnorm=false"), s5("w8a8", 64, 32, 1, "--batchnorm=false"),
  s5("w4a8", 96, 16, 2, "--batchnorm=false"),
  s5("w8a8", 16, 16, 2, matrix("delta")), s5("w8a8", 48, 64, 1, matrix("delta")),
  s5("w8a8", 24, 32, 2, matrix("delta")),
  s5("w8a8", 16, 16, 2, matrix("shear")), s5("w8a8", 48, 64, 1, matrix("shear")),
  s5("w8a8", 24, 32, 2, matrix("shear")),
  s5("w8a8", 32, 16, 2, "--activation_fn=full_glu"), 
  classifier(16), classifier(40), classifier(24, "--mode=last"), classifier(64, "--mode=last"),
  mamba("mamba", 16, "w8a8"), mamba("mamba", 32, "w4a8"), mamba("mamba", 48, "w8a8", "--d_state=8"),
  mamba("mamba2", 16, "w8a8", "--headdim=8"), mamba("mamba2", 32, "w8a8", "--headdim=16"),
  mamba("mamba2", 48, "w4a8", "--headdim=32", "--d_state=8"),
  tokens(16), tokens(32, "--hadamard=all"), tokens(48, "--hadamard=out_proj"), tokens(20, "--hadamard=all"),
];

const fail = (why) => {
  console.error(`fit_device: ${why}`);
  process.exit(1);
};

// The exported C of a model in FOLDER, and its work by kind.
const made = (model, bitstate, folder) => {
  const home = join(folder, model.name);
  const run = (...args) => execFileSync(bitstate, args, { encoding: "utf8" });
  if (!existsSync(join(home, "c"))) {
    rmSync(home, { recursive: true, force: true });
    run("train", ...model.train, "--epochs=1", `--out=${join(home, "run")}`);
    run("export", join(home, "run"), "--format=c", "--proof=none", "--parity=2", `--out=${join(home, "new")}`);
    renameSync(join(home, "new"), join(home, "c"));
  }
  const work = {};
  const said = run("inspect", join(home, "run"), "--device=cortex-m4", "--json").trim().split("\n").at(-1);
  for (const f of JSON.parse(said).functions) work[f.kind] = units.map((unit) => f[unit]);
  return { name: model.name, c: join(home, "c"), work };
};

// Instructions per step of a model's C by kind on a processor, and all of a step.
const counted = (model, cpu, folder) => {
  const file = join(folder, model.name, `${cpu}.txt`);
  if (!existsSync(file)) {
    const text = execFileSync(join(here, "count_instructions.sh"), [`--cpu=${cpu}`, model.c], { encoding: "utf8" });
    writeFileSync(file, text);
  }
  const lines = readFileSync(file, "utf8").trim().split("\n").slice(1);
  const all = Number(lines[0].split(" ")[0]);
  const counts = {};
  for (const line of lines.slice(1)) {
    const [instructions, , name] = line.trim().split(/\s+/);
    const kind = kindOf(name, model) ?? fail(`${file}: ${name} belongs to no kind of function that the model has`);
    counts[kind] = (counts[kind] ?? 0) + Number(instructions);
  }
  return { all, counts };
};

// The first kind of a function's name that the model has.
const kindOf = (name, model) => {
  const kind = kinds.find(([, title, pattern]) => title in model.work && pattern.test(name));
  if (kind) return kind[1];
  return divisions.test(name) ? ["layer norm", "RMS norm"].find((title) => title in model.work) : undefined;
};

// The solution of a symmetric system by elimination; undefined if it has no single one.
const solved = (a, b) => {
  const n = b.length;
  const m = a.map((row, i) => [...row, b[i]]);
  for (let i = 0; i < n; ++i) {
    const pivot = m.slice(i).reduce((best, row, k) => (Math.abs(row[i]) > Math.abs(m[best][i]) ? i + k : best), i);
    [m[i], m[pivot]] = [m[pivot], m[i]];
    if (Math.abs(m[i][i]) < 1e-9 * Math.abs(a[i][i])) return undefined;
    for (let k = 0; k < n; ++k) {
      if (k === i) continue;
      const factor = m[k][i] / m[i][i];
      for (let j = i; j <= n; ++j) m[k][j] -= factor * m[i][j];
    }
  }
  return m.map((row, i) => row[n] / row[i]);
};

// Non-negative constants for the units, of least squared error of `rows`: { work, count, weight }. Tries all sets of
// units, the small ones first; undefined without rows.
const fitted = (rows) => {
  if (rows.length === 0) return undefined;
  let best = { error: Infinity };
  const sets = Array.from({ length: 15 }, (_, i) => units.map((__, k) => k).filter((k) => ((i + 1) >> k) & 1));
  for (const set of sets.sort((a, b) => a.length - b.length)) {
    if (set.length > rows.length) continue;
    const sum = (f) => rows.reduce((total, row) => total + row.weight ** 2 * f(row), 0);
    const normal = set.map((i) => set.map((k) => sum((row) => row.work[i] * row.work[k])));
    if (normal.some((row, i) => row[i] === 0)) continue;
    const found = solved(normal, set.map((i) => sum((row) => row.work[i] * row.count)));
    if (found === undefined || found.some((c) => c < 0)) continue;
    const constants = [0, 0, 0, 0];
    set.forEach((i, k) => (constants[i] = found[k]));
    const error = sum((row) => (dot(constants, row.work) - row.count) ** 2);
    if (error < 0.999 * best.error) best = { error, constants };
  }
  return best.error < Infinity ? best.constants : undefined;
};
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

// Constants of all kinds from these models.
const fitAll = (measured) =>
  kinds.map(([, title]) =>
    fitted(
      measured
        .filter(({ model }) => title in model.work)
        .map(({ model, all, counts }) => ({ work: model.work[title], count: counts[title] ?? 0, weight: 1 / all })),
    ),
  );

// The estimate of a step, in per cent off its count; undefined where a kind has no constants.
const off = (constants, { model, all }) => {
  let sum = 0;
  for (let k = 0; k < kinds.length; ++k) {
    const work = model.work[kinds[k][1]];
    if (!work) continue;
    if (!constants[k]) return undefined;
    sum += dot(constants[k], work);
  }
  return 100 * (sum / all - 1);
};

const signed = (x) => (x === undefined ? "–" : `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(1)} %`);
const digits = (x) => (x === 0 ? "0.0" : x.toPrecision(3).replace(/e\+?/, "e").replace(/^(\d+)$/, "$1.0"));

if (!folder || process.argv.length > 4) fail("expected BITSTATE FOLDER");
mkdirSync(folder, { recursive: true });
const wave = (n) => Array.from({ length: 32 }, (_, t) => Math.sin((t + n) / (2 + (n % 3))).toFixed(4));
writeFileSync(wavesFile, Array.from({ length: 60 }, (_, n) => `${(n % 3) + 1}\t${wave(n).join("\t")}\n`).join(""));
const all = models.map((model) => {
  console.error(`making ${model.name}`);
  return made(model, bitstate, folder);
});

let text = `// Made by bench/fit_device.mjs from exact counts under QEMU (docs/results/device.md).
#include "core/program/device/counts.h"

namespace bitstate::program {
namespace {

constexpr std::optional<StepCount> not_measured;

}  // namespace

// per call, element, input and product, in the order of StepKind
// clang-format off
`;
for (const cpu of cpus) {
  const measured = all.map((model) => ({ model, ...counted(model, cpu, folder) }));
  const constants = fitAll(measured);
  console.error(`${cpu}: model, instructions per step, by the constants of all models, by those of the others`);
  for (const one of measured) {
    const others = fitAll(measured.filter((m) => m !== one));
    console.error(`  ${one.model.name}: ${one.all}, ${signed(off(constants, one))}, ${signed(off(others, one))}`);
  }
  text += `constinit const StepCounts ${cpu.replace("-", "_")}_counts{{\n`;
  kinds.forEach(([name], k) => {
    const value = constants[k] ? `StepCount{${constants[k].map(digits).join(", ")}}` : "not_measured";
    text += `    ${value},  // ${name}\n`;
  });
  text += "}};\n";
}
text += "// clang-format on\n\n}  // namespace bitstate::program\n";
process.stdout.write(text);
