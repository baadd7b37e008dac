import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = path.resolve(__dirname, '../..');

/** A small form of what CI measures: what happens, and not when. */
const ARGS = [
  'test/operations/shutdown.mjs',
  '--connections',
  '200',
  '--drain',
  '2000',
  '--deadline',
  '2500',
  '--untimed',
];

test('examples/shutdown.mjs: 1012 to all, 503 to checks and newcomers, and exit code 0 in spite of mute clients', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ARGS, { cwd: ROOT }).catch((error) => error);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^shutdown: 200 connections, 20 of them mute/m);
  expect(stdout).toMatch(/^shutdown: 0 problems$/m);
}, 60_000);
