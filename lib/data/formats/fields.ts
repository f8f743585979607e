// Reads one field of a row with a check, for all formats; errors name the file, the row and the field.
import { dataError, describe } from '../../errors.js';
import type { RecordOrigin } from '../../record.js';
import type { RawRow } from '../source.js';

/** A user's names for our fields: `{ prompt: 'question', completion: 'answer' }`. */
export type FieldNames = Readonly<
  Partial<
    Record<
      'text' | 'prompt' | 'completion' | 'instruction' | 'input' | 'output' | 'messages' | 'tools' | 'weight',
      string
    >
  >
>;

export class RowFields {
  readonly raw: RawRow;
  readonly #names: FieldNames;

  constructor(raw: RawRow, names: FieldNames) {
    this.raw = raw;
    this.#names = names;
  }

  name(field: keyof FieldNames): string {
    return this.#names[field] ?? field;
  }

  get(field: keyof FieldNames): unknown {
    const name = this.name(field);
    return Object.hasOwn(this.raw.value, name) ? this.raw.value[name] : undefined;
  }

  has(field: keyof FieldNames): boolean {
    const value = this.get(field);
    return value !== undefined && value !== null;
  }

  /** Text that is well-formed Unicode; `missing` is what an absent or null field counts as, if it may be absent. */
  text(field: keyof FieldNames, missing?: string): string {
    const value = this.get(field) ?? missing;
    if (typeof value !== 'string') {
      throw this.error(
        field,
        `expected text, came ${describe(value)}. ` +
          (value === undefined ? `This row has ${found(this.raw)}` : 'Put it in quotes'),
      );
    }
    return this.checkText(value, this.name(field));
  }

  /** Half of a surrogate pair (`"\ud83d"` alone) is no character: tokenizers would silently learn U+FFFD instead. */
  checkText(value: string, field: string): string {
    if (!isWellFormed(value)) {
      throw dataError(
        { file: this.raw.file, row: this.raw.row, field },
        'expected whole Unicode characters, came half of a surrogate pair (such as "\\ud83d" alone). ' +
          'Write the whole character, or remove it',
      );
    }
    return value;
  }

  origin(): RecordOrigin {
    const { file, row, index } = this.raw;
    const weight = this.get('weight');
    if (weight === undefined || weight === null) return { file, row, index };
    return { file, row, index, weight: checkWeight(weight, { file, row, field: this.name('weight') }) };
  }

  error(field: keyof FieldNames, problem: string): Error {
    return dataError({ file: this.raw.file, row: this.raw.row, field: this.name(field) }, problem);
  }
}

export function checkWeight(weight: unknown, place: { file: string; row: number; field: string }): number {
  if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) {
    throw dataError(
      place,
      `expected a weight of 0 or more, came ${describe(weight)}. Use 1 for normal rows, 0 to leave it out of the loss`,
    );
  }
  return weight;
}

/** The row's fields in words. */
export function found({ value }: RawRow): string {
  const names = Object.keys(value);
  if (names.length === 0) return 'no fields';
  return `the fields ${names
    .slice(0, 12)
    .map((name) => `"${name}"`)
    .join(', ')}${names.length > 12 ? ' …' : ''}`;
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text) || (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}
