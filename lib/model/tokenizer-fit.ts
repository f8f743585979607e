// Whether a tokenizer belongs to a model: every id that it can give must have a row in the embedding.

import { EngineError } from '../errors.js';
import { Fields, readJsonObject } from './fields.js';

const MAX_TOKENIZER_BYTES = 512 * 2 ** 20;

/** One more than the largest token id of a tokenizer.json; undefined when there is no such file. */
export async function tokenizerSize(file: string): Promise<number | undefined> {
  const json = await readJsonObject(file, MAX_TOKENIZER_BYTES);
  if (json === undefined) return undefined;
  const root = new Fields(json, file);
  const model = root.required('model', root.object('model'));
  const vocab = model.required('vocab', model.raw('vocab'));
  let size = 0;
  if (Array.isArray(vocab)) {
    size = vocab.length; // Unigram: a list of [piece, score]
  } else if (typeof vocab === 'object') {
    for (const id of Object.values(vocab as object)) size = Math.max(size, checkedId(id, model, 'vocab') + 1);
  } else {
    model.fail('vocab', 'an object or a list');
  }
  const added = root.raw('added_tokens') ?? [];
  if (!Array.isArray(added)) root.fail('added_tokens', 'a list');
  for (const token of added as { id?: unknown }[]) size = Math.max(size, checkedId(token?.id, root, 'added_tokens') + 1);
  return size;
}

function checkedId(id: unknown, fields: Fields, key: string): number {
  if (!Number.isSafeInteger(id) || (id as number) < 0) fields.fail(key, 'token ids that are non-negative integers');
  return id as number;
}

/** ERR_MODEL, naming both numbers, when the tokenizer has ids past the embedding. */
export function checkTokenizerFits(file: string, size: number, vocabulary: number): void {
  if (size <= vocabulary) return;
  throw new EngineError(
    `${file}: the tokenizer has ${size} tokens, but the model's embedding has ${vocabulary} rows (vocab_size). ` +
    'The tokenizer belongs to another model; use the one that came with these weights.',
    { code: 'ERR_MODEL', file, field: 'vocab_size' });
}
