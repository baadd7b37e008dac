import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

export const ROOT = path.resolve(__dirname, '../..');

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that runs beside the tests. */
export class Program {
  /** What it has printed so far. */
  stdout = '';
  stderr = '';
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;

  /** @param args relative paths start at `cwd`, by default the project's root */
  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = ROOT) {
    this.#child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    // 'close' comes behind the last of the output.
    this.exit = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }));
    this.exit.catch(() => {});
  }

  /** Waits until the standard output matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      const more = once(this.#child.stdout, 'data').then(() => true);
      if (!(await Promise.race([more, this.exit.then(() => pattern.test(this.stdout))]))) {
        throw new Error(`It ended without printing ${pattern}. It printed: ${this.stdout}${this.stderr}`);
      }
    }
  }

  /** The first URL that it prints. */
  async url(): Promise<string> {
    const [url] = await this.printed(/\b(?:http|ws)s?:\/\/\S+(?=\s)/);
    return url;
  }

  /** Ctrl-C. */
  interrupt(): Promise<Exit> {
    this.#child.kill('SIGINT');
    return this.exit;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.exit.catch(() => {});
  }
}

/** Runs a script on this Node until it ends, or the test does. */
export function runNode(args: readonly string[], env?: NodeJS.ProcessEnv, cwd?: string): Program {
  const program = new Program(process.execPath, args, env, cwd);
  onTestFinished(() => program.kill());
  return program;
}
