import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

type CheckIds = {
  idsOf(markdown: string): string[];
  lacksProgram(test: { fullName: string; status: string }): boolean;
  names(title: string, id: string): boolean;
  problemsOf(ids: string[], tests: { fullName: string; status: string }[]): string[];
  unlistedIn(ids: string[], tests: { fullName: string }[]): string[];
};

describe('the id check', () => {
  let checkIds: CheckIds;

  beforeAll(async () => {
    const script: string = '../support/check-ids.mjs';
    checkIds = await import(script);
  });

  test('reads the first column of every table that is headed id', () => {
    const markdown =
      '| id | x |\n|--|:-:|\n| `S1` | `S2` |\n| `C1.send` | b |\n\n| name | x |\n|--|--|\n| `no` | x |\n';
    expect(checkIds.idsOf(markdown)).toEqual(['S1', 'C1.send']);
  });

  test('refuses a row without an id', () => {
    expect(() => checkIds.idsOf('| id | x |\n|--|--|\n| S1 | a |\n')).toThrow('Not an id');
  });

  test('finds the ids of the list for users of the seed', () => {
    const ids = checkIds.idsOf(readFileSync(path.resolve(__dirname, '../../docs/seed.md'), 'utf8'));
    const series = (letter: string, count: number) => Array.from({ length: count }, (_, index) => letter + (index + 1));
    const rows = [series('S', 11), series('K', 10), series('T', 7), series('R', 18), series('P', 6)].flat();
    expect(rows.filter((id) => !ids.includes(id))).toEqual([]);
    expect(ids.filter((id) => !rows.includes(id) && !/^C[17]\.\w+$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('finds the ids of attacks, of brokers and of hazards, each once and with their prefix', () => {
    const ids = checkIds.idsOf(readFileSync(path.resolve(__dirname, '../../docs/conformance.md'), 'utf8'));
    expect(ids.filter((id) => !/^((hostile|broker)\.[A-Z]\d?[.-]\d+|hazard\.\d+)$/.test(id))).toEqual([]);
    expect(ids.filter((id) => id.startsWith('hostile.')).length).toBeGreaterThan(100);
    expect(ids.filter((id) => id.startsWith('broker.')).length).toBeGreaterThan(25);
    expect(new Set(ids).size).toBe(ids.length);
  });

  // The ids here are made up: a title with a true one would stand for it.
  test.each([
    ['demo.S1: keeps silent', 'demo.S1', true],
    ['the handshake demo.S1', 'demo.S1', true],
    ['as in demo.S1. And more', 'demo.S1', true],
    ['[demo.S1, demo.S2]', 'demo.S1', true],
    ['demo.S10: no', 'demo.S1', false],
    ['demo.S1.x: no', 'demo.S1', false],
    ['other.demo.S1: no', 'demo.S1', false],
    ['demoxS1: no', 'demo.S1', false],
    ['demo.C7.test_ws: no', 'demo.C7.test', false],
    ['demo.C1.send-all: no', 'demo.C1.send', false],
    ['demo.P.@scope/name: a package', 'demo.P.@scope/name', true],
    ['demo.P.@scope/name-ws: no', 'demo.P.@scope/name', false],
    ['demo.P.name/more: no', 'demo.P.name', false],
  ])('%s', (title, id, expected) => {
    expect(checkIds.names(title, id)).toBe(expected);
  });

  test('lists what is missing, failed or passed nowhere', () => {
    const tests = [
      { fullName: 'x.A1 holds', status: 'passed' },
      { fullName: 'x.A2 holds', status: 'passed' },
      { fullName: 'x.A2 holds', status: 'failed' },
      { fullName: 'x.A3 and x.A1 wait', status: 'skipped' },
      { fullName: 'x.A4 with WebAssembly only', status: 'skipped' },
      { fullName: 'x.A4 with WebAssembly only', status: 'passed' },
    ];
    expect(checkIds.problemsOf(['x.A1', 'x.A2', 'x.A3', 'x.A4', 'x.A5', 'x.A4'], tests)).toEqual([
      'x.A1: passed nowhere (skipped): x.A3 and x.A1 wait',
      'x.A2: failed: x.A2 holds',
      'x.A3: passed nowhere (skipped): x.A3 and x.A1 wait',
      'x.A5: no test names it',
      'x.A4: listed twice',
    ]);
  });

  test.each([
    ['redis-server (skipped: no redis-server) x.A1: holds', 'skipped', true],
    ['redis-server x.A1: holds', 'skipped', false],
    ['redis-server (skipped: no redis-server) x.A1: holds', 'failed', false],
    ['redis-server (skipped: for a while) x.A1: holds', 'skipped', false],
  ])('takes a suite for one that lacks a program only if it says which, and was skipped: %s, %s', (...test) => {
    const [fullName, status, expected] = test;
    expect(checkIds.lacksProgram({ fullName, status })).toBe(expected);
  });

  test('lists ids in titles that no document has', () => {
    const titles = [
      'x.A1: holds',
      'a server x.A1 y.1: holds',
      'x.A2: is forgotten',
      'a server x.A2: is forgotten',
      'x.A1 y.P.@scope/names: one letter too many',
      'y.1. At the end y.11.',
      'z.A1: has a prefix that nobody knows',
      'x.send and my.x.A9 and x.: are no ids',
    ];
    const ids = ['x.A1', 'y.1', 'y.P.@scope/name'];
    expect(
      checkIds.unlistedIn(
        ids,
        titles.map((fullName) => ({ fullName })),
      ),
    ).toEqual([
      'x.A2: in no list: x.A2: is forgotten',
      'x.A2: in no list: a server x.A2: is forgotten',
      'y.P.@scope/names: in no list: x.A1 y.P.@scope/names: one letter too many',
      'y.11: in no list: y.1. At the end y.11.',
    ]);
  });
});
