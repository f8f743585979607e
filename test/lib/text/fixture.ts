// The tokenizers, texts and chats of test/golden/templates.json, and templates by name.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ChatTemplate, specialTexts, type TemplateSettings } from '../../../lib/text/chat-template.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import type { ChatMessage } from '../../../lib/record.js';

interface Fixture {
  readonly tokenizers: Readonly<Record<string, unknown>>;
  readonly texts: readonly {
    tokenizer: string;
    text: string;
    ids: number[];
    special: number[];
    offsets: [number, number][];
    decoded: string;
  }[];
  readonly chats: readonly {
    template: string;
    chat: string;
    messages: Record<string, unknown>[];
    variables: Record<string, unknown>;
    addGenerationPrompt: boolean;
    text?: string;
    refused?: string;
    ids?: Record<string, number[]>;
    mask?: Record<string, number[]>;
  }[];
}

export const golden = JSON.parse(readFileSync(path.join(__dirname, '../../golden/templates.json'), 'utf8')) as Fixture;

const made = new Map<string, TextTokenizer>();

export function goldenTokenizer(name: string): TextTokenizer {
  const known = made.get(name);
  if (known !== undefined) return known;
  const tokenizer = new TextTokenizer({
    file: `/golden/${name}/tokenizer.json`,
    tokenizerJson: JSON.stringify(golden.tokenizers[name]),
    configJson: JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }),
    generationJson: '{}',
  });
  made.set(name, tokenizer);
  return tokenizer;
}

export function fixtureTemplate(name: string, settings: TemplateSettings = {}): ChatTemplate {
  const file = path.join(__dirname, 'templates', `${name}.jinja`);
  return new ChatTemplate(
    { text: readFileSync(file, 'utf8'), file: `${name}.jinja` },
    specialTexts(goldenTokenizer('byte-level')),
    settings,
  );
}

/** Messages as a data file would give them. */
export function chatMessages(list: readonly Record<string, unknown>[]): ChatMessage[] {
  return list.map(
    ({ role, content, weight, ...extra }) =>
      ({
        role,
        content,
        ...(weight === undefined ? {} : { weight }),
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
      }) as ChatMessage,
  );
}
