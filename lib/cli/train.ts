// `whetstone train`: fine-tunes as a configuration says. Ctrl-C once saves and stops, twice stops now.

import { join, relative, resolve } from 'node:path';
import { ConsoleLog } from '../track/console.js';
import { readConfig } from '../train/config/parse.js';
import { train } from '../train/train.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';
import { watchSignals } from './signals.js';

interface Options {
  readonly set?: readonly string[];
  readonly resume?: boolean;
  readonly overwrite?: boolean;
}

export async function trainCommand(output: Output, options: Options, file: string): Promise<number> {
  const config = await readConfig(file, options.set);
  const run = train(config, { resume: options.resume, overwrite: options.overwrite, sinks: [new ConsoleLog(output.terminal)] });
  using signals = watchSignals(run, (text) => output.say(text));
  try {
    const result = await run.result.then((done) => ({ ...done, adapter: resolve(done.adapter), output: resolve(done.output) }));
    const place = (name: string): string => relative(process.cwd(), join(result.output, name)) || '.';
    output.result(result, () => (result.reason === 'stopped' ? `Saved after ${result.steps} updates.\n${howToGoOn(file, options)}`
      : `adapter  ${place('adapter')}\ncurve    ${place('curve.svg')}\nmetrics  ${place('metrics.jsonl')}`));
    if (result.reason === 'stopped') {
      if (output.json) output.say(howToGoOn(file, options));
      return signals.exitCode ?? EXIT.ok;
    }
    return EXIT.ok;
  } catch (error) {
    if (signals.exitCode === undefined) throw error;
    output.say(`Stopped. ${howToGoOn(file, options)}`);
    return signals.exitCode;
  }
}

function howToGoOn(file: string, options: Options): string {
  const set = (options.set ?? []).map((text) => ` --set ${/^[\w./=:,-]+$/.test(text) ? text : `'${text}'`}`).join('');
  return `Go on with: npx whetstone train ${file}${set} --resume`;
}
