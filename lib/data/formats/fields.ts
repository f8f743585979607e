// Reads one field of a row with a check, for all formats; errors name the file, the row and the field.
import { dataError, describe } from '../../errors.js';
import type { RecordOrigin, Role } from '../../record.js';
import { parseExact } from '../exact.js';
import type { RawRow } from '../source.js';

/** Fields that formats look for, by our names. */
export const FIELDS = [
  'text', 'prompt', 'completion', 'instruction', 'input', 'output', 'context', 'response', 'history', 'system', 'messages',
  'conversations', 'tools', 'chosen', 'rejected', 'label', 'weight', 'role', 'content',
] as const;

export type FieldName = (typeof FIELDS)[number];

/**
 * A user's names for our fields: `{ prompt: 'question', completion: 'answer' }`. Dots lead into objects
 * (`meta.question`). `role` and `content` are fields of a message.
 */
export type FieldNames = Readonly<Partial<Record<FieldName, string>>>;

/** A user's names for speakers: `{ bot: 'assistant' }`. */
export type RoleNames = Readonly<Record<string, Role>>;

export interface Mapping {
  readonly fields?: FieldNames;
  readonly roles?: RoleNames;
}

export class RowFields {
  readonly raw: RawRow;
  readonly mapping: Mapping;
  #exact: unknown;

  constructor(raw: RawRow, mapping: Mapping = {}) {
    this.raw = raw;
    this.mapping = mapping;
  }

  /** Fields of an object inside the row, by their own names. */
  within(value: Readonly<Record<string, unknown>>): RowFields {
    const { file, row, index, after } = this.raw;
    return new RowFields({ value, file, row, index, after });
  }

  name(field: FieldName): string {
    return this.mapping.fields?.[field] ?? field;
  }

  get(field: FieldName): unknown {
    return at(this.raw.value, this.name(field));
  }

  /** As {@link get}, with numbers and keys as they stand in the file (marked text, see exact.ts). */
  exact(field: FieldName): unknown {
    if (this.raw.text === undefined) return this.get(field);
    this.#exact ??= parseExact(this.raw.text);
    return at(this.#exact as Readonly<Record<string, unknown>>, this.name(field));
  }

  has(field: FieldName): boolean {
    const value = this.get(field);
    return value !== undefined && value !== null;
  }

  /** Text that is well-formed Unicode; `missing` is what an absent or null field counts as, if it may be absent. */
  text(field: FieldName, missing?: string): string {
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

  error(field: FieldName, problem: string): Error {
    return dataError({ file: this.raw.file, row: this.raw.row, field: this.name(field) }, problem);
  }
}

/** A field by its name, or along a dotted path where no field has that name. */
function at(value: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(value, name)) return value[name];
  if (!name.includes('.')) return undefined;
  let inner: unknown = value;
  for (const part of name.split('.')) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, part)) return undefined;
    inner = (inner as Record<string, unknown>)[part];
  }
  return inner;
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
