// Checks that @huggingface/tokenizers gives the same ids and text as transformers did.
// Usage: python scripts/pebble/check_tokenizer.py MODEL_FOLDER TEXTS.json, which runs this file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';

const [folder, file] = process.argv.slice(2);
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const config = read(join(folder, 'tokenizer_config.json'));
const tokenizer = new Tokenizer(read(join(folder, 'tokenizer.json')), config);
const template = new Template(config.chat_template);
const { texts, chats } = read(file);
let wrong = 0;
for (const { text, ids, decoded } of texts) {
  const mine = tokenizer.encode(text, { add_special_tokens: false }).ids;
  const back = tokenizer.decode(mine, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  if (JSON.stringify([...mine]) !== JSON.stringify(ids) || back !== decoded) {
    wrong += 1;
    console.error(`differs on ${JSON.stringify(text)}: expected ${ids}, got ${[...mine]}`);
  }
}
for (const { messages, prompt } of chats) {
  if (template.render({ messages, add_generation_prompt: true }) !== prompt) wrong += 1;
}
console.log(`${texts.length} texts and ${chats.length} conversations compared, ${wrong} differ`);
process.exit(wrong ? 1 : 0);
