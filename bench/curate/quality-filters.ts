// The quality filters beside datatrove's, on the same texts: megabytes a second of processor time on one core.
//   npm run bench -- curate/quality-filters --data ROWS.jsonl [--python PYTHON --datatrove FOLDER]
// ROWS.jsonl has text in question and answer, or text, and so on: every string of a row counts. PYTHON has spaCy and, in FOLDER or
// installed, datatrove. Processor time, because a busy machine would make elapsed time a measure of its neighbours.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUALITY_FILTERS, judgeQuality } from '../../lib/curate/quality.js';
import type { QualityFilter } from '../../lib/curate/quality.js';
import { option, report } from '../harness.js';

const data = option('data', '');
const python = option('python', '');
const rows = readFileSync(data, 'utf8').trim().split('\n').map((line) =>
  Object.values(JSON.parse(line) as Record<string, unknown>).filter((value) => typeof value === 'string').join('\n'));
// Documents of some length, as the filters are made for.
const documents = Array.from({ length: Math.ceil(rows.length / 8) }, (_, at) => rows.slice(at * 8, at * 8 + 8).join('\n\n'));
const megabytes = documents.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;

async function rate(filters: readonly QualityFilter[]): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 7; run++) {
    const cpu = process.cpuUsage();
    await judgeQuality(documents, { filters });
    const { user, system } = process.cpuUsage(cpu);
    times.push((user + system) / 1e6);
  }
  times.shift();
  return megabytes / times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

const PYTHON = `
import importlib.metadata, json, sys, time
from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
documents = json.load(open(sys.argv[1], encoding="utf-8"))
out = {}
for name, one in (("gopher-quality", GopherQualityFilter()), ("gopher-repetition", GopherRepetitionFilter()), ("c4", C4QualityFilter()), ("fineweb", FineWebQualityFilter())):
    one.filter(Document(text="warm up. " * 100, id="0"))
    began = time.process_time()
    for text in documents:
        one.filter(Document(text=text, id="0"))
    out[name] = sum(len(t.encode()) for t in documents) / 1e6 / (time.process_time() - began)
print(json.dumps(out))
`;

let peer: Record<string, number> = {};
if (python !== '') {
  const folder = mkdtempSync(join(tmpdir(), 'quality-'));
  try {
    writeFileSync(join(folder, 'documents.json'), JSON.stringify(documents.slice(0, 150)));
    const path = option('datatrove', '');
    const text = execFileSync(python, ['-c', PYTHON, join(folder, 'documents.json')],
      { encoding: 'utf8', env: { ...process.env, PYTHONPATH: [path, process.env['PYTHONPATH']].filter(Boolean).join(':') } });
    peer = JSON.parse(text.trim().split('\n').at(-1)!) as Record<string, number>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const round = (value: number): number => Math.round(value * 100) / 100;
for (const filter of [...QUALITY_FILTERS, undefined]) {
  const own = await rate(filter === undefined ? QUALITY_FILTERS : [filter]);
  const other = filter === undefined ? undefined : peer[filter];
  report({
    case: 'quality-filters', filter: filter ?? 'all four', megabytes: round(megabytes), megabytesPerCpuSecond: round(own),
    ...(other === undefined ? {} : { peer: 'datatrove', peerMegabytesPerCpuSecond: round(other), ratio: round(own / other) }),
  });
}
