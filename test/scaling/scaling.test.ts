import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { natsServer, redisServer } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';

const ROOT = path.resolve(__dirname, '../..');

/** Plays one schedule of random faults, or of none. */
async function play(broker: string, steps: number): Promise<string> {
  const args = ['test/scaling/run.mjs', '--schedules', '1', '--broker', broker, '--steps', String(steps)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).catch((error) => error);
  return stdout;
}

const title = 'three processes with 300 sockets: each gets each message of its 20 topics exactly once and in order';

for (const peer of [redisServer(), natsServer()]) {
  describePeer(peer, () => {
    test(title, async () => {
      expect(await play(peer.name.replace('-server', ''), 0)).toMatch(/, 0 with findings/);
    }, 60_000);
  });
}

test(`over node:cluster, ${title}`, async () => {
  expect(await play('cluster', 0)).toMatch(/, 0 with findings/);
}, 60_000);
