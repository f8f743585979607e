// Everything an encoder is made of, as plain data: it travels to workers, and its hash is part of a cache's key.
import { createHash } from 'node:crypto';
import { ChatTemplate, type TemplateSource } from './chat-template.js';
import { RecordEncoder, type EncodeOptions } from './encode.js';
import { TextTokenizer, type TokenizerFiles } from './tokenizer.js';

export interface EncoderSpec {
  readonly tokenizer: TokenizerFiles;
  readonly template:
    | {
        readonly source: TemplateSource;
        readonly specials: Readonly<Record<string, string>>;
        readonly variables: Readonly<Record<string, unknown>>;
        readonly now: Date;
      }
    | undefined;
  readonly options: EncodeOptions;
}

export function specOf(encoder: RecordEncoder): EncoderSpec {
  const { tokenizer, template, options } = encoder;
  return {
    tokenizer: tokenizer.files,
    template:
      template === undefined
        ? undefined
        : {
            source: template.source,
            specials: template.specials,
            variables: template.settings.variables ?? {},
            now: template.settings.now ?? new Date(),
          },
    options,
  };
}

export function makeEncoder({ tokenizer, template, options }: EncoderSpec): RecordEncoder {
  return new RecordEncoder(
    new TextTokenizer(tokenizer),
    template === undefined
      ? undefined
      : new ChatTemplate(template.source, template.specials, { variables: template.variables, now: template.now }),
    options,
  );
}

/** Same hash, same sequences for the same records. The date counts only where the template asks for it. */
export function encoderHash(encoder: RecordEncoder): string {
  const { tokenizer, template, options } = encoder;
  const { now = new Date(), variables = {} } = template?.settings ?? {};
  return createHash('sha256')
    .update(
      JSON.stringify({
        tokenizer: tokenizer.hash,
        stops: tokenizer.stopIds,
        template:
          template === undefined
            ? null
            : {
                text: template.source.text,
                specials: template.specials,
                variables,
                day: template.usesDate ? now.toISOString() : null,
              },
        options: Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)),
      }),
    )
    .digest('hex');
}
