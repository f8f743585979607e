// The console: plain lines without colour outside a terminal, one redrawn line on it, environment respected.
import { ConsoleLog, fit } from '../../../lib/track/console.js';
import { bytes, clock, count, rate } from '../../../lib/track/format.js';
import { terminalOf } from '../../../lib/track/terminal.js';
import type { StepEvent, TrainEvent } from '../../../lib/track/events.js';

const step = (n: number): StepEvent => ({
  type: 'step', step: n, steps: 100, epoch: n / 100, loss: 1.23456, lr: 2e-4, gradNorm: 1, tokens: 1, scored: 1, tokensPerSecond: 12345,
  scoredPerSecond: 1, seconds: 1, eta: 93,
});
const OTHERS: readonly TrainEvent[] = [
  { type: 'phase', phase: 'model', message: 'reading the model', done: 1, total: 4 },
  { type: 'phase', phase: 'model', message: 'reading the model', done: 2, total: 4 },
  { type: 'start', step: 0, steps: 100, model: 'm', device: 'cpu', dtype: 'f32', parameters: 1024, rows: 5, tokens: 99, output: 'o' },
  { type: 'validation', step: 50, loss: 1.5, perplexity: 4.48, accuracy: 0.5, tokens: 9, seconds: 1, best: true },
  { type: 'warning', message: 'careful' },
  { type: 'end', reason: 'early-stop', step: 100, adapter: 'a', trainLoss: 1, validLoss: 1, adapterStep: 50, seconds: 65 },
];

function show(stream: { isTTY?: boolean; columns?: number }, env: NodeJS.ProcessEnv): string {
  let text = '';
  let time = 0;
  const log = new ConsoleLog(terminalOf({ write: (part) => { text += part; }, ...stream }, env), () => (time += 40));
  for (let n = 1; n <= 100; n++) log.event(step(n));
  for (const event of OTHERS) log.event(event);
  void log.close();
  return text;
}

test('outside a terminal: plain lines, now and then, no escape codes', () => {
  const text = show({}, {});
  expect(text).not.toContain('\u001b');
  expect(text).not.toContain('\r');
  const lines = text.split('\n').filter((line) => line.startsWith('update'));
  expect(lines.length).toBeLessThanOrEqual(27);
  expect(lines.at(-1)).toBe('update 100/100  epoch 1.00  loss 1.2346  lr 2.00e-4  12,345 tokens/s  1:33 left');
  expect(text.match(/reading the model/g)).toHaveLength(1);
  expect(text).toContain('the adapter is that of update 50, the best');
});

test('on a terminal: one line drawn again, with loss, speed and time left', () => {
  const text = show({ isTTY: true, columns: 200 }, {});
  expect(text).toContain('\r\u001b[2K');
  expect(text).toMatch(/100\/100 .*1\.2346.*12,345 tokens\/s  1:33 left/);
  expect(text.split('\n')).toHaveLength(5);
});

test.each([{ NO_COLOR: '1' }, { CI: 'true' }, { TERM: 'dumb' }])('%j keeps a terminal plain', (env) => {
  expect(show({ isTTY: true, columns: 200 }, env)).not.toContain('\u001b');
});

test('a drawn line never wraps', () => {
  expect(fit('\u001b[1mabcdef\u001b[22mghi', 4)).toBe('\u001b[1mabcd\u001b[22m');
  const longest = Math.max(...show({ isTTY: true, columns: 40 }, {}).split(/[\r\n]/).filter((part) => part.includes('/100'))
    .map((part) => [...part.replace(new RegExp(`${'\u001b'}\\[[0-9;]*[A-Za-z]`, 'g'), '')].length));
  expect(longest).toBe(40);
});

test('numbers as people read them', () => {
  expect([count(1234567), count(3), count(3.25), count(NaN)]).toEqual(['1,234,567', '3', '3.3', '–']);
  expect([clock(59.6), clock(93), clock(4000), clock(Infinity)]).toEqual(['1:00', '1:33', '1:06:40', '–']);
  expect([bytes(10), bytes(1536), bytes(5e9)]).toEqual(['10 B', '1.5 KiB', '4.7 GiB']);
  expect([rate(2e-4), rate(0)]).toEqual(['2.00e-4', '0']);
});
