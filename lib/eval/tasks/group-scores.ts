// Scores of groups from the scores of their tasks: means, by rows or with all tasks alike, and their standard errors.

import { around } from './aggregate.js';
import type { TaskGroup } from './groups.js';
import { leaves } from './groups.js';
import type { TaskReport, TaskScore } from './run.js';

export interface GroupReport {
  readonly group: string;
  readonly alias: string | null;
  readonly version: string | number | null;
  /** Names of the tasks at its leaves. */
  readonly tasks: readonly string[];
  /** Of all its tasks. */
  readonly rows: number;
  readonly scores: readonly TaskScore[];
}

export function scoreGroup(group: TaskGroup, reports: readonly TaskReport[]): GroupReport {
  const own = leaves(group).map(({ task }) => reports.find((report) => report.task === task)!);
  const scores = group.metrics.flatMap(({ metric, filters, weightBySize }) => {
    const found = [...new Set(own.flatMap((report) => report.scores).filter((score) => score.metric === metric).map(({ filter }) => filter))];
    return (filters ?? found.sort()).flatMap((filter): readonly TaskScore[] => {
      const parts = own.flatMap((report) => report.scores.filter((score) => score.metric === metric && score.filter === filter).map((score) => ({ score, rows: report.rows })));
      if (parts.length === 0) return [];
      const weights = parts.map(({ rows }) => (weightBySize ? rows : 1));
      const value = parts.reduce((sum, { score }, i) => sum + score.value * weights[i]!, 0) / weights.reduce((a, b) => a + b, 0);
      const errors = parts.flatMap(({ score }) => (score.stderr === null ? [] : [score.stderr]));
      const stderr = errors.length < parts.length ? undefined : weightBySize ? pooled(errors, parts.map(({ rows }) => rows)) : Math.hypot(...errors) / errors.length;
      const directions = new Set(parts.map(({ score }) => score.higherIsBetter));
      return [{ metric, filter, value, stderr: stderr ?? null, interval: around(value, stderr) ?? null, higherIsBetter: directions.size === 1 ? parts[0]!.score.higherIsBetter : null }];
    });
  });
  return { group: group.name, alias: group.alias ?? null, version: group.version ?? null, tasks: own.map(({ task }) => task), rows: own.reduce((sum, { rows }) => sum + rows, 0), scores };
}

/** As if the rows of all tasks were one sample, from each task's standard error of its mean. */
function pooled(errors: readonly number[], sizes: readonly number[]): number {
  const all = sizes.reduce((a, b) => a + b, 0);
  const squares = errors.reduce((sum, error, i) => sum + (sizes[i]! - 1) * error ** 2 * sizes[i]!, 0);
  return Math.sqrt(squares / (all - sizes.length) / all);
}
