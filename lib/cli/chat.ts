// `whetstone chat`: talk with a model. Lines that begin with "/" are commands.

import { createInterface } from 'node:readline/promises';
import { streamText } from '../eval/generate.js';
import { openParts } from '../train/open.js';
import { EXIT } from './exit.js';
import { chatPrompt, samplingOf, system } from './generate.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions, SamplingOptions } from './options.js';
import type { Output } from './output.js';

interface Options extends ModelOptions, SamplingOptions {
  readonly system?: string;
}

const HELP = '/adapter on|off   answer with or without the adapter\n/reset            forget the conversation\n' +
  '/system TEXT      forget it, and tell the model this first\n/exit             leave (or Ctrl-D)';

/** Most tokens of a conversation that are kept in memory at once. */
const MOST_CONTEXT = 4096;

export async function chatCommand(output: Output, options: Options): Promise<number> {
  const parts = await partsOf(output, options);
  chatPrompt(parts, [{ role: 'user', content: '' }]); // tells at once when the model has no template
  const context = Math.min(parts.model.spec.rope.maxPositions, MOST_CONTEXT);
  await using opened = await openParts(parts, {
    ...engineLimits(options), maxTokens: context, maxSequences: 1, cacheTokens: context, cacheSequences: 1,
  });
  const { generation } = parts.model;
  const drawn: Partial<typeof generation> = generation.doSample ? generation : {};
  const sampling = samplingOf(parts, {
    ...options, temperature: options.temperature ?? drawn.temperature ?? 0.7, topK: options.topK ?? drawn.topK, topP: options.topP ?? drawn.topP,
    repetitionPenalty: options.repetitionPenalty ?? generation.repetitionPenalty,
  });

  let first = options.system;
  let messages: { role: 'system' | 'user' | 'assistant'; content: string }[] = [...system(first)];
  let adapter = opened.slot >= 0;
  let turn = 0n;
  const reset = (): void => { messages = [...system(first)]; };
  const command = (line: string): boolean => {
    const [name, ...rest] = line.slice(1).split(' ');
    const argument = rest.join(' ').trim();
    switch (name) {
      case 'exit': case 'quit':
        return false;
      case 'reset':
        reset();
        output.say('The conversation is forgotten.');
        break;
      case 'system':
        first = argument || undefined;
        reset();
        output.say(first ? 'The model is told this first from now on.' : 'The model is told nothing first.');
        break;
      case 'adapter':
        if (opened.slot < 0) output.say('There is no adapter: start with --adapter FOLDER.');
        else if (argument === 'on' || argument === 'off') adapter = argument === 'on';
        if (opened.slot >= 0) output.say(`The adapter is ${adapter ? 'on' : 'off'}.`);
        break;
      default:
        output.say(HELP);
    }
    return true;
  };

  const prompt = output.interactive ? output.terminal.colors.bold('> ') : '';
  const lines = createInterface({ input: output.streams.stdin, output: output.interactive ? process.stdout : undefined, prompt });
  if (output.interactive) output.say(`${parts.model.name}${adapter ? ` with ${options.adapter}` : ''}. /help lists the commands.`);
  let stop = new AbortController();
  lines.on('SIGINT', () => (stop.signal.aborted ? lines.close() : stop.abort()));
  lines.prompt();
  for await (const raw of lines) {
    const line = raw.trim();
    if (line.startsWith('/') && !command(line)) break;
    if (line !== '' && !line.startsWith('/')) {
      stop = new AbortController();
      messages.push({ role: 'user', content: line });
      const answer = await reply();
      if (answer === undefined) messages.pop();
      else messages.push({ role: 'assistant', content: answer });
    }
    stop.abort(); // Ctrl-C at the prompt leaves
    lines.prompt();
  }
  lines.close();
  return EXIT.ok;

  /** Streams an answer; what Ctrl-C cuts short counts as said. undefined: it does not fit. */
  async function reply(): Promise<string | undefined> {
    const tokens = chatPrompt(parts, messages);
    const room = context - tokens.length;
    if (room < 16) {
      output.say('The conversation no longer fits the context. /reset to begin again.');
      return undefined;
    }
    let text = '';
    try {
      const options = { ...sampling, maxNewTokens: Math.min(sampling.maxNewTokens, room), seed: sampling.seed! + turn++, signal: stop.signal };
      for await (const piece of streamText(opened.session, parts.tokenizer, [{ tokens, slot: adapter ? opened.slot : -1 }], options)) {
        text += piece.text;
        if (!output.json) output.terminal.write(piece.text);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    output.result({ role: 'assistant', content: text, adapter }, '');
    return text;
  }
}
