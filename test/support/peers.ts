import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';

/** Another implementation, as far as it is on this machine. */
export interface Peer {
  readonly name: string;
  /** What runs it. */
  readonly command: string;
  readonly args: readonly string[];
  /** Why it cannot be used; undefined if it can. */
  readonly missing: string | undefined;
}

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 15_000 }).status === 0;
}

function firstThatRuns(commands: readonly string[], ...args: string[]): string | undefined {
  return commands.find((command) => runs(command, ...args));
}

/** Python's `websockets`. Debian's package is only there for Debian's own interpreter. */
export function pythonWebsockets(): Peer {
  const command = firstThatRuns(['/usr/bin/python3', 'python3', 'python'], '-c', 'import websockets.legacy.client');
  const missing = command === undefined ? 'no Python that can import websockets' : undefined;
  return { name: 'Python websockets', command: command ?? '', args: [], missing };
}

export function headlessChromium(): Peer {
  const command = firstThatRuns(['/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome'], '--version');
  const args = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ];
  return { name: 'Chromium', command: command ?? '', args, missing: command === undefined ? 'no chromium' : undefined };
}

/** The WebSocket of Node itself: global from 22 on, behind a flag from 20.10 on. */
export function nodeWebSocket(): Peer {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const missing = major === 20 && minor < 10 ? `Node ${process.versions.node} has none` : undefined;
  const args = major < 22 ? ['--experimental-websocket', '--no-warnings'] : [];
  return { name: 'the WebSocket of Node', command: process.execPath, args, missing };
}

/**
 * Any other command. Debian has nginx and HAProxy in /usr/sbin, which is not in everybody's PATH.
 *
 * @param flag has it tell its version
 */
export function commandPeer(name: string, flag: string): Peer {
  const command = firstThatRuns([name, `/usr/sbin/${name}`], flag);
  return { name, command: command ?? '', args: [], missing: command === undefined ? `no ${name}` : undefined };
}

/**
 * A suite that needs another implementation. Where that is missing the suite is skipped, and says why; with
 * WASOCK_REQUIRE_PEERS=1 it fails.
 */
export function describePeer({ name, missing }: Peer, suite: () => void): void {
  if (missing !== undefined && process.env.WASOCK_REQUIRE_PEERS === '1') {
    test(name, () => {
      throw new Error(`WASOCK_REQUIRE_PEERS is set, but there is ${missing}`);
    });
    return;
  }
  const title = missing === undefined ? name : `${name} (skipped: ${missing})`;
  describe(title, { skip: missing !== undefined }, suite);
}
