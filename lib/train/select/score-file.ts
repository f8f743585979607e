// Scores of rows on the disk: one line a row behind a line that says of what, so that a stopped pass goes on where it was
// and a finished one is never made twice.
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What the model says about one row. */
export interface RowScore {
  /** Index of the row in its data set. */
  readonly row: number;
  /** Learned tokens. */
  readonly tokens: number;
  /** Mean nll of the learned tokens, in nats. */
  readonly loss: number;
  /** The same without what comes before them; only for IFD. */
  readonly alone?: number;
}

export class ScoreFile {
  readonly #file: string;
  readonly scores: RowScore[];

  private constructor(file: string, scores: RowScore[]) {
    this.#file = file;
    this.scores = scores;
  }

  /** Opens the scores of `key`; what is damaged or of another key counts as not there. */
  static async open(folder: string, key: string): Promise<ScoreFile> {
    const file = path.join(folder, `${key}.jsonl`);
    await mkdir(folder, { recursive: true });
    const text = await readFile(file, 'utf8').catch(() => '');
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n').slice(0, -1);
    const scores = lines[0] === JSON.stringify({ scores: key }) ? readScores(lines.slice(1)) : [];
    const kept = `${[JSON.stringify({ scores: key }), ...scores.map(lineOf)].join('\n')}\n`;
    if (kept !== text) {
      await writeFile(`${file}.partial`, kept);
      await rename(`${file}.partial`, file);
    }
    return new ScoreFile(file, scores);
  }

  async add(scores: readonly RowScore[]): Promise<void> {
    if (scores.length === 0) return;
    const handle = await open(this.#file, 'a');
    try {
      await handle.writeFile(`${scores.map(lineOf).join('\n')}\n`);
    } finally {
      await handle.close();
    }
    this.scores.push(...scores);
  }
}

function lineOf({ row, tokens, loss, alone }: RowScore): string {
  return JSON.stringify([row, tokens, loss, ...(alone === undefined ? [] : [alone])]);
}

/** Lines up to the first that is none. */
function readScores(lines: readonly string[]): RowScore[] {
  const scores: RowScore[] = [];
  for (const line of lines) {
    try {
      const [row, tokens, loss, alone] = JSON.parse(line) as number[];
      if (![row, tokens, loss].every((value) => typeof value === 'number')) break;
      scores.push({ row: row!, tokens: tokens!, loss: loss!, ...(alone === undefined ? {} : { alone }) });
    } catch {
      break;
    }
  }
  return scores;
}
