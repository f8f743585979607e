// What a stream can show: whether it is a terminal, whether colour and moving bars are wanted. NO_COLOR, FORCE_COLOR
// and CI are respected; nothing moves and nothing is coloured when the output goes to a file or a pipe.

import pc from 'picocolors';

export interface Terminal {
  readonly write: (text: string) => void;
  /** A line may be drawn again over itself. */
  readonly live: boolean;
  readonly columns: () => number;
  readonly colors: ReturnType<typeof pc.createColors>;
}

interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export function terminalOf(stream: OutputStream, env: NodeJS.ProcessEnv = process.env): Terminal {
  const tty = stream.isTTY === true && env['TERM'] !== 'dumb';
  const plain = !!env['NO_COLOR'] || (!tty && !env['FORCE_COLOR']);
  const ci = !!env['CI'] && env['CI'] !== 'false';
  return {
    write: (text) => void stream.write(text),
    live: tty && !ci && !env['NO_COLOR'],
    columns: () => stream.columns ?? 80,
    colors: pc.createColors(!plain && !ci),
  };
}
