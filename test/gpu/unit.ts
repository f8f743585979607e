// A piece of work that one process does without a break, reporting as it goes.
import type { Case, Finding, Place } from './outcomes.js';

export interface Reporter {
  /** What follows runs there; should the process die, this is where it did. */
  at(place: Place): void;
  add(finding: Finding, name?: string): void;
  /** Another process must do what follows. */
  leave(): void;
}

export interface Unit extends Case {
  run(report: Reporter): void | Promise<void>;
}
