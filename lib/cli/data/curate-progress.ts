// How far an examination is, on one line of a terminal.

import { stat } from 'node:fs/promises';
import type { ExamineOptions } from '../../curate/examine.js';
import { count } from '../../track/format.js';
import type { Output } from '../output.js';

const SHOWN_AFTER_MS = 1000;

export interface Progress {
  readonly report: NonNullable<ExamineOptions['onProgress']>;
  clear(): void;
}

export async function progressOf(output: Output, files: readonly string[]): Promise<Progress> {
  const began = performance.now();
  let total = 0;
  for (const file of files) total += (await stat(file).catch(() => ({ size: 0 }))).size;
  let shown = 0;
  const write = (text: string): void => {
    const now = performance.now();
    if (!output.terminal.live || now - began < SHOWN_AFTER_MS || now - shown < 100) return;
    shown = now;
    output.terminal.write(`\r\u001b[2K${text}`);
  };
  return {
    report: (stage, done, of) => {
      const left = stage === 'read' && done > 0 ? ((performance.now() - began) / 1000) * (total / done - 1) : undefined;
      write(stage === 'read'
        ? `reading   ${(done / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)} MB${left === undefined || left < 1 ? '' : `, ${left.toFixed(0)} s left`}`
        : stage === 'write' ? `writing   ${count(done)} of ${count(of ?? 0)} rows`
        : `comparing ${done} of ${of ?? '?'} bands`);
    },
    clear: () => {
      if (shown > 0) output.terminal.write('\r\u001b[2K');
    },
  };
}
