// GSM8K from its file to packed batches, as published: every token of every batch is held against the row that it came from.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset } from '../../lib/pack/dataset.js';
import { BatchPlan } from '../../lib/pack/plan.js';
import { loadChatTemplate } from '../../lib/text/chat-template.js';
import type { ChatTemplate } from '../../lib/text/chat-template.js';
import { TextTokenizer } from '../../lib/text/tokenizer.js';

const file = join(__dirname, '../../../shared/data/gsm8k-test.jsonl');
const there = existsSync(file);

jest.setTimeout(120_000);

// The rows are not ours to give away; docs/data.md says where they come from.
describe.each(['never', 'always'] as const)('chat template: %s', (useTemplate) => {
  (there ? test : test.skip)('every answer is learned with its end token, and nothing else (needs ../shared/data)', async () => {
    const rows = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { question: string; answer: string });
    const tokenizer = await TextTokenizer.load(join(__dirname, '../../models/pebble'));
    const template = await loadChatTemplate(tokenizer) as ChatTemplate;
    const { set, detection, report } = await openDataset(file, { tokenizer, template, useTemplate, cache: false, workers: 0 });
    expect(detection).toMatchObject({ format: 'completion', confidence: 0.75, mapping: { fields: { prompt: 'question', completion: 'answer' } } });
    expect([report.rows, report.kept, report.bad]).toEqual([rows.length, rows.length, 0]);
    const plan = new BatchPlan(set, { batchTokens: 2048, seed: 3 });
    const text = (ids: Int32Array) => tokenizer.decode(ids, { skipSpecial: false, continues: true });
    const prompt = (question: string) => (useTemplate === 'never' ? question : template.render([{ role: 'user', content: question }], { addGenerationPrompt: true }));
    const seen = new Set<number>();
    const wrong: string[] = [];
    for (const { batch, sequences } of plan.batches(undefined, 1)) {
      if (batch.tokens.length > 2048) wrong.push('a batch is too large');
      sequences.forEach((index, q) => {
        const [begin, end] = [batch.seqBegin[q]!, batch.seqBegin[q + 1]!];
        const { row } = set.get(index);
        const { question, answer } = rows[row]!;
        const learned = [...batch.labels.subarray(begin, end).keys()].filter((t) => batch.labels[begin + t] !== -1);
        // One run, each label the next token, up to the end token.
        const [first, last] = [begin + learned[0]! + 1, begin + learned.at(-1)! + 2];
        if (learned.length !== last - first) wrong.push(`row ${row}: holes in what is learned`);
        if (learned.some((t) => batch.labels[begin + t] !== batch.tokens[begin + t + 1])) wrong.push(`row ${row}: a label is not the next token`);
        if (text(batch.tokens.slice(begin, first)) !== prompt(question)) wrong.push(`row ${row}: the prompt is ${text(batch.tokens.slice(begin, first))}`);
        if (text(batch.tokens.slice(first, last)) !== `${answer}<|im_end|>`) wrong.push(`row ${row}: learned is ${text(batch.tokens.slice(first, last))}`);
        if (text(batch.tokens.slice(last, end)).trim() !== '') wrong.push(`row ${row}: more after the answer`);
        for (let t = begin; t < end; t++) if (batch.positions[t] !== t - begin) wrong.push(`row ${row}: position ${t}`);
        seen.add(row);
      });
    }
    expect(wrong).toEqual([]);
    expect(seen.size).toBe(rows.length);
    expect(plan.report().waste).toBeLessThan(0.02);
  });
});
