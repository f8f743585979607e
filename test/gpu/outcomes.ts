// What a run without jest says: one outcome for each case on each backend, a line for those that fail, a table of all.

/** Where a case ran. */
export interface Place {
  readonly backend: string; // "cpu", "cuda"
  readonly isa?: string;
  readonly threads?: number;
}

/** One case in one type, before it ran anywhere. */
export interface Case {
  readonly group: 'operations' | 'checks' | 'models' | 'golden' | 'training' | 'failures';
  readonly op: string;
  readonly name: string;
  readonly dtype: string;
}

export interface Finding {
  /** "declined": the backend said LORA_UNSUPPORTED, in words. */
  readonly outcome: 'passed' | 'failed' | 'declined';
  /** What came closest to its budget, or went furthest past it. */
  readonly what?: string;
  readonly error?: number;
  readonly budget?: number;
  readonly message?: string;
}

export interface Outcome extends Case, Place, Finding {
  readonly milliseconds: number;
}

/** A number beside what it may be at most. */
export interface Measure {
  readonly what: string;
  readonly error: number;
  readonly budget: number;
}

const ratioOf = ({ error, budget }: { readonly error: number; readonly budget: number }): number => (error === 0 ? 0 : error / budget);

const number = (x: number): string => (x === 0 ? '0' : x.toExponential(2));

export const told = ({ what, error, budget }: Measure): string => `${what} is off by ${number(error)}, budget ${number(budget)}`;

/** Passed when every error is within its budget (NaN never is) and nothing else is wrong. */
export function findingOf(measures: readonly Measure[], problems: readonly string[] = []): Finding {
  const beyond = measures.filter(({ error, budget }) => !(error <= budget));
  const rank = (m: Measure): number => (Number.isNaN(m.error) ? Infinity : ratioOf(m));
  const worst = measures.reduce<Measure | undefined>((a, b) => (a === undefined || rank(b) > rank(a) ? b : a), undefined);
  const all = [...problems, ...beyond.map(told)];
  return { outcome: all.length === 0 ? 'passed' : 'failed', ...worst, ...(all.length === 0 ? {} : { message: all.join('; ') }) };
}

export const placeName = ({ backend, isa, threads }: Place): string =>
  [backend, isa, threads === undefined ? undefined : `${threads} thread${threads === 1 ? '' : 's'}`].filter(Boolean).join(' ');

export function failureLine(o: Outcome): string {
  const parts = (o.message ?? '').split('; ');
  const more = parts.length > 3 ? `; and ${parts.length - 3} more` : ''; // all of them are in the report
  return `FAILED ${o.op} | ${o.name} | ${placeName(o)} | ${o.dtype} | ${parts.slice(0, 3).join('; ')}${more}`;
}

export interface Row {
  readonly op: string;
  readonly backend: string;
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly declined: number;
  /** Largest error over its budget; NaN when an error was. */
  readonly worst: number | undefined;
  readonly where: string;
}

/** One row for each operation and backend, in the order in which they came. */
export function summary(outcomes: readonly Outcome[]): readonly Row[] {
  const groups = new Map<string, Outcome[]>();
  for (const o of outcomes) {
    const key = `${o.op}|${o.backend}|${o.isa ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), o]);
  }
  return [...groups.values()].map((group) => {
    const count = (outcome: Finding['outcome']): number => group.filter((o) => o.outcome === outcome).length;
    let worst: number | undefined;
    let where = '';
    for (const o of group) {
      if (o.error === undefined || o.budget === undefined) continue;
      const ratio = ratioOf({ error: o.error, budget: o.budget });
      if (worst !== undefined && !(ratio > worst || Number.isNaN(ratio))) continue;
      worst = ratio;
      where = `${o.dtype} ${o.what ?? ''}: ${o.name}`;
      if (Number.isNaN(ratio)) break;
    }
    const { op, backend, isa } = group[0]!;
    return { op, backend: placeName({ backend, ...(isa === undefined ? {} : { isa }) }), cases: group.length, passed: count('passed'),
      failed: count('failed'), declined: count('declined'), worst, where };
  });
}

export function tableText(rows: readonly Row[]): string {
  const head = ['operation', 'backend', 'cases', 'passed', 'failed', 'declined', 'error/budget', 'at'];
  const cells = [head, ...rows.map((r) => [r.op, r.backend, r.cases, r.passed, r.failed, r.declined,
    r.worst === undefined ? '-' : r.worst.toFixed(3), r.where.slice(0, 70)].map(String))];
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const aligned = (row: readonly string[]): string =>
    row.map((cell, i) => (i >= 2 && i <= 6 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd();
  return cells.map(aligned).join('\n');
}

/** Every sentence (the first of each) with which something was declined, and how often. */
export function declines(outcomes: readonly Outcome[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const o of outcomes.filter(({ outcome }) => outcome === 'declined')) {
    const key = `${o.op} in ${o.dtype} on ${o.backend}: ${(o.message ?? 'without a sentence').split('\n')[0]}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `${key} (${count} times)`);
}
