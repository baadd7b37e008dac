import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, runNode } from '../support/program.js';

const MOST: Record<string, number> = { read: 9, send: 9, upgrade: 12 };

/** The files that docs/architecture.md walks through: those in code spans of the list that begins with the trip's name. */
function walked(trip: string): string[] {
  const text = readFileSync(path.join(ROOT, 'docs/architecture.md'), 'utf8');
  const section = text.split('\n### ').find((part) => part.startsWith(`${trip}:`)) ?? '';
  const steps = section.split('\n').filter((line) => /^\d+\. /.test(line));
  const files = steps.map((line) => line.match(/`([\w/-]+)`/)?.[1] ?? line);
  // Later Nodes make sockets themselves.
  return process.versions.node.startsWith('20.') ? files : files.filter((file) => file !== 'net/node/accept');
}

test('the trips that docs/architecture.md walks go through the files that it names, and few of them', async () => {
  const run = runNode(['test/support/trips.mjs']);
  await run.exit;
  const trips = JSON.parse(run.stdout) as Record<string, string[]>;
  for (const [trip, files] of Object.entries(trips)) {
    expect(files.length, trip).toBeLessThanOrEqual(MOST[trip]);
    expect(walked(trip), trip).toEqual(files);
  }
});
