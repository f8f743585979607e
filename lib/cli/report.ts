// `whetstone report`: everything about a run on one page, and as JSON.

import { spawn } from 'node:child_process';
import { relative, resolve } from 'node:path';
import { writeReport } from '../train/report/write.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

interface Options {
  readonly output?: string;
  readonly open?: boolean;
  readonly samples: number;
  readonly device?: string;
}

export async function reportCommand(output: Output, options: Options, run: string): Promise<number> {
  const { html, json, report } = await writeReport(run, {
    samples: options.samples, ...(options.output === undefined ? {} : { html: options.output }), ...(options.device === undefined ? {} : { device: options.device }),
  });
  if (report.samplesMissing !== null) output.say(`No samples before and after: ${report.samplesMissing}`);
  if (options.open) await show(resolve(html), (text) => output.say(text));
  const { verdict, status, steps, effect, test } = report;
  output.result(
    { html: resolve(html), json: resolve(json), verdict, status, steps, effect, test: test && { openings: test.openings, problems: test.problems } },
    `report  ${relative(process.cwd(), html) || html}\ndata    ${relative(process.cwd(), json) || json}`);
  return EXIT.ok;
}

/** Hands the page to whatever shows web pages here. */
async function show(file: string, say: (text: string) => void): Promise<void> {
  const commands = [process.env['BROWSER'], 'xdg-open', 'sensible-browser', 'firefox', 'chromium'].filter((name) => name !== undefined && name !== '') as string[];
  for (const command of commands) {
    const started = await new Promise<boolean>((done) => {
      const child = spawn(command, [file], { detached: true, stdio: 'ignore' });
      child.on('error', () => done(false));
      child.on('spawn', () => {
        child.unref();
        done(true);
      });
    });
    if (started) return;
  }
  say(`No browser was found (tried ${commands.join(', ')}). Open ${file} yourself, or set BROWSER`);
}
