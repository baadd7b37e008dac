import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { newWebSocket } from '../../src/index.js';
import { freePort } from '../support/broker-servers.js';
import { newProject } from '../support/installed-example.js';
import { ROOT, runNode } from '../support/program.js';

const PAGE = readFileSync(path.join(ROOT, 'docs/frameworks.md'), 'utf8');
/** An ECMAScript module, which CommonJS cannot import otherwise. */
const guide = () => import('../dependents/framework-guide.mjs');

/** The others are large, or do not support every Node: test/dependents/frameworks.mjs runs them. */
const HERE: Readonly<Record<string, readonly string[]>> = {
  'Express 5': ['express', 'cookie-session'],
  'Koa 3': ['koa'],
  Hono: ['hono', '@hono/node-server'],
};

test('every program of docs/frameworks.md is run, here or by test/dependents', async () => {
  const PROGRAMS = (await guide()).programsOf(PAGE);
  const others = readFileSync(path.join(ROOT, 'test/dependents/frameworks.mjs'), 'utf8');
  const elsewhere = [...PROGRAMS.keys()].filter((heading) => others.includes(`'${heading}'`));
  expect([...Object.keys(HERE), ...elsewhere].sort()).toEqual([...PROGRAMS.keys()].sort());
  expect(PAGE.match(/^```/gm)).toHaveLength(2 * [...PROGRAMS.values()].flat().length);
});

test.each(Object.entries(HERE))(
  '%s: 401 without a session, then a socket; 404 for other paths',
  async (heading, packages) => {
    const { ENVIRONMENT, expectRoute, onPort, programsOf } = await guide();
    const [{ code }] = programsOf(PAGE).get(heading)!;
    const port = await freePort();
    const file = path.join(newProject(packages), 'server.mjs');
    writeFileSync(file, onPort(code, port));
    const program = runNode([file], ENVIRONMENT);
    const ended = program.exit.then(() => Promise.reject(new Error(`It has ended: ${program.stderr}`)));
    const route = expectRoute(port, newWebSocket, () => program.stdout + program.stderr);
    await expect(Promise.race([route, ended])).resolves.toBeUndefined();
  },
);
