// Draws docs/results/jagged.svg from the table of the sweep docs/results/jagged.ini.
//   node docs/results/jagged.mjs docs/results/raw/jagged.csv docs/results/jagged.svg
import fs from 'node:fs';

const [table, out] = process.argv.slice(2);
const common = [], own = [];
for (const line of fs.readFileSync(table, 'utf8').split('\n')) {
  const accuracy = Number((/,accuracy,([0-9.]+),/.exec(line) ?? [])[1]);
  const by = /perturb\(by=([-0-9.]+)\)/.exec(line), random = /perturb\((?:draw=\d+, )?random=([0-9.]+)/.exec(line);
  if (by) common.push([Number(by[1]), accuracy]);
  else if (line.includes('perturb')) (random ? own : common).push([random ? Number(random[1]) : 0, accuracy]);
}
common.sort((a, b) => a[0] - b[0]);
const [width, height, left, top] = [640, 320, 60, 20];
const x = (move) => left + ((move + 0.055) / 0.11) * (width - left - 20);
const y = (accuracy) => top + ((0.98 - accuracy) / 0.06) * (height - top - 50);
const text = (px, py, words, anchor = 'middle') => `<text x="${px}" y="${py}" text-anchor="${anchor}">${words}</text>`;
const parts = [];
for (const a of [0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98]) {
  parts.push(`<path d="M${left} ${y(a)}H${width - 20}" stroke="#ddd"/>`, text(left - 6, y(a) + 4, (100 * a).toFixed(0), 'end'));
}
for (const m of [-0.05, -0.025, 0, 0.025, 0.05]) parts.push(text(x(m), height - 30, `${(100 * m).toFixed(1)} %`));
parts.push(text(width / 2, height - 8, 'common change of all ranges (line); largest random change of each (dots)'));
parts.push(`<text transform="translate(16 ${height / 2}) rotate(-90)" text-anchor="middle">accuracy in %</text>`);
parts.push(`<polyline fill="none" stroke="#0072b2" stroke-width="2" points="${common.map(([m, a]) => `${x(m).toFixed(1)},${y(a).toFixed(1)}`).join(' ')}"/>`);
for (const [m, a] of own) parts.push(`<circle cx="${x(m).toFixed(1)}" cy="${y(a).toFixed(1)}" r="3.5" fill="#d55e00"/>`);
fs.writeFileSync(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12" role="img" aria-label="accuracy of W3A8 against changes of all ranges">
<rect width="${width}" height="${height}" fill="#fff"/>
${parts.join('\n')}
</svg>
`);
const spread = (limit) => own.filter(([m]) => m === limit).map(([, a]) => (100 * a).toFixed(2)).sort();
for (const limit of [0.001, 0.01, 0.05]) console.log(limit, spread(limit).join(' '));
console.log(common.map(([m, a]) => `${(100 * m).toFixed(1)}: ${(100 * a).toFixed(2)}`).join('  '));
