// Rows that are read and tokenised when they are asked for, from an index of where they lie: a set for a mix that takes no
// memory, whatever its size.
import type { Sequence } from '../batch.js';
import { refuse, type BadRow } from '../data/bad-rows.js';
import type { Records } from '../data/records.js';
import type { RowIndex } from '../data/row-index.js';
import { dataError } from '../errors.js';
import type { RecordEncoder } from '../text/encode.js';
import type { MixShape } from './mix.js';
import type { MixSource } from './mix-plan.js';

export interface StreamedOptions extends Omit<MixShape, 'length'> {
  readonly index: RowIndex;
  readonly records: Records;
  readonly encoder: RecordEncoder;
  /** Cut longer sequences into pieces of this many tokens; no label is lost. */
  readonly splitAt?: number;
  /** Told of rows that cannot be used. Absent: the first one is an error. */
  readonly onBad?: (bad: BadRow) => void;
}

export function streamedSource(options: StreamedOptions): MixSource {
  const { index, records, encoder, splitAt, onBad, ...shape } = options;
  const { format } = records.detection;
  if (format === 'oasst' || format === 'oasst-pairs') {
    throw dataError(
      { file: records.source.files[0] as string },
      `expected rows that stand alone, came ${format}, in which several rows belong together. Set data.streaming: false`,
    );
  }
  const sequences = (row: BadRow | Parameters<Records['record']>[0]): readonly Sequence[] => {
    if (!('value' in row)) {
      if (onBad === undefined) throw dataError({ file: row.file, ...(row.row === undefined ? {} : { row: row.row }) }, row.reason);
      onBad(row);
      return [];
    }
    let made;
    try {
      made = records.finish(records.record(row));
    } catch (error) {
      refuse(error, onBad === undefined ? {} : { onBad }, row.text ?? JSON.stringify(row.value));
      return [];
    }
    return made.flatMap((record) => {
      const { sequence } = encoder.encode(record);
      return sequence === undefined ? [] : splitAt === undefined ? [sequence] : pieces(sequence, splitAt);
    });
  };
  return {
    ...shape,
    length: index.length,
    order: (seed, pass) => index.order(seed, pass),
    load: async (rows) => (await index.read(rows)).map(sequences),
  };
}

/** A piece keeps the label of its last token, though the token itself starts the next piece. */
function pieces(sequence: Sequence, size: number): Sequence[] {
  const { tokens, labels, weights, row } = sequence;
  if (tokens.length <= size) return [sequence];
  return Array.from({ length: Math.ceil(tokens.length / size) }, (_, i) => {
    const [begin, end] = [i * size, Math.min(tokens.length, (i + 1) * size)];
    return {
      row, tokens: tokens.slice(begin, end), labels: labels.slice(begin, end),
      ...(weights === undefined ? {} : { weights: weights.slice(begin, end) }),
    };
  });
}
