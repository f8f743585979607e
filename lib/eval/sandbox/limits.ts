// What a contained program may use, and how its run ended. Plain data, shared by everything in this folder.

export interface SandboxLimits {
  /** CPU seconds of one process, rounded up. @default 3 */
  readonly cpuSeconds?: number;
  /** Seconds on the clock for the whole run. @default 10 */
  readonly wallSeconds?: number;
  /** Memory of all processes together, and of each one alone. @default 1 GiB */
  readonly memoryBytes?: number;
  /** Processes and threads at once. @default 64 */
  readonly processes?: number;
  /** Bytes written to stdout and stderr together. @default 1 MiB */
  readonly outputBytes?: number;
  /** Bytes of the scratch folder, and of one file in it. @default 32 MiB */
  readonly scratchBytes?: number;
}

export const DEFAULT_LIMITS: Required<SandboxLimits> = {
  cpuSeconds: 3, wallSeconds: 10, memoryBytes: 2 ** 30, processes: 64, outputBytes: 2 ** 20, scratchBytes: 32 * 2 ** 20,
};

/** What runs: files that appear read-only in /box, and a command whose runtime lies under `mounts`. */
export interface Program {
  /** Name to content. Names are plain: no folders. */
  readonly files: Readonly<Record<string, string>>;
  /** The first is the path of an executable; "{box}" stands for the folder of the files. */
  readonly command: readonly string[];
  /** Files and folders of this machine that the runtime needs, beside the system's libraries. Read-only. */
  readonly mounts: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

export interface Contained {
  /** "exit" and "signal": by itself; the others name the limit that was passed. */
  readonly ended: 'exit' | 'signal' | 'cpu-time' | 'wall-time' | 'memory' | 'processes' | 'output';
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** Largest memory seen, in bytes; 0 for runs too short to be looked at. */
  readonly peakBytes: number;
}
