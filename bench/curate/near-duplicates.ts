// Near duplicates of many short rows: time, processor time and memory. A fifth of the rows are copies with one word changed.
//   npm run bench -- curate/near-duplicates --rows 1000000 --preset datatrove
import { nearDuplicateClusters } from '../../lib/curate/near-duplicates.js';
import type { MinHashPreset } from '../../lib/curate/minhash-options.js';
import { option, report } from '../harness.js';

const rows = Number(option('rows', '1000000'));
const preset = option('preset', 'datatrove') as MinHashPreset;

let state = 1;
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * below);
};
const words = Array.from({ length: 20_000 }, () => Array.from({ length: 2 + random(7) }, () => String.fromCharCode(97 + random(26))).join(''));
const word = (): string => words[Math.floor(words.length * (random(1 << 20) / (1 << 20)) ** 2)]!;

const kept: string[][] = [];
let copies = 0;
let characters = 0;
function* texts(): Generator<string> {
  for (let row = 0; row < rows; row++) {
    let line = Array.from({ length: 20 + random(25) }, word);
    if (row % 5 === 4) {
      line = [...kept[random(kept.length)]!];
      line[random(line.length)] = word();
      copies++;
    } else if (row % 50 === 0) kept.push(line);
    const text = line.join(' ');
    characters += text.length;
    yield text;
  }
}

const began = performance.now();
const cpu = process.cpuUsage();
const result = await nearDuplicateClusters(texts(), {
  preset,
  onProgress: (stage, done, total) => process.stderr.write(`\r${stage} ${done}${total === undefined ? '' : ` of ${total}`}   `),
});
const used = process.cpuUsage(cpu);
const seconds = (performance.now() - began) / 1000;
process.stderr.write('\n');
// A fifth of the rows are copies; a changed word near the middle of twenty takes a pair below what is joined.
if (result.duplicates < copies * 0.3 || result.duplicates > copies * 1.01) throw new Error(`${result.duplicates} duplicates of ${copies} copies`);
report({
  case: 'near-duplicates', preset, rows, megabytes: Math.round(characters / 1e6), seconds: Math.round(seconds * 10) / 10,
  cpuSeconds: Math.round((used.user + used.system) / 1e5) / 10, duplicates: result.duplicates, candidates: result.candidates,
  peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
});
