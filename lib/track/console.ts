// A run on the console: a bar that moves on a terminal, a plain line now and then elsewhere.

import { clock, count, loss, rate } from './format.js';
import type { DiagnosisEvent, Sink, StepEvent, TrainEvent } from './events.js';
import type { Terminal } from './terminal.js';
import { sentence } from './verdict.js';

const BAR = 24;
const ESCAPE = '\u001b[';
/** Colour codes, kept by split. */
const COLOR = new RegExp(`(${ESCAPE.replace('[', '\\[')}[0-9;]*m)`);

export class ConsoleLog implements Sink {
  #drawn = false;
  #lastDraw = 0;
  #lastLine = -Infinity;
  #phase = '';
  #valid: number | undefined;
  #verdict: string | undefined;

  constructor(private readonly terminal: Terminal, private readonly now: () => number = () => performance.now()) {}

  event(event: TrainEvent): void {
    const c = this.terminal.colors;
    switch (event.type) {
      case 'phase':
        return this.#showPhase(event.message, event.done, event.total);
      case 'start':
        for (const note of event.notes ?? []) this.#line(c.dim(note));
        this.#line(`${c.bold(event.model)} on ${event.device} (${event.dtype}): ${count(event.parameters)} trainable numbers, ` +
          `${count(event.rows)} rows, ${count(event.tokens)} tokens an epoch, ${count(event.steps)} updates` +
          (event.step > 0 ? `, going on after update ${count(event.step)}` : ''));
        return;
      case 'step':
        return this.#showStep(event);
      case 'validation':
        this.#valid = event.loss;
        return this.#line(`${c.cyan('valid')}  update ${count(event.step)}  loss ${loss(event.loss)}  perplexity ` +
          `${event.perplexity.toFixed(2)}  accuracy ${(100 * event.accuracy).toFixed(1)} %${event.best ? c.green('  best') : ''}`);
      case 'warning':
        return this.#line(c.yellow(`warning: ${event.message}`));
      case 'paused':
        return this.#line(`paused after update ${count(event.step)}`);
      case 'resumed':
        return this.#line('going on');
      case 'diagnosis':
        return this.#showDiagnosis(event);
      case 'checkpoint':
        return;
      case 'end': {
        const why = { finished: 'done', 'early-stop': 'stopped early: no more improvement', stopped: 'stopped' }[event.reason];
        return this.#line(`${c.green(why)} after ${count(event.step)} updates in ${clock(event.seconds)}` +
          (event.adapterStep !== event.step ? `; the adapter is that of update ${count(event.adapterStep)}, the best` : ''));
      }
    }
  }

  async close(): Promise<void> {
    this.#clear();
  }

  #showPhase(message: string, done?: number, total?: number): void {
    const share = done !== undefined && total ? ` ${Math.floor((100 * done) / total)} %` : '';
    if (this.terminal.live) {
      this.#draw(`${message}${share}`);
    } else if (message !== this.#phase) {
      this.#line(message);
    }
    this.#phase = message;
  }

  /** Health is only worth a word at the end, and trouble when it begins or something is done. */
  #showDiagnosis({ verdict, evidence, also, remedies, applied, final }: DiagnosisEvent): void {
    const c = this.terminal.colors;
    const known = verdict === this.#verdict && applied.length === 0 && !final;
    this.#verdict = verdict;
    if (verdict === 'healthy' && final) return this.#line(`${c.green('doctor')} healthy`);
    if (verdict === 'healthy' || known) return;
    const others = also.length === 0 ? '' : `; also ${also.map((one) => one.verdict).join(', ')}`;
    this.#line(`${c.yellow('doctor')} ${verdict}${others}${applied.length === 0 ? '' : c.bold(`; done: ${applied.join(', ')}`)}`);
    if (!final) return;
    for (const one of evidence) this.#line(`         ${sentence(one)}`);
    remedies.forEach(({ what, set }, i) => this.#line(`      ${i === 0 ? '→' : ' '}  ${i + 1}. ${what}` +
      (Object.keys(set).length === 0 ? '' : c.dim(`  (${Object.entries(set).map(([key, value]) => `${key}: ${value}`).join(', ')})`))));
  }

  #showStep(event: StepEvent): void {
    const last = event.step === event.steps;
    if (this.terminal.live) {
      if (!last && this.now() - this.#lastDraw < 80) return;
      this.#lastDraw = this.now();
      return this.#draw(this.#bar(event));
    }
    const every = Math.max(1, Math.ceil(event.steps / 25));
    const due = last || event.step === 1 || event.step % every === 0 || this.now() - this.#lastLine > 15_000;
    if (!due) return;
    this.#lastLine = this.now();
    this.#line(`update ${event.step}/${event.steps}  epoch ${event.epoch.toFixed(2)}  loss ${loss(event.loss)}  ` +
      `lr ${rate(event.lr)}  ${count(event.tokensPerSecond)} tokens/s  ${clock(event.eta)} left`);
  }

  #bar(event: StepEvent): string {
    const c = this.terminal.colors;
    const share = event.step / event.steps;
    const full = Math.round(share * BAR);
    const bar = c.cyan('━'.repeat(full)) + c.dim('─'.repeat(BAR - full));
    const valid = this.#valid === undefined ? '' : c.dim(`  valid ${loss(this.#valid)}`);
    return `${bar} ${event.step}/${event.steps}  loss ${c.bold(loss(event.loss))}${valid}  ` +
      `${count(event.tokensPerSecond)} tokens/s  ${clock(event.eta)} left`;
  }

  #line(text: string): void {
    this.#clear();
    this.terminal.write(`${text}\n`);
  }

  #draw(text: string): void {
    this.terminal.write(`\r\u001b[2K${fit(text, this.terminal.columns())}`);
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) this.terminal.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** Cuts a text with colour codes to a number of visible columns, so that a drawn line never wraps. */
export function fit(text: string, columns: number): string {
  let visible = 0;
  let out = '';
  for (const part of text.split(COLOR)) {
    if (part.startsWith(ESCAPE)) {
      out += part;
    } else {
      const kept = [...part].slice(0, Math.max(0, columns - visible));
      visible += kept.length;
      out += kept.join('');
    }
  }
  return out;
}
