// Stanford Alpaca rows: the original prompts, for models without a chat template, and the same as a conversation.
import type { ChatMessage } from '../record.js';

/** The two prompts of the Alpaca recipe; the answer follows directly. */
export function alpacaPrompt(instruction: string, input: string): string {
  return input === ''
    ? 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n' +
        `### Instruction:\n${instruction}\n\n### Response:`
    : 'Below is an instruction that describes a task, paired with an input that provides further context. ' +
        `Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### ` +
        `Input:\n${input}\n\n### Response:`;
}

export function alpacaMessages({
  instruction,
  input,
  output,
}: {
  instruction: string;
  input: string;
  output: string;
}): readonly ChatMessage[] {
  return [
    { role: 'user', content: input === '' ? instruction : `${instruction}\n\n${input}` },
    { role: 'assistant', content: output },
  ];
}
