import { createHash } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { WebSocket } from '../../src/index.js';
import { type Program, runNode } from './program.js';
import { connected, until } from './servers.js';

/** What a primary process does at least. */
export const PRIMARY = `
  await load();
  for (let i = 0; i < 3; i++) cluster.fork();
`;

/** What a worker does at least. */
export const WORKER = `
  const broker = (await load()).cluster();
  const served = await server(broker);
`;

/** A node:cluster of which the test knows the processes, which it kills at its end. */
export class Cluster {
  readonly program: Program;

  constructor(primary: string, worker: string, ...flags: string[]) {
    this.program = runNode([...flags, 'test/support/cluster-program.mjs'], { PRIMARY: primary, WORKER: worker });
    onTestFinished(() => {
      for (const [, pid] of this.program.stdout.matchAll(/^port \d+ \d+ (\d+)$/gm)) kill(Number(pid), 'SIGKILL');
    });
  }

  /** How often it has said this. */
  count(line: string): number {
    return this.program.stdout.split('\n').filter((said) => said === line).length;
  }

  async pid(name: number): Promise<number> {
    return Number((await this.program.printed(new RegExp(`^port ${name} \\d+ (\\d+)$`, 'm')))[1]);
  }

  /** A client of the worker of this number, or of another server of that name. */
  async client(name: number, ...topics: string[]): Promise<WebSocket> {
    const [, port] = await this.program.printed(new RegExp(`^port ${name} (\\d+) `, 'm'));
    const ws = await connected(`ws://127.0.0.1:${port}`);
    if (topics.length > 0) tell(ws, 'join', ...topics);
    return ws;
  }
}

/** A signal to a process that may be gone. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/** Has the server of a client run a command. */
export function tell(ws: WebSocket, ...command: unknown[]): void {
  void ws.send(JSON.stringify(command));
}

/** Waits until each of these clients, which have joined `topic`, hears all of them: from then on nothing is lost. */
export async function meet(topic: string, ...clients: WebSocket[]): Promise<void> {
  const heard = clients.map(() => new Set<string>());
  const met = clients.map(async (ws, i) => {
    const last = new Set<string>();
    while (last.size < clients.length) {
      const text = await ws.receiveStrPacket();
      if (text.startsWith('hello ')) heard[i].add(text);
      else if (text.startsWith('met ')) last.add(text);
    }
  });
  const publish = (word: string) => {
    for (const [i, ws] of clients.entries()) tell(ws, 'publish', topic, `${word} ${i}`);
  };
  await until(
    () => publish('hello') === undefined && heard.every(({ size }) => size === clients.length),
    () => `all to hear each other, not ${heard.map(({ size }) => size)}`,
  );
  publish('met');
  await Promise.all(met);
}

/** @throws Error if the hash of a message is not its own */
export function partsOf(text: string): { from: number; topic: string; number: number } {
  const [hash] = text.split(' ', 1);
  const rest = text.slice(hash.length + 1);
  if (createHash('sha256').update(rest).digest('hex') !== hash) throw new Error(`Not as it was sent: ${text}`);
  const [from, number, topic] = rest.split(' ');
  return { from: Number(from), number: Number(number), topic: decodeURIComponent(topic) };
}
